//! The parts of a site that deliver, under a supervisor as in a site: the store's writer, and the pump of one outbox.

use std::{path::Path, sync::Arc, time::Duration};

use parapet_actors::{
    journal::Journal,
    store::{StoreHandle, StoreSettings, StoreWriter},
    uploader::{Pump, PumpBoard, PumpSettings, backoff},
    worker::{Body, Worker},
};
use parapet_contracts::{
    Clock, SystemClock,
    ports::{
        sink::SinkPort,
        store::{OutboxItem, Retention, StorePort},
    },
};
use parapet_store_rocksdb::{FallbackJournal, RocksStore, StoreOptions};
use parapet_supervision::{ChildSpec, StartContext, SupervisorHandle, SupervisorSpec};
use parapet_testkit::conformance::samples::{id, time};

use crate::counting::Counting;

/// A store with its writer, and what counts its commits.
pub struct Store {
    /// By which others reach it.
    pub handle: StoreHandle,
    /// The store, which counts.
    pub port: Arc<Counting<RocksStore>>,
    journal: Journal,
    clock: Arc<dyn Clock>,
    root: SupervisorHandle,
}

impl Store {
    /// A store in this folder.
    pub async fn start(folder: &Path) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let port = Arc::new(Counting::new(RocksStore::open(folder.join("store"), StoreOptions::default()).unwrap()));
        let journal = Journal::new(Arc::clone(&clock));
        let fallback = Arc::new(FallbackJournal::open(folder.join("journal.jsonl")).unwrap());
        let (handle, queue) = StoreHandle::new(Arc::clone(&port) as _);
        let ever = Duration::from_secs(365 * 86_400);
        let settings =
            StoreSettings { retention: Retention::default(), retain_every: ever, retry_after: Duration::from_secs(1) };
        let (for_writer, for_journal, time) = (handle.clone(), journal.clone(), Arc::clone(&clock));
        let spec = ChildSpec::new("store", move |context: StartContext| {
            let writer = StoreWriter {
                handle: for_writer.clone(),
                queue: queue.clone(),
                journal: for_journal.clone(),
                fallback: Arc::clone(&fallback) as _,
                clock: Arc::clone(&time),
                settings: settings.clone(),
                heartbeat: context.heartbeat("loop"),
            };
            async move { Ok(context.spawn(Worker, ("store".to_owned(), writer.body())).await?.get_cell()) }
        });
        let root = SupervisorSpec::new("site").child(spec).start().await.unwrap();
        root.settled(Duration::from_secs(10)).await.unwrap();
        Self { handle, port, journal, clock, root }
    }

    /// Begins to empty an outbox into a sink. It ends with the value that is returned.
    pub async fn pump(&self, queue: &str, sink: Arc<dyn SinkPort>) -> SupervisorHandle {
        let pause = backoff(Duration::from_millis(10), Duration::from_millis(100));
        let pump = Pump {
            actor: "uploaders/bench".to_owned(),
            store: self.handle.clone(),
            sink,
            board: PumpBoard::new(queue),
            journal: self.journal.clone(),
            clock: Arc::clone(&self.clock),
            settings: PumpSettings::plain(queue, pause),
        };
        let spec = ChildSpec::new("pump", move |context: StartContext| {
            let pump = pump.clone();
            let body = Body::task(move |stop| pump.run(stop));
            async move { Ok(context.spawn(Worker, ("pump".to_owned(), body)).await?.get_cell()) }
        });
        let root = SupervisorSpec::new("uploaders").child(spec).start().await.unwrap();
        root.settled(Duration::from_secs(10)).await.unwrap();
        root
    }

    /// How many entries an outbox holds.
    pub fn waiting(&self, queue: &str) -> u64 {
        let lengths = self.port.outbox_lengths().unwrap();
        lengths.into_iter().find(|(name, _)| name == queue).map_or(0, |(_, length)| length)
    }

    /// Stops in order.
    pub async fn stop(self) {
        self.root.shutdown(Duration::from_secs(10)).await;
    }
}

/// An event for an outbox, as long as a small CloudEvent of an alert: some 700 bytes.
pub fn event(number: u64, topic: &str) -> OutboxItem {
    let payload = format!(
        r#"{{"specversion":"1.0","id":"{}","source":"/sites/harbour","type":"parapet.alert","data":{{"n":{number},"text":"{}"}}}}"#,
        id(number),
        "one person in the yard since three seconds; ".repeat(12),
    );
    OutboxItem::new(id(number), "alert", topic, payload).about(Some("gate".to_owned()), time(number))
}
