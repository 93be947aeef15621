//! How many alerts a second a site makes durable: `script/bench store`.
//!
//! Alerts go the way that the site's alert desk sends them: through the store's handle, its bounded queue, and the writer that
//! gathers what waits into one synced batch. The peer is a bare RocksDB loop that writes the same bytes in batches of the size that
//! the writer was just seen to gather, on the same disk, turn by turn. The ratio is what the store's own work costs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/counting.rs"]
mod counting;
mod support;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use counting::Counting;
use parapet::telemetry::Metrics;
use parapet_actors::{
    journal::Journal,
    store::{StoreHandle, StoreSettings, StoreWriter},
    worker::Worker,
};
use parapet_contracts::{
    Severity, SystemClock,
    ports::store::{Retention, Write},
};
use parapet_store_rocksdb::{FallbackJournal, RocksStore, StoreOptions};
use parapet_supervision::{ChildSpec, StartContext, SupervisorHandle, SupervisorSpec};
use parapet_testkit::conformance::samples::{alert, id, item, time};
use support::{Figures, Spread};

/// How long each of the two runs before it is the other's turn: what else the machine does disturbs both alike.
const TURN: Duration = Duration::from_millis(250);
/// Turns of each.
const ROUNDS: usize = 16;
/// Alerts that wait for the disk at the same time: one camera's, a site's, a storm's.
const TOGETHER: [usize; 3] = [1, 16, 128];

fn main() {
    let mut figures = Figures::new("store");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    // As in a site: what the writer measures goes to a recorder.
    let _metrics = Metrics::install().unwrap();
    runtime.block_on(async {
        for together in TOGETHER {
            compare(together, &mut figures).await;
        }
    });
    figures.tell();
}

async fn compare(together: usize, figures: &mut Figures) {
    let (ours, raw) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let site = Store::start(ours.path()).await;
    let mut rocksdb = Raw::open(raw.path());
    let (mut rates, mut raw_rates, mut ratios, mut groups) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let (rate, group) = site.turn(together).await;
        let raw_rate = tokio::task::block_in_place(|| rocksdb.turn(group.round().max(1.0) as u64));
        rates.push(rate);
        raw_rates.push(raw_rate);
        ratios.push(rate / raw_rate);
        groups.push(group);
    }
    site.root.shutdown(Duration::from_secs(10)).await;
    let what = format!("{together} at once");
    figures.spread(&format!("durable alerts, {what}"), Spread::of(rates), "a second", None);
    figures.spread(&format!("alerts that shared a sync, {what}"), Spread::of(groups), "", None);
    figures.spread(&format!("RocksDB alone in the same groups, {what}"), Spread::of(raw_rates), "a second", None);
    figures.spread(&format!("ratio, {what}"), Spread::of(ratios), "", None);
}

/// The store actor of a site, under a supervisor.
struct Store {
    handle: StoreHandle,
    port: Arc<Counting<RocksStore>>,
    root: SupervisorHandle,
    next: Arc<AtomicU64>,
}

impl Store {
    async fn start(folder: &Path) -> Self {
        let clock = Arc::new(SystemClock::new());
        let port = Arc::new(Counting::new(RocksStore::open(folder.join("store"), StoreOptions::default()).unwrap()));
        let journal = Journal::new(clock.clone());
        let fallback = Arc::new(FallbackJournal::open(folder.join("journal.jsonl")).unwrap());
        let (handle, queue) = StoreHandle::new(Arc::clone(&port) as _);
        let ever = Duration::from_secs(365 * 86_400);
        let settings =
            StoreSettings { retention: Retention::default(), retain_every: ever, retry_after: Duration::from_secs(1) };
        let for_writer = handle.clone();
        let spec = ChildSpec::new("store", move |context: StartContext| {
            let writer = StoreWriter {
                handle: for_writer.clone(),
                queue: queue.clone(),
                journal: journal.clone(),
                fallback: Arc::clone(&fallback) as _,
                clock: clock.clone(),
                settings: settings.clone(),
                heartbeat: context.heartbeat("loop"),
            };
            async move { Ok(context.spawn(Worker, ("store".to_owned(), writer.body())).await?.get_cell()) }
        });
        let root = SupervisorSpec::new("site").child(spec).start().await.unwrap();
        root.settled(Duration::from_secs(10)).await.unwrap();
        Self { handle, port, root, next: Arc::default() }
    }

    /// Appends alerts, `together` of them waiting at any time; each with its entry in the outbox of the bus, as in a site.
    /// Returns alerts a second, and how many shared a sync on average.
    async fn turn(&self, together: usize) -> (f64, f64) {
        let (began, commits, first) = (Instant::now(), self.port.commits(), self.next.load(Ordering::Relaxed));
        let appenders: Vec<_> = (0..together)
            .map(|_| {
                let (handle, next) = (self.handle.clone(), Arc::clone(&self.next));
                tokio::spawn(async move {
                    while began.elapsed() < TURN {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        let mut alert = alert(0, "gate", "r", Severity::Info, 0);
                        (alert.id, alert.raised_at) = (id(n), time(n));
                        handle.append(vec![Write::Alert(alert)], vec![("bus".to_owned(), item(n))]).await.unwrap();
                    }
                })
            })
            .collect();
        for appender in appenders {
            appender.await.unwrap();
        }
        let alerts = (self.next.load(Ordering::Relaxed) - first) as f64;
        (alerts / began.elapsed().as_secs_f64(), alerts / (self.port.commits() - commits) as f64)
    }
}

/// RocksDB and nothing else.
struct Raw {
    db: rocksdb::DB,
    synced: rocksdb::WriteOptions,
    alert: Vec<u8>,
    entry: Vec<u8>,
    count: u64,
}

impl Raw {
    fn open(folder: &Path) -> Self {
        let mut options = rocksdb::Options::default();
        options.create_if_missing(true);
        let mut synced = rocksdb::WriteOptions::default();
        synced.set_sync(true);
        // The bytes of an alert and of its outbox entry, made once: this loop does no work but RocksDB's.
        let alert = serde_json::to_vec(&alert(1, "gate", "r", Severity::Info, 1)).unwrap();
        let entry = serde_json::to_vec(&item(1)).unwrap();
        Self { db: rocksdb::DB::open(&options, folder).unwrap(), synced, alert, entry, count: 0 }
    }

    /// Alerts a second when `group` share a sync.
    fn turn(&mut self, group: u64) -> f64 {
        let (began, first) = (Instant::now(), self.count);
        while began.elapsed() < TURN {
            let mut batch = rocksdb::WriteBatch::default();
            for n in self.count..self.count + group {
                batch.put([b"a".as_slice(), &n.to_be_bytes(), &[0; 20]].concat(), &self.alert);
                batch.put([b"o".as_slice(), &n.to_be_bytes()].concat(), &self.entry);
            }
            self.db.write_opt(batch, &self.synced).unwrap();
            self.count += group;
        }
        (self.count - first) as f64 / began.elapsed().as_secs_f64()
    }
}
