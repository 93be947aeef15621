//! What every store keeps, and for how long.
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use parapet_contracts::{
    AlertChange, Selection, Severity,
    ports::store::{AlertQuery, ErrorQuery, Retention, StorePort, Write},
};

use super::{
    samples::{alert, append, error, event, id, time, update},
    store::{all_alerts, commit},
};

/// Each kind by its own age; what is exactly as old as allowed stays.
pub fn retention_by_age_removes_what_is_older(store: &dyn StorePort) {
    let day = 86_400;
    let mut writes = Vec::new();
    for n in 0..10_u64 {
        writes.push(Write::Alert(alert(n, "gate", "r", Severity::Info, n * day)));
        writes.push(Write::Event(event(n, ["a", "b"][n as usize % 2], n * day)));
        writes.push(Write::Error(error(n, "bus", n * day)));
    }
    writes.push(append("bus", 1));
    commit(store, writes);
    let untouched = store.retain(&Retention::default(), time(10 * day)).unwrap();
    assert_eq!((untouched.alerts, untouched.events, untouched.errors), (0, 0, 0));
    let days = |n| Duration::from_secs(n * day);
    let policy = Retention { events_for: days(2), alerts_for: days(5), errors_for: days(7), ..Retention::default() };
    for round in 0..2 {
        let removed = store.retain(&policy, time(10 * day)).unwrap();
        let expected = if round == 0 { (5, 8, 3) } else { (0, 0, 0) };
        assert_eq!((removed.alerts, removed.events, removed.errors), expected);
        let usage = store.usage().unwrap();
        assert_eq!((usage.alerts, usage.events, usage.errors), (5, 2, 7));
        let alerts = all_alerts(store, &AlertQuery { limit: 3, ..Default::default() });
        assert_eq!(alerts, (5..10).rev().map(id).collect::<Vec<_>>());
        let events = store.events(None, time(0)..time(100 * day), 100).unwrap();
        assert_eq!(events.iter().map(|e| e.frame).collect::<Vec<_>>(), [8, 9]);
        let errors = store.errors(&ErrorQuery { limit: 100, ..Default::default() }).unwrap();
        assert_eq!(errors.items.len(), 7);
        assert_eq!(store.alert(id(4)).unwrap(), None);
        assert!(store.alert(id(5)).unwrap().is_some());
    }
    assert_eq!(store.outbox("bus", 10).unwrap().len(), 1, "retention took what was not delivered");
}

/// The newest stay, whichever camera they are of; the size holds.
pub fn retention_by_size_removes_the_oldest_events(store: &dyn StorePort) {
    let made: Vec<_> = (0..600_u64).map(|n| event(n, ["a", "b", "c"][n as usize % 3], n * 20)).collect();
    commit(store, made.iter().map(|e| Write::Event(Arc::clone(e))).collect());
    let each = serde_json::to_vec(made[0].as_ref()).unwrap().len() as u64;
    let policy = Retention { events_bytes: 200 * each, ..Retention::default() };
    let removed = store.retain(&policy, time(600 * 20)).unwrap();
    let left = store.events(None, time(0)..time(1 << 30), 1000).unwrap();
    let frames: Vec<u64> = left.iter().map(|e| e.frame).collect();
    let count = frames.len() as u64;
    assert_eq!(frames, (600 - count..600).collect::<Vec<_>>(), "the newest did not stay");
    assert!((120..=210).contains(&count), "{count} events of {each} bytes stayed for 200");
    assert_eq!(removed.events, 600 - count);
    assert_eq!(store.usage().unwrap().events, count);
    assert_eq!(store.retain(&policy, time(600 * 20)).unwrap().events, 0);
    let none = store.retain(&Retention { events_bytes: 0, ..Retention::default() }, time(600 * 20)).unwrap();
    assert_eq!(none.events, count);
    assert!(store.events(None, time(0)..time(1 << 30), 1000).unwrap().is_empty());
}

/// Those that were seen longest ago go first.
pub fn retention_by_number_removes_the_oldest_records(store: &dyn StorePort) {
    commit(store, (0..10).map(|n| Write::Error(error(n, "bus", n))).collect());
    let policy = Retention { errors_most: 4, ..Retention::default() };
    for expected in [6, 0] {
        assert_eq!(store.retain(&policy, time(100)).unwrap().errors, expected);
        let left = store.errors(&ErrorQuery { limit: 100, ..Default::default() }).unwrap().items;
        assert_eq!(left.iter().map(|record| record.id).collect::<Vec<_>>(), (6..10).rev().map(id).collect::<Vec<_>>());
    }
}

/// With what became of it; and goes when nobody holds it any more.
pub fn what_is_held_outlives_its_time(store: &dyn StorePort) {
    let writes = (0..5_000_u64).flat_map(|n| {
        let camera = if n % 1_000 == 0 { "gate" } else { "dock" };
        [
            Write::Alert(alert(n, camera, "r", Severity::Info, n)),
            Write::AlertUpdate(update(n, n, AlertChange::Resolved, n)),
        ]
    });
    commit(store, writes.collect());
    let gate = Selection { camera: Some("gate".parse().unwrap()), until: Some(time(2_500)), ..Selection::default() };
    let one = Selection { alert: Some(id(3_333)), ..Selection::default() };
    let policy = Retention { alerts_for: Duration::from_secs(1), held: vec![gate, one], ..Retention::default() };
    for gone in [4_996, 0] {
        let removed = store.retain(&policy, time(100_000)).unwrap();
        assert_eq!((removed.alerts, removed.held), (gone, 4));
        let query = AlertQuery { limit: 100, ..Default::default() };
        assert_eq!(all_alerts(store, &query), [3_333, 2_000, 1_000, 0].map(id));
        assert_eq!((store.usage().unwrap().alerts, store.alert_updates(id(3_333)).unwrap().len()), (4, 1));
        assert!(store.alert_updates(id(3_334)).unwrap().is_empty());
    }
    let removed = store.retain(&Retention { held: Vec::new(), ..policy }, time(100_000)).unwrap();
    assert_eq!((removed.alerts, removed.held, store.usage().unwrap().alerts), (4, 0, 0));
}
