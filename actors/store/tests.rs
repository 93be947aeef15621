//! What the store actor promises, on the fake store.
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use parapet_contracts::{
    Alert, ErrorKind, ErrorRecord, Severity, SystemClock,
    ports::store::{
        AlertQuery, Durability, ErrorQuery, JournalFile, OutboxItem, Retention, StoreError, StorePort, Write,
    },
};
use parapet_supervision::{SupervisorHandle, SupervisorSpec};
use parapet_testkit::{
    MemoryStore,
    conformance::samples,
    wait::{PATIENCE, until_async},
};
use parking_lot::Mutex;

use super::{StoreHandle, StoreSettings, StoreWriter};
use crate::{
    children,
    journal::{Failure, Journal},
};

#[derive(Default)]
struct FakeFile(Mutex<Vec<ErrorRecord>>);

impl JournalFile for FakeFile {
    fn append(&self, record: &ErrorRecord) -> Result<(), StoreError> {
        self.0.lock().push(record.clone());
        Ok(())
    }

    fn take_in(&self, store: &dyn StorePort) -> Result<usize, StoreError> {
        let mut records = self.0.lock();
        let writes = records.iter().cloned().map(Write::Error).collect();
        store.commit(&parapet_contracts::ports::store::Batch { writes, durability: Durability::Synced })?;
        Ok(std::mem::take(&mut *records).len())
    }
}

struct Fixture {
    store: Arc<MemoryStore>,
    file: Arc<FakeFile>,
    journal: Journal,
    handle: StoreHandle,
    root: SupervisorHandle,
}

async fn start() -> Fixture {
    let clock: Arc<SystemClock> = Arc::new(SystemClock::new());
    let (store, file, journal) =
        (Arc::new(MemoryStore::new()), Arc::new(FakeFile::default()), Journal::new(clock.clone()));
    let (handle, queue) = StoreHandle::new(Arc::clone(&store) as _);
    let settings = StoreSettings {
        retention: Retention::default(),
        retain_every: Duration::from_secs(3600),
        retry_after: Duration::from_millis(20),
    };
    let spec = {
        let (handle, journal, fallback) = (handle.clone(), journal.clone(), Arc::clone(&file));
        children::vital_worker("store", "store", move |heartbeat| {
            StoreWriter {
                handle: handle.clone(),
                queue: queue.clone(),
                journal: journal.clone(),
                fallback: Arc::clone(&fallback) as _,
                clock: clock.clone(),
                settings: settings.clone(),
                heartbeat,
            }
            .body()
        })
    };
    let root = SupervisorSpec::new("site").child(spec).start().await.unwrap();
    root.settled(PATIENCE).await.unwrap();
    Fixture { store, file, journal, handle, root }
}

fn alert(number: u64) -> Alert {
    samples::alert(number, "gate", "intruder", Severity::Critical, number)
}

fn item(alert: &Alert) -> OutboxItem {
    OutboxItem::new(alert.id, "alert", "t", "{}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_and_its_outbox_entries_are_one_synced_batch() {
    let fixture = start().await;
    let alert = alert(1);
    fixture.handle.append(vec![Write::Alert(alert.clone())], vec![("bus".to_owned(), item(&alert))]).await.unwrap();
    let batches = fixture.store.commits();
    let batch = batches.iter().find(|batch| batch.writes.contains(&Write::Alert(alert.clone()))).unwrap();
    assert_eq!(batch.durability, Durability::Synced);
    assert!(batch.writes.iter().any(|write| matches!(write, Write::Append { queue, .. } if queue == "bus")));
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_come_together_share_a_sync_and_each_hears_of_its_own() {
    let fixture = start().await;
    fixture.store.fail_with(Some(full())); // Holds the writer up, so that the others queue.
    let alerts: Vec<_> = (0..100).map(alert).collect();
    let appends: Vec<_> = alerts
        .iter()
        .map(|alert| {
            let (handle, alert) = (fixture.handle.clone(), alert.clone());
            tokio::spawn(async move { handle.append(vec![Write::Alert(alert)], Vec::new()).await })
        })
        .collect();
    until_async("the store was asked", PATIENCE, || fixture.journal.reported() > 2).await;
    fixture.store.fail_with(None);
    for append in appends {
        append.await.unwrap().unwrap();
    }
    let stored = fixture.store.alerts(&AlertQuery { limit: 200, ..AlertQuery::default() }).unwrap().items.len();
    assert_eq!(stored, 100);
    let batches =
        fixture.store.commits().iter().filter(|b| b.writes.iter().any(|w| matches!(w, Write::Alert(_)))).count();
    assert!(batches <= 50, "{batches} batches for 100 alerts that came at the same time");
}

fn full() -> StoreError {
    StoreError { kind: ErrorKind::Retry, code: "full", text: "no space left".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_acknowledges_nothing_and_the_journal_goes_on_in_a_file() {
    let fixture = start().await;
    fixture.store.fail_with(Some(full()));
    let alert = alert(1);
    let append = tokio::spawn({
        let (handle, alert) = (fixture.handle.clone(), alert.clone());
        async move { handle.append(vec![Write::Alert(alert)], Vec::new()).await }
    });
    fixture.journal.report(Failure::new("cameras/a", "stall", "no frame"));
    until_async("the file has the camera's record", PATIENCE, || {
        fixture.file.0.lock().iter().any(|r| r.actor == "cameras/a")
    })
    .await;
    assert!(!append.is_finished(), "acknowledged although the store refused");
    fixture.store.fail_with(None);
    append.await.unwrap().unwrap();
    until_async("the file is taken in", PATIENCE, || fixture.file.0.lock().is_empty()).await;
    let records = fixture.store.errors(&ErrorQuery { limit: 10, ..ErrorQuery::default() }).unwrap().items;
    let mut actors: Vec<_> = records.iter().map(|r| (r.actor.as_str(), r.kind.as_str())).collect();
    actors.sort_unstable();
    assert_eq!(actors, [("cameras/a", "stall"), ("store", "full")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_writes_what_waits() {
    let fixture = start().await;
    for n in 0..50 {
        fixture.handle.log_event(&samples::event(n, "gate", n), Vec::new());
    }
    let report = fixture.root.shutdown(Duration::from_secs(10)).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((fixture.store.usage().unwrap().events, fixture.handle.dropped_events()), (50, 0));
    let error = fixture.handle.append(vec![Write::Alert(alert(1))], Vec::new()).await;
    assert!(error.is_err(), "a stopped store must not leave anybody waiting");
}
