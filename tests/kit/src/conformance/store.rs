//! What every store must do. A test module calls [`store_conformance!`](crate::store_conformance) with a closure that makes
//! an empty store and whatever has to live as long as it.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use parapet_contracts::{
    AlertChange, CameraId, ErrorKind, Severity,
    ports::store::{AlertQuery, Batch, Durability, ErrorQuery, Retention, StorePort, Write},
};
use uuid::Uuid;

pub use super::retention::*;
use super::samples::{alert, append, error, event, id, item, row, time, update};

/// Makes one `#[test]` of each check. The closure gives `(guard, store)`.
#[macro_export]
macro_rules! store_conformance {
    ($make:expr) => {
        $crate::store_conformance!(@each $make;
            an_empty_store_is_empty
            an_alert_comes_back_as_it_was_written
            an_alert_written_again_is_one_alert
            alerts_are_paged_newest_first
            alerts_are_filtered
            paging_goes_on_while_alerts_are_written
            alerts_of_the_same_instant_are_all_paged
            a_bad_cursor_is_refused
            what_became_of_an_alert_is_kept_in_order
            rows_are_read_by_time
            what_is_kept_is_found_again
            events_are_read_by_camera_and_time
            events_written_again_are_one_event
            an_error_record_replaces_the_one_with_its_id
            error_records_are_listed_last_seen_first
            error_records_are_filtered_by_actor_and_those_below
            an_outbox_keeps_order_and_counts_up
            an_emptied_outbox_never_uses_a_sequence_twice
            outboxes_do_not_see_each_other
            acknowledging_what_is_not_there_changes_nothing
            later_writes_of_a_batch_see_earlier_ones
            commits_from_many_threads_are_all_kept
            retention_by_age_removes_what_is_older
            retention_by_size_removes_the_oldest_events
            retention_by_number_removes_the_oldest_records
            what_is_held_outlives_its_time
        );
    };
    (@each $make:expr; $($check:ident)*) => {
        $(
            #[test]
            fn $check() {
                let (_guard, store) = ($make)();
                $crate::conformance::store::$check(&store);
            }
        )*
    };
}

pub(super) fn commit(store: &dyn StorePort, writes: Vec<Write>) {
    store.commit(&Batch { writes, durability: Durability::Buffered }).unwrap();
}

pub(super) fn all_alerts(store: &dyn StorePort, query: &AlertQuery) -> Vec<Uuid> {
    let mut query = query.clone();
    let mut ids = Vec::new();
    for _ in 0..10_000 {
        let page = store.alerts(&query).unwrap();
        assert!(page.items.len() <= query.limit);
        ids.extend(page.items.iter().map(|a| a.id));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return ids,
        }
    }
    panic!("paging does not end");
}

/// Nothing in, nothing out, no error.
pub fn an_empty_store_is_empty(store: &dyn StorePort) {
    let page = store.alerts(&AlertQuery { limit: 10, ..Default::default() }).unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
    assert!(store.errors(&ErrorQuery { limit: 10, ..Default::default() }).unwrap().items.is_empty());
    assert_eq!(store.alert(id(1)).unwrap(), None);
    assert!(store.events(None, time(0)..time(1_000_000), 10).unwrap().is_empty());
    assert!(store.outbox("bus", 10).unwrap().is_empty());
    assert!(store.outbox_lengths().unwrap().iter().all(|(_, n)| *n == 0));
    let usage = store.usage().unwrap();
    assert_eq!((usage.alerts, usage.events, usage.errors), (0, 0, 0));
    commit(store, vec![]);
}

/// Each field survives.
pub fn an_alert_comes_back_as_it_was_written(store: &dyn StorePort) {
    let written = alert(1, "gate", "intruder", Severity::Critical, 10);
    commit(store, vec![Write::Alert(written.clone())]);
    assert_eq!(store.alert(written.id).unwrap(), Some(written.clone()));
    assert_eq!(store.alerts(&AlertQuery { limit: 5, ..Default::default() }).unwrap().items, [written]);
    assert_eq!(store.alert(id(2)).unwrap(), None);
    assert_eq!(store.usage().unwrap().alerts, 1);
}

/// A batch that is repeated after a doubtful failure makes no second alert, even if its time differs.
pub fn an_alert_written_again_is_one_alert(store: &dyn StorePort) {
    let first = alert(1, "gate", "intruder", Severity::Info, 10);
    let again = alert(1, "gate", "intruder", Severity::Info, 11);
    commit(store, vec![Write::Alert(first)]);
    commit(store, vec![Write::Alert(again.clone())]);
    assert_eq!(all_alerts(store, &AlertQuery { limit: 5, ..Default::default() }), [again.id]);
    assert_eq!(store.alert(again.id).unwrap(), Some(again));
    assert_eq!(store.usage().unwrap().alerts, 1);
}

/// Every page size gives the same list.
pub fn alerts_are_paged_newest_first(store: &dyn StorePort) {
    let order = [5_u64, 1, 9, 3, 7, 2, 8, 4, 6];
    commit(store, order.iter().map(|n| Write::Alert(alert(*n, "gate", "r", Severity::Info, *n))).collect());
    let newest_first: Vec<Uuid> = (1..=9).rev().map(id).collect();
    for limit in [1, 2, 3, 9, 100] {
        assert_eq!(all_alerts(store, &AlertQuery { limit, ..Default::default() }), newest_first, "limit {limit}");
    }
}

/// By camera, rule, severity and time, alone and together.
pub fn alerts_are_filtered(store: &dyn StorePort) {
    let severities = [Severity::Info, Severity::Warning, Severity::Critical];
    let made: Vec<_> = (0..24_u64)
        .map(|n| {
            let camera = if n % 2 == 0 { "gate" } else { "dock" };
            let rule = if n % 4 < 2 { "a" } else { "b" };
            alert(n, camera, rule, severities[n as usize % 3], n)
        })
        .collect();
    commit(store, made.iter().cloned().map(Write::Alert).collect());
    let expect = |query: AlertQuery, wanted: &dyn Fn(&parapet_contracts::Alert) -> bool| {
        let ids: Vec<Uuid> = made.iter().rev().filter(|a| wanted(a)).map(|a| a.id).collect();
        assert!(!ids.is_empty() && ids.len() < 24, "the case tells nothing apart: {query:?}");
        assert_eq!(all_alerts(store, &query), ids, "{query:?}");
    };
    let query = || AlertQuery { limit: 4, ..Default::default() };
    let gate: CameraId = "gate".parse().unwrap();
    expect(AlertQuery { camera: Some("gate".parse().unwrap()), ..query() }, &|a| a.camera.as_ref() == Some(&gate));
    expect(AlertQuery { rule: Some("b".parse().unwrap()), ..query() }, &|a| a.rule.as_str() == "b");
    expect(AlertQuery { at_least: Some(Severity::Warning), ..query() }, &|a| a.severity >= Severity::Warning);
    expect(AlertQuery { since: Some(time(5)), ..query() }, &|a| a.raised_at >= time(5));
    expect(AlertQuery { until: Some(time(5)), ..query() }, &|a| a.raised_at < time(5));
    expect(
        AlertQuery {
            camera: Some("dock".parse().unwrap()),
            at_least: Some(Severity::Warning),
            since: Some(time(3)),
            until: Some(time(20)),
            ..query()
        },
        &|a| {
            a.camera.as_ref().is_some_and(|c| c.as_str() == "dock")
                && a.severity >= Severity::Warning
                && (time(3)..time(20)).contains(&a.raised_at)
        },
    );
}

/// A reader sees each alert that was there when it began exactly once, and none that came later.
pub fn paging_goes_on_while_alerts_are_written(store: &dyn StorePort) {
    commit(store, (0..10).map(|n| Write::Alert(alert(n, "gate", "r", Severity::Info, n))).collect());
    let mut query = AlertQuery { limit: 3, ..Default::default() };
    let mut seen = Vec::new();
    let mut later = 100;
    loop {
        let page = store.alerts(&query).unwrap();
        seen.extend(page.items.iter().map(|a| a.id));
        commit(store, vec![Write::Alert(alert(later, "gate", "r", Severity::Info, later))]);
        later += 1;
        assert!(later < 200, "paging does not end");
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, (0..10).rev().map(id).collect::<Vec<_>>());
}

/// The instant alone does not tell where to go on.
pub fn alerts_of_the_same_instant_are_all_paged(store: &dyn StorePort) {
    commit(store, (0..7).map(|n| Write::Alert(alert(n, "gate", "r", Severity::Info, 1))).collect());
    let seen = all_alerts(store, &AlertQuery { limit: 2, ..Default::default() });
    assert_eq!(seen.len(), 7);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), (0..7).map(id).collect());
}

/// Told as a mistake of the one who asks.
pub fn a_bad_cursor_is_refused(store: &dyn StorePort) {
    commit(store, vec![Write::Alert(alert(1, "gate", "r", Severity::Info, 1)), Write::Error(error(1, "bus", 1))]);
    for bad in ["", "x", "ffff", "ü", "../..", &"0".repeat(5000)] {
        let after = Some(bad.to_owned());
        let of_alerts = store.alerts(&AlertQuery { after: after.clone(), limit: 1, ..Default::default() }).unwrap_err();
        let of_errors = store.errors(&ErrorQuery { after, limit: 1, ..Default::default() }).unwrap_err();
        for refused in [of_alerts, of_errors] {
            assert_eq!((refused.kind, refused.code), (ErrorKind::Reject, "bad_cursor"), "{bad:?}");
            assert!(refused.text.len() < 300, "the text repeats the input: {}", refused.text);
        }
    }
}

/// Oldest first, each alert's own, once each; they go with their alert.
pub fn what_became_of_an_alert_is_kept_in_order(store: &dyn StorePort) {
    let alerts = [1, 2].map(|n| Write::Alert(alert(n, "gate", "intruder", Severity::Info, n)));
    commit(store, alerts.to_vec());
    let updates = [
        update(1, 2, AlertChange::Resolved, 30),
        update(1, 1, AlertChange::Acknowledged, 20),
        update(2, 1, AlertChange::Escalated, 25),
    ];
    commit(store, updates.iter().cloned().map(Write::AlertUpdate).collect());
    commit(store, vec![Write::AlertUpdate(updates[0].clone())]);
    assert_eq!(store.alert_updates(id(1)).unwrap(), [updates[1].clone(), updates[0].clone()]);
    assert_eq!(store.alert_updates(id(2)).unwrap(), [updates[2].clone()]);
    assert_eq!(store.alert_updates(id(3)).unwrap(), []);
    assert_eq!(all_alerts(store, &AlertQuery { limit: 5, ..Default::default() }).len(), 2, "they are no alerts");
    store.retain(&retention(Duration::from_secs(100), u64::MAX), time(102)).unwrap();
    assert_eq!(store.alert_updates(id(1)).unwrap(), []);
    assert_eq!(store.alert_updates(id(2)).unwrap().len(), 1);
}

/// Rows of all streams, merged by time; they go by age as events do, and are no events.
pub fn rows_are_read_by_time(store: &dyn StorePort) {
    let rows = [row(1, "doors", 10), row(2, "sensors", 5), row(3, "doors", 20), row(4, "doors-east", 7)];
    commit(store, rows.iter().cloned().map(Write::Row).collect());
    let read = |from, to, limit| -> Vec<Uuid> {
        store.rows(time(from)..time(to), limit).unwrap().iter().map(|row| row.id).collect()
    };
    assert_eq!(read(0, 100, 10), [2, 4, 1, 3].map(id));
    assert_eq!(read(0, 100, 2), [2, 4].map(id));
    assert_eq!(read(7, 20, 10), [4, 1].map(id));
    assert!(read(20, 20, 10).is_empty());
    assert_eq!(store.rows(time(10)..time(11), 1).unwrap(), [rows[0].as_ref().clone()]);
    assert!(store.events(None, time(0)..time(100), 10).unwrap().is_empty());
    assert_eq!(store.usage().unwrap().events, 0);
    store.retain(&retention(Duration::from_secs(100), u64::MAX), time(108)).unwrap();
    assert_eq!(read(0, 100, 10), [1, 3].map(id));
}

/// The last value under each key, until it is taken away; retention touches none.
pub fn what_is_kept_is_found_again(store: &dyn StorePort) {
    let keep = |key: &str, value: Option<&str>| Write::Keep { key: key.to_owned(), value: value.map(str::to_owned) };
    assert_eq!(store.kept("rule/a").unwrap(), None);
    commit(store, vec![keep("rule/a", Some("1")), keep("rule/b", Some("ü")), keep("silence/x", Some(""))]);
    commit(store, vec![keep("rule/a", Some("2")), keep("rule/a-long", Some("3"))]);
    assert_eq!(store.kept("rule/a").unwrap().as_deref(), Some("2"));
    let below = |prefix: &str| store.kept_below(prefix).unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(below("rule/"), [pair("rule/a", "2"), pair("rule/a-long", "3"), pair("rule/b", "ü")]);
    assert_eq!(below(""), [below("rule/"), vec![pair("silence/x", "")]].concat());
    store.retain(&retention(Duration::from_secs(1), 0), time(1_000_000)).unwrap();
    commit(store, vec![keep("rule/a", None), keep("nobody", None)]);
    assert_eq!(below("rule/"), [pair("rule/a-long", "3"), pair("rule/b", "ü")]);
}

fn retention(age: Duration, events_bytes: u64) -> Retention {
    Retention { events_for: age, events_bytes, alerts_for: age, errors_for: age, ..Retention::default() }
}

/// Oldest first; the end of the time is exclusive; one camera or all.
pub fn events_are_read_by_camera_and_time(store: &dyn StorePort) {
    let cameras = ["a", "ab", "b"];
    let made: Vec<_> = (0..30_u64).map(|n| event(n, cameras[n as usize % 3], n)).collect();
    commit(store, made.iter().rev().map(|e| Write::Event(Arc::clone(e))).collect());
    let ids = |camera: Option<&str>, from, to, limit| {
        let camera = camera.map(|c| c.parse().unwrap());
        store
            .events(camera.as_ref(), time(from)..time(to), limit)
            .unwrap()
            .into_iter()
            .map(|e| e.frame)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(None, 0, 100, 100), (0..30).collect::<Vec<_>>());
    assert_eq!(ids(None, 4, 9, 100), [4, 5, 6, 7, 8]);
    assert_eq!(ids(None, 4, 9, 2), [4, 5]);
    assert_eq!(ids(Some("a"), 3, 10, 100), [3, 6, 9]);
    assert_eq!(ids(Some("ab"), 0, 10, 2), [1, 4]);
    assert_eq!(ids(Some("nobody"), 0, 100, 100), [0_u64; 0]);
    assert_eq!(ids(None, 9, 4, 100), [0_u64; 0]);
    let read = store.events(None, time(7)..time(8), 1).unwrap();
    assert_eq!(read, [made[7].as_ref().clone()]);
    assert_eq!(store.usage().unwrap().events, 30);
}

/// A repeated batch makes no second event.
pub fn events_written_again_are_one_event(store: &dyn StorePort) {
    for _ in 0..2 {
        commit(store, vec![Write::Event(event(1, "a", 1)), Write::Event(event(1, "a", 1))]);
    }
    assert_eq!(store.events(None, time(0)..time(10), 10).unwrap().len(), 1);
    assert_eq!(store.usage().unwrap().events, 1);
}

/// Repeats of a failure move it to the front and stay one record.
pub fn an_error_record_replaces_the_one_with_its_id(store: &dyn StorePort) {
    commit(store, vec![Write::Error(error(1, "bus", 1)), Write::Error(error(2, "bus", 2))]);
    let mut repeated = error(1, "bus", 1);
    repeated.count = 7;
    repeated.last = time(9);
    commit(store, vec![Write::Error(repeated.clone())]);
    let page = store.errors(&ErrorQuery { limit: 10, ..Default::default() }).unwrap();
    assert_eq!(page.items, [repeated, error(2, "bus", 2)]);
    assert_eq!(store.usage().unwrap().errors, 2);
}

/// And paged like alerts.
pub fn error_records_are_listed_last_seen_first(store: &dyn StorePort) {
    commit(store, [3_u64, 1, 2, 5, 4].iter().map(|n| Write::Error(error(*n, "bus", *n))).collect());
    let mut query = ErrorQuery { limit: 2, since: Some(time(2)), ..Default::default() };
    let mut seen = Vec::new();
    for _ in 0..10 {
        let page = store.errors(&query).unwrap();
        seen.extend(page.items.iter().map(|r| r.id));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [5, 4, 3, 2].map(id));
}

/// `cameras` holds `cameras/gate`, and `cameras/gate` does not hold `cameras/gate-north`.
pub fn error_records_are_filtered_by_actor_and_those_below(store: &dyn StorePort) {
    let actors = ["cameras", "cameras/gate", "cameras/gate-north", "models/people/slot-0", "models/people"];
    commit(store, (1..=5).map(|n| Write::Error(error(n, actors[n as usize - 1], n))).collect());
    let of = |actor: &str| {
        let query = ErrorQuery { actor: Some(actor.to_owned()), limit: 10, ..Default::default() };
        store.errors(&query).unwrap().items.into_iter().map(|r| r.actor).collect::<Vec<_>>()
    };
    assert_eq!(of("cameras"), ["cameras/gate-north", "cameras/gate", "cameras"]);
    assert_eq!(of("cameras/gate"), ["cameras/gate"]);
    assert_eq!(of("models/people"), ["models/people", "models/people/slot-0"]);
    assert!(of("mod").is_empty());
}

/// From 1, by one, read from the oldest.
pub fn an_outbox_keeps_order_and_counts_up(store: &dyn StorePort) {
    commit(store, (1..=3).map(|n| append("bus", n)).collect());
    commit(store, (4..=5).map(|n| append("bus", n)).collect());
    let entries = store.outbox("bus", 100).unwrap();
    assert_eq!(entries.iter().map(|e| e.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(entries.iter().map(|e| e.item.clone()).collect::<Vec<_>>(), (1..=5).map(item).collect::<Vec<_>>());
    assert_eq!(store.outbox("bus", 2).unwrap(), entries[..2]);
    commit(store, vec![Write::Acknowledge { queue: "bus".to_owned(), sequence: 2 }]);
    assert_eq!(store.outbox("bus", 2).unwrap().iter().map(|e| e.sequence).collect::<Vec<_>>(), [1, 3]);
    let after = |after, limit| store.outbox_after("bus", after, limit).unwrap();
    let places = |from, limit| after(from, limit).iter().map(|e| e.sequence).collect::<Vec<_>>();
    assert_eq!((places(0, 2), places(1, 2), places(3, 9)), (vec![1, 3], vec![3, 4], vec![4, 5]));
    assert_eq!((places(5, 9), places(u64::MAX, 9)), (vec![], vec![]));
    assert_eq!(store.outbox_lengths().unwrap(), [("bus".to_owned(), 4)]);
}

/// Emptied again and again.
pub fn an_emptied_outbox_never_uses_a_sequence_twice(store: &dyn StorePort) {
    for round in 1..=5 {
        commit(store, vec![append("bus", round)]);
        let entries = store.outbox("bus", 10).unwrap();
        assert_eq!(entries.iter().map(|e| e.sequence).collect::<Vec<_>>(), [round]);
        commit(store, vec![Write::Acknowledge { queue: "bus".to_owned(), sequence: round }]);
        assert!(store.outbox("bus", 10).unwrap().is_empty());
    }
}

/// Even when one's name begins with the other's.
pub fn outboxes_do_not_see_each_other(store: &dyn StorePort) {
    let names = ["bus", "b", "uploader/a", "uploader/ab"];
    for (n, name) in (1..).zip(names) {
        commit(store, vec![append(name, n), append(name, 10 + n)]);
    }
    commit(store, vec![Write::Acknowledge { queue: "b".to_owned(), sequence: 1 }]);
    for (n, name) in (1..).zip(names) {
        let items: Vec<_> = store.outbox(name, 10).unwrap().into_iter().map(|e| e.item).collect();
        let expected = if name == "b" { vec![item(10 + n)] } else { vec![item(n), item(10 + n)] };
        assert_eq!(items, expected, "{name}");
    }
    let mut lengths = store.outbox_lengths().unwrap();
    lengths.sort();
    let expected = [("b", 1), ("bus", 2), ("uploader/a", 2), ("uploader/ab", 2)].map(|(n, l)| (n.to_owned(), l));
    assert_eq!(lengths, expected);
}

/// A repeated acknowledgement is no mistake.
pub fn acknowledging_what_is_not_there_changes_nothing(store: &dyn StorePort) {
    commit(store, vec![append("bus", 1)]);
    for (queue, sequence) in [("bus", 99), ("bus", 0), ("nobody", 1)] {
        commit(store, vec![Write::Acknowledge { queue: queue.to_owned(), sequence }]);
    }
    for _ in 0..2 {
        assert_eq!(store.outbox("bus", 10).unwrap().len(), 1);
    }
    let acknowledge = Write::Acknowledge { queue: "bus".to_owned(), sequence: 1 };
    commit(store, vec![acknowledge.clone(), acknowledge.clone()]);
    commit(store, vec![acknowledge]);
    assert!(store.outbox_lengths().unwrap().iter().all(|(_, n)| *n == 0));
    commit(store, vec![append("bus", 2)]);
    assert_eq!(store.outbox("bus", 10).unwrap()[0].sequence, 2);
}

/// An entry that is appended and acknowledged, a record that is written twice.
pub fn later_writes_of_a_batch_see_earlier_ones(store: &dyn StorePort) {
    let mut repeated = error(1, "bus", 5);
    repeated.count = 2;
    let acknowledge = Write::Acknowledge { queue: "bus".to_owned(), sequence: 1 };
    commit(
        store,
        vec![
            append("bus", 1),
            acknowledge,
            append("bus", 2),
            Write::Error(error(1, "bus", 1)),
            Write::Error(repeated.clone()),
        ],
    );
    assert_eq!(store.outbox("bus", 10).unwrap().iter().map(|e| e.sequence).collect::<Vec<_>>(), [2]);
    assert_eq!(store.errors(&ErrorQuery { limit: 10, ..Default::default() }).unwrap().items, [repeated]);
    assert_eq!(store.usage().unwrap().errors, 1);
}

/// Eight threads, one outbox: no sequence is missing or given twice, and a reader sees no later entry before an earlier.
pub fn commits_from_many_threads_are_all_kept(store: &dyn StorePort) {
    const EACH: u64 = 25;
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for n in 0..EACH {
                    let number = thread * EACH + n + 1;
                    let raised = Write::Alert(alert(number, "gate", "r", Severity::Info, number));
                    commit(store, vec![raised, append("bus", number)]);
                }
            });
        }
        for _ in 0..50 {
            let seen: Vec<u64> = store.outbox("bus", 1000).unwrap().iter().map(|e| e.sequence).collect();
            assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
        }
    });
    let entries = store.outbox("bus", 1000).unwrap();
    assert_eq!(entries.iter().map(|e| e.sequence).collect::<Vec<_>>(), (1..=8 * EACH).collect::<Vec<_>>());
    assert_eq!(entries.iter().map(|e| e.item.id).collect::<BTreeSet<_>>().len() as u64, 8 * EACH);
    assert_eq!(store.usage().unwrap().alerts, 8 * EACH);
}
