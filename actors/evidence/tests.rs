//! What the keeper and the housekeeper promise, on fakes of the store and the folder.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parapet_config::{EvidenceConfig, Keeping};
use parapet_contracts::{
    Alert, AlertChange, AlertUpdate, Clock, ErrorKind, ErrorRecord, Selection, Severity, Timestamp,
    audit::{Act, AuditRecord, Tip},
    chain,
    ports::{
        evidence::{EvidenceError, EvidencePort as _},
        store::{Batch, Durability, JournalFile, Retention, StoreError, StorePort, Write},
    },
};
use parapet_supervision::{SupervisorHandle, SupervisorSpec};
use parapet_testkit::{
    MemoryEvidence, MemoryStore,
    conformance::samples::{alert, id, time},
    wait::PATIENCE,
};

use super::{AUDIT, Deletion, Housekeeper, Keeper, KeeperError, Request, ledger::Ledger};
use crate::{
    bus::BusFeed,
    children,
    clip::ClipDesk,
    fanout::Fanout,
    journal::Journal,
    outboxes::{BUS, Outboxes},
    store::{AlertDesk, AlertObserver, Desk, StoreHandle, StoreSettings, StoreWriter, Timeline},
    worker::{Body, Stop},
};

const DAY: u64 = 86_400;

/// Three days after the first alert.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        time(3 * DAY + DAY / 2)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct Nobody;

impl AlertObserver for Nobody {
    fn durable(&self, _: &Alert, _: &Timeline) {}
}

impl JournalFile for Nobody {
    fn append(&self, _: &ErrorRecord) -> Result<(), StoreError> {
        Ok(())
    }
    fn take_in(&self, _: &dyn StorePort) -> Result<usize, StoreError> {
        Ok(0)
    }
}

struct Fixture {
    store: Arc<MemoryStore>,
    evidence: MemoryEvidence,
    keeper: Arc<Keeper>,
    housekeeper: Housekeeper,
    ledger: Ledger,
    journal: Journal,
    _root: SupervisorHandle,
}

fn config() -> EvidenceConfig {
    let all = Keeping { keep_for: Duration::from_secs(365 * DAY), most: None };
    EvidenceConfig { path: "e".into(), quality: 85, pictures: all, clips: all, min_free: 0 }
}

/// An alert at noon of each of four days, of the gate or the dock in turn; each with a picture of 100 bytes and a clip of 1,000.
async fn start(config: EvidenceConfig) -> Fixture {
    let (store, evidence) = (Arc::new(MemoryStore::new()), MemoryEvidence::new());
    let mut writes = Vec::new();
    for day in 0..4 {
        let camera = if day % 2 == 0 { "gate" } else { "dock" };
        let mut alert = alert(day, camera, "r", Severity::Info, day * DAY);
        let path = |ending: &str| format!("2026-11-2{}/{camera}/{}.{ending}", 3 + day, id(day));
        alert.evidence = Some(evidence.put(&path("jpg"), vec![0; 100]));
        let mut clip = AlertUpdate {
            change: AlertChange::Evidence,
            evidence: Some(evidence.put(&path("mp4"), vec![0; 1_000])),
            ..parapet_testkit::conformance::samples::update(day, 1, AlertChange::Evidence, day * DAY + 5)
        };
        clip.link = Some(chain::link(&alert, &[], &clip).unwrap());
        writes.extend([Write::Alert(alert), Write::AlertUpdate(clip)]);
    }
    store.commit(&Batch { writes, durability: Durability::Synced }).unwrap();
    open(store, evidence, config).await
}

async fn open(store: Arc<MemoryStore>, evidence: MemoryEvidence, config: EvidenceConfig) -> Fixture {
    let clock: Arc<dyn Clock> = Arc::new(Noon);
    let journal = Journal::new(Arc::clone(&clock));
    let (handle, queue) = StoreHandle::new(Arc::clone(&store) as _);
    let (desk, requests) = AlertDesk::new();
    let site: parapet_contracts::SiteId = "harbour".parse().unwrap();
    let outboxes = Arc::new(Outboxes::new(&BTreeMap::new()));
    let bus = BusFeed::new(site.clone(), Arc::clone(&clock));
    let rules = Fanout::new(site.clone(), bus, handle.clone(), Arc::clone(&outboxes), journal.clone());
    let port: Arc<dyn parapet_contracts::ports::evidence::EvidencePort> = Arc::new(evidence.clone());
    let keeper =
        Keeper::open(handle.clone(), desk.clone(), Arc::clone(&port), journal.clone(), Arc::clone(&clock)).await;
    let settings = StoreSettings {
        retention: Retention::default(),
        retain_every: Duration::from_secs(DAY),
        retry_after: Duration::from_millis(20),
    };
    let writer = {
        let (handle, journal, clock) = (handle.clone(), journal.clone(), Arc::clone(&clock));
        children::vital_worker("store", "store", move |heartbeat| {
            let (handle, queue, journal, clock) = (handle.clone(), queue.clone(), journal.clone(), Arc::clone(&clock));
            let (fallback, settings) = (Arc::new(Nobody) as Arc<dyn JournalFile>, settings.clone());
            StoreWriter { handle, queue, journal, fallback, clock, settings, heartbeat }.body()
        })
    };
    let desk = Desk {
        queue: requests,
        evidence: port,
        store: handle,
        site,
        clips: ClipDesk::new(Vec::new()).0,
        outboxes,
        rules,
        journal: journal.clone(),
        clock: Arc::clone(&clock),
        observer: Arc::new(Nobody),
    };
    let alerts = children::vital_worker("alerts", "alerts", move |heartbeat| {
        let desk = desk.clone();
        Body::task(move |stop| desk.run(heartbeat, stop))
    });
    let root = SupervisorSpec::new("site").child(writer).child(alerts).start().await.unwrap();
    root.settled(PATIENCE).await.unwrap();
    let housekeeper = Housekeeper {
        keeper: Arc::clone(&keeper),
        config,
        every: Duration::from_secs(DAY),
        journal: journal.clone(),
        clock,
    };
    Fixture { store, evidence, keeper, housekeeper, ledger: Ledger::default(), journal, _root: root }
}

impl Fixture {
    async fn look(&mut self) {
        self.housekeeper.look(&mut self.ledger, &Stop::default()).await.unwrap();
    }

    /// What is there: the number of each alert with `p` for its picture and `c` for its clip.
    fn there(&self) -> Vec<String> {
        let paths = self.evidence.paths();
        let of = |day: u64| {
            let has = |ending: &str| paths.iter().any(|path| path.ends_with(&format!("{}.{ending}", id(day))));
            let (picture, clip) = (has("jpg"), has("mp4"));
            format!("{day}{}{}", if picture { "p" } else { "" }, if clip { "c" } else { "" })
        };
        (0..4).map(of).collect()
    }

    /// The records about an alert that say that a file went; the chain must be whole.
    fn told(&self, day: u64) -> Vec<AlertUpdate> {
        let updates = self.store.alert_updates(id(day)).unwrap();
        chain::verify(&self.store.alert(id(day)).unwrap().unwrap(), &updates).unwrap();
        updates.into_iter().filter(|update| update.change == AlertChange::Removed).collect()
    }

    fn on_the_bus(&self) -> usize {
        self.store.outbox(BUS, 100).unwrap().len()
    }

    async fn delete(&self, what: Selection, dry_run: bool) -> super::Deleted {
        let request = Request { what, by: Some("ann".to_owned()), note: "asked for".to_owned() };
        self.keeper.delete(Deletion { request, after: None, dry_run }).await.unwrap()
    }

    fn audit(&self) -> Vec<AuditRecord> {
        let kept = self.store.kept_below(AUDIT).unwrap();
        let records: Vec<AuditRecord> = kept.iter().map(|(_, text)| serde_json::from_str(text).unwrap()).collect();
        let mut tip = Tip::default();
        records.iter().for_each(|record| tip.follow(record).unwrap());
        records
    }
}

fn of_gate() -> Selection {
    Selection { camera: Some("gate".parse().unwrap()), ..Selection::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_evidence_goes_and_the_alert_says_so() {
    let day = |days: u64| Keeping { keep_for: Duration::from_secs(days * DAY), most: None };
    let mut site = start(EvidenceConfig { pictures: day(2), clips: day(1), ..config() }).await;
    site.evidence.put("2026-11-20/gate/holiday.jpg", vec![0; 5]);
    site.look().await;
    assert_eq!(site.there(), ["0", "1p", "2pc", "3pc"]);
    assert!(!site.evidence.paths().iter().any(|path| path.contains("holiday")), "what is nobody's goes as well");
    let told = site.told(0);
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|update| update.by.is_none() && update.note.as_deref() == Some("its time was over")));
    assert_eq!((site.told(1).len(), site.told(2).len()), (1, 0));
    assert_eq!(site.on_the_bus(), 0, "it concerns nobody else");
    site.look().await;
    assert_eq!((site.there(), site.told(0).len()), (vec!["0".into(), "1p".into(), "2pc".into(), "3pc".into()], 2));
    let status = site.keeper.status().now();
    assert_eq!((status.pictures.files, status.clips.bytes, status.removed["age"]), (3, 2_000, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_go_when_there_is_too_much() {
    let ever = Duration::from_secs(365 * DAY);
    let clips = Keeping { keep_for: ever, most: Some(2_500) };
    let mut site = start(EvidenceConfig { clips, ..config() }).await;
    site.look().await;
    assert_eq!(site.there(), ["0p", "1p", "2pc", "3pc"], "pictures have room of their own");
    assert!(site.told(0)[0].note.as_ref().unwrap().contains("size"));
}

#[tokio::test(flavor = "multi_thread")]
async fn clips_go_before_pictures_when_the_disk_is_too_full_and_no_more_than_it_takes() {
    let mut site = start(EvidenceConfig { min_free: 1_500, ..config() }).await;
    site.evidence.set_disk(20_000, 0);
    site.look().await;
    assert_eq!(site.there(), ["0pc", "1pc", "2pc", "3pc"], "there is room");
    // 4,400 of 5,000 bytes are in use: a tenth of the disk, which is less than what was asked for, is still free.
    site.evidence.set_disk(5_000, 0);
    site.look().await;
    assert_eq!(site.there(), ["0pc", "1pc", "2pc", "3pc"]);
    site.evidence.set_disk(4_600, 0);
    site.look().await;
    assert_eq!(site.there(), ["0p", "1pc", "2pc", "3pc"]);
    assert!(!site.keeper.status().now().low);
    // Somebody else fills the disk: all goes that may, and it is told.
    site.evidence.set_disk(5_000, 5_000);
    site.look().await;
    assert_eq!(site.there(), ["0", "1", "2", "3"]);
    let status = site.keeper.status().now();
    assert!(status.low, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_stays_until_it_is_released() {
    let none = Keeping { keep_for: Duration::from_secs(1), most: None };
    let mut site = start(EvidenceConfig { pictures: none, clips: none, ..config() }).await;
    let request = Request { what: of_gate(), by: Some("ann".to_owned()), note: "case 7".to_owned() };
    let hold = site.keeper.hold(request).await.unwrap();
    site.look().await;
    assert_eq!(site.there(), ["0pc", "1", "2pc", "3pc"], "today is not over");
    assert_eq!(site.keeper.status().now().held, 4);
    let deleted = site.delete(of_gate(), false).await;
    assert_eq!((deleted.files, deleted.held), (0, 2), "nobody else removes it either");

    // Another process finds the hold again.
    let again = open(Arc::clone(&site.store), site.evidence.clone(), site.housekeeper.config.clone()).await;
    let mut site = Fixture { ..again };
    site.look().await;
    assert_eq!(site.there(), ["0pc", "1", "2pc", "3pc"]);
    let nobody = site.keeper.release(id(99), None, "no".to_owned()).await;
    assert_eq!(nobody, Err(KeeperError::NoSuchHold(id(99))));
    site.keeper.release(hold.id, Some("bob".to_owned()), "closed".to_owned()).await.unwrap();
    site.look().await;
    assert_eq!(site.there(), ["0", "1", "2", "3pc"]);
    let acts: Vec<_> = site.audit().into_iter().map(|r| (r.entry.act, r.entry.by.unwrap(), r.entry.note)).collect();
    let said = |act, by: &str, note: &str| (act, by.to_owned(), note.to_owned());
    assert_eq!(acts, [said(Act::Held, "ann", "case 7"), said(Act::Released, "bob", "closed")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_told_to_all_who_may_have_copies_and_stands_in_the_audit_log() {
    let site = start(config()).await;
    let what = Selection { until: Some(time(DAY)), ..of_gate() };
    let would = site.delete(what.clone(), true).await;
    assert_eq!((would.alerts, would.files, would.bytes), (1, 2, 1_100));
    assert_eq!((site.there().join(" "), site.audit().len()), ("0pc 1pc 2pc 3pc".to_owned(), 0));
    let deleted = site.delete(what.clone(), false).await;
    assert_eq!((deleted.alerts, deleted.files, deleted.failed), (1, 2, 0));
    assert_eq!(site.there(), ["0", "1pc", "2pc", "3pc"]);
    let told = site.told(0);
    assert!(told.iter().all(|u| u.by.as_deref() == Some("ann") && u.note.as_deref() == Some("asked for")), "{told:?}");
    assert_eq!((told.len(), site.on_the_bus()), (2, 2));
    let [record] = &site.audit()[..] else { panic!("{:?}", site.audit()) };
    let entry = &record.entry;
    assert_eq!((entry.act, &entry.what, entry.files, entry.bytes), (Act::Deleted, &what, 2, 1_100));
    assert_eq!(site.delete(what, false).await.files, 0, "it is gone already");
    assert_eq!(site.audit().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_was_cut_short_is_finished() {
    let site = start(config()).await;
    let refusing = EvidenceError { kind: ErrorKind::Fatal, code: "read_only", text: "read only".to_owned() };
    site.evidence.fail_with(Some(refusing));
    let one = Selection { alert: Some(id(2)), ..Selection::default() };
    let deleted = site.delete(one, false).await;
    assert_eq!((deleted.files, deleted.failed, site.journal.reported()), (0, 2, 2));
    site.evidence.fail_with(None);
    assert_eq!((site.there()[2].as_str(), site.told(2).len()), ("2pc", 2), "it is said, and not done");
    let again = open(Arc::clone(&site.store), site.evidence.clone(), config()).await;
    again.keeper.finish().await.unwrap();
    assert_eq!((again.there()[2].as_str(), again.told(2).len()), ("2", 2));
    assert_eq!(again.store.kept_below("evidence/going/").unwrap(), [], "nothing is left to do");
    assert!(again.evidence.files("2026-11-25".parse().unwrap()).unwrap().is_empty());
}
