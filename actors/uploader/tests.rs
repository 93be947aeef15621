//! What the pump promises, from a fake store into a fake bus.
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use parapet_contracts::{
    Severity, SystemClock,
    ports::{
        sink::SinkPort,
        store::{OutboxItem, Retention, StorePort, Write},
    },
};
use parapet_supervision::{SupervisorHandle, SupervisorSpec};
use parapet_testkit::{
    MemoryBus, MemoryStore,
    bus::Fate,
    conformance::samples,
    wait::{PATIENCE, until_async},
};

use super::{Pump, PumpBoard, PumpSettings, PumpState, backoff};
use crate::{
    bus::BusSink,
    children,
    journal::Journal,
    outboxes::BUS,
    store::{StoreHandle, StoreSettings, StoreWriter},
    worker::Body,
};

pub(super) struct Fixture {
    pub(super) store: Arc<MemoryStore>,
    bus: Arc<MemoryBus>,
    pub(super) board: Arc<PumpBoard>,
    pub(super) journal: Journal,
    pub(super) handle: StoreHandle,
    _root: SupervisorHandle,
}

/// Pauses that are short.
pub(super) fn hurry() -> parapet_supervision::Backoff {
    backoff(Duration::from_millis(5), Duration::from_millis(20))
}

/// A pump from the store to a bus in memory.
async fn start() -> Fixture {
    let bus = Arc::new(MemoryBus::new());
    let sink = Arc::new(BusSink(Arc::clone(&bus) as _));
    start_with(bus, sink, PumpSettings::plain(BUS, hurry())).await
}

/// A pump over a store's writer.
pub(super) async fn start_with(bus: Arc<MemoryBus>, sink: Arc<dyn SinkPort>, settings: PumpSettings) -> Fixture {
    let clock = Arc::new(SystemClock::new());
    let store = Arc::new(MemoryStore::new());
    let (journal, board) = (Journal::new(clock.clone()), PumpBoard::new(BUS));
    let (handle, queue) = StoreHandle::new(Arc::clone(&store) as _);
    let pump = Pump {
        actor: "bus/alerts".to_owned(),
        store: handle.clone(),
        sink,
        board: Arc::clone(&board),
        journal: journal.clone(),
        clock: clock.clone(),
        settings,
    };
    let year = Duration::from_secs(365 * 86_400);
    let settings =
        StoreSettings { retention: Retention::default(), retain_every: year, retry_after: Duration::from_millis(20) };
    let writer = {
        let (handle, journal) = (handle.clone(), journal.clone());
        children::vital_worker("store", "store", move |heartbeat| {
            StoreWriter {
                handle: handle.clone(),
                queue: queue.clone(),
                journal: journal.clone(),
                fallback: Arc::new(NoFile),
                clock: clock.clone(),
                settings: settings.clone(),
                heartbeat,
            }
            .body()
        })
    };
    let pump = children::edge_worker("alerts", "bus", move |heartbeat| {
        let pump = pump.clone();
        heartbeat.idle();
        Body::task(move |stop| pump.run(stop))
    });
    let root = SupervisorSpec::new("site").child(writer).child(pump).start().await.unwrap();
    Fixture { store, bus, board, journal, handle, _root: root }
}

struct NoFile;

impl parapet_contracts::ports::store::JournalFile for NoFile {
    fn append(&self, _: &parapet_contracts::ErrorRecord) -> Result<(), parapet_contracts::ports::store::StoreError> {
        Ok(())
    }

    fn take_in(&self, _: &dyn StorePort) -> Result<usize, parapet_contracts::ports::store::StoreError> {
        Ok(0)
    }
}

impl Fixture {
    async fn append(&self, number: u64) {
        let alert = samples::alert(number, "gate", "intruder", Severity::Info, number);
        let item = OutboxItem::new(alert.id, "alert", "alerts", number.to_string());
        self.handle.append(vec![Write::Alert(alert)], vec![(BUS.to_owned(), item)]).await.unwrap();
    }

    fn arrived(&self) -> Vec<u64> {
        let payloads = self.bus.payloads("alerts");
        payloads.iter().map(|payload| String::from_utf8(payload.to_vec()).unwrap().parse().unwrap()).collect()
    }

    pub(super) async fn dry(&self) {
        until_async("the outbox is dry", PATIENCE, || self.store.outbox(BUS, 1).unwrap().is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_appended_arrives_in_order_and_leaves_the_outbox() {
    let fixture = start().await;
    for number in 0..200 {
        fixture.append(number).await;
    }
    fixture.dry().await;
    assert_eq!(fixture.arrived(), (0..200).collect::<Vec<_>>());
    until_async("it is up to date", PATIENCE, || fixture.board.status().state == PumpState::UpToDate).await;
    assert_eq!(fixture.board.status().sent, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_acknowledgement_means_again_and_never_lost() {
    let fixture = start().await;
    fixture.bus.next([Fate::Accept, Fate::LoseAcknowledgement, Fate::Lose]);
    for number in 0..5 {
        fixture.append(number).await;
    }
    fixture.dry().await;
    let arrived = fixture.arrived();
    let mut once = arrived.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once, (0..5).collect::<Vec<_>>());
    assert!(arrived.len() > 5, "the acknowledgement that was lost makes a repeat: {arrived:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_bus_is_away_everything_waits_in_the_store() {
    let fixture = start().await;
    fixture.bus.set_connected(false);
    for number in 0..10 {
        fixture.append(number).await;
    }
    assert_eq!((fixture.arrived().len(), fixture.store.outbox(BUS, 100).unwrap().len()), (0, 10));
    fixture.bus.set_connected(true);
    fixture.dry().await;
    assert_eq!(fixture.arrived(), (0..10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sink_will_never_take_goes_to_the_dead_letters_and_nothing_waits_behind_it() {
    let fixture = start().await;
    fixture.bus.next([Fate::Refuse("not authorised")]);
    fixture.append(0).await;
    fixture.append(1).await;
    fixture.dry().await;
    assert_eq!(fixture.arrived(), [1]);
    let dead = fixture.store.outbox("dead/bus", 10).unwrap();
    assert_eq!(dead.iter().map(|entry| entry.item.payload.as_str()).collect::<Vec<_>>(), ["0"]);
    assert_eq!(fixture.board.status().dead, 1);
    assert!(fixture.journal.reported() > 0, "the journal says which and why");
}
