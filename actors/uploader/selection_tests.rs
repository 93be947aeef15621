//! Which outboxes take what.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parapet_config::{Action, Lane, Sink, UploadFormat, UploadKind, Uploader};
use parapet_contracts::{AlertChange, AlertUpdate, Severity, UploaderId};
use parapet_testkit::conformance::samples;

use crate::outboxes::{BUS, Entries, Outboxes};

fn uploader(id: &str, what: &[UploadKind], filters: &[(Lane, &str)]) -> (UploaderId, Arc<Uploader>) {
    let id = UploaderId::new(id).unwrap();
    let uploader = Uploader {
        id: id.clone(),
        enabled: true,
        what: what.to_vec(),
        filters: filters.iter().map(|(lane, text)| (*lane, (*text).to_owned())).collect(),
        time_zone: jiff::tz::TimeZone::UTC,
        from_beginning: false,
        format: UploadFormat::CloudEvents,
        batch: 64,
        linger: Duration::ZERO,
        rate_limit: None,
        priority: Lane::ALL,
        time_to_live: None,
        keep_dead: 10,
        sink: Sink::File { path: "x".into(), rotate_bytes: 1, keep: 1 },
        backoff: (Duration::ZERO, Duration::ZERO),
    };
    (id, Arc::new(uploader))
}

fn outboxes(uploaders: impl IntoIterator<Item = (UploaderId, Arc<Uploader>)>) -> Outboxes {
    Outboxes::new(&uploaders.into_iter().collect::<BTreeMap<_, _>>())
}

fn queues(entries: &Entries) -> Vec<&str> {
    entries.iter().map(|(queue, _)| queue.as_str()).collect()
}

#[test]
fn an_alert_goes_where_it_is_wanted_and_fits_and_its_picture_to_who_sends_evidence() {
    use UploadKind::{Alerts, Events, Evidence, Named};
    let outboxes = outboxes([
        uploader("all", &[Alerts, Events], &[]),
        uploader("critical", &[Alerts], &[(Lane::Alerts, "severity = 'critical'")]),
        uploader("named", &[Named], &[(Lane::Alerts, "camera = 'gate'")]),
        uploader("files", &[Evidence], &[(Lane::Evidence, "rule LIKE 'intr%'")]),
    ]);
    let named = [Action::Uploader(UploaderId::new("named").unwrap()), Action::Mqtt { topic: "site/horn".to_owned() }];
    let warning = samples::alert(1, "gate", "intruder", Severity::Warning, 1);
    let entries = outboxes.for_alert(&warning, &named).unwrap();
    assert_eq!(queues(&entries), ["uploader/all", "uploader/named", BUS, BUS, "uploader/files/evidence"]);
    assert_eq!((entries[3].1.topic.as_str(), entries[0].1.key.as_deref()), ("site/horn", Some("gate")));
    assert_eq!((entries[4].1.kind.as_str(), entries[4].1.at), ("evidence", Some(warning.raised_at)));
    let critical = samples::alert(2, "yard", "crowd", Severity::Critical, 2);
    let entries = outboxes.for_alert(&critical, &named).unwrap();
    assert_eq!(queues(&entries), ["uploader/all", "uploader/critical", BUS, BUS]);
    let update = samples::update(2, 1, AlertChange::Resolved, 3);
    assert_eq!(queues(&outboxes.for_update(&update, &[]).unwrap()), ["uploader/all", "uploader/critical", BUS]);
    let clip = AlertUpdate { change: AlertChange::Evidence, evidence: warning.evidence.clone(), ..update };
    let entries = outboxes.for_update(&clip, &[]).unwrap();
    assert_eq!(queues(&entries), ["uploader/all", "uploader/critical", BUS, "uploader/files/evidence"]);
}

#[test]
fn an_event_goes_when_one_of_its_objects_fits() {
    let filter = [(Lane::Events, "label = 'person' AND score > 0.5 AND track.id > 3")];
    let outboxes = outboxes([uploader("hub", &[UploadKind::Events], &filter)]);
    let event = samples::event(1, "gate", 1);
    let entries = outboxes.for_event(&event).unwrap();
    assert_eq!(queues(&entries), ["uploader/hub/events"]);
    assert_eq!(entries[0].1.topic, "parapet/harbour/cameras/gate/detections");
    let mut other = (*event).clone();
    other.objects[0].label = "dog".to_owned();
    assert!(outboxes.for_event(&other).unwrap().is_empty());
    other.objects.push(event.objects[0].clone());
    assert_eq!(outboxes.for_event(&other).unwrap().len(), 1);
    other.objects.clear();
    assert!(outboxes.for_event(&other).unwrap().is_empty(), "nothing was seen");
}

#[test]
fn a_failure_goes_to_who_sends_the_journal_but_not_by_whom_it_is_about() {
    let outboxes = outboxes([
        uploader("hub", &[UploadKind::Journal], &[]),
        uploader("stalls", &[UploadKind::Journal], &[(Lane::Journal, "kind = 'stall'")]),
    ]);
    let site = "harbour".parse().unwrap();
    let of = |actor: &str| {
        let entries = outboxes.for_failure(&site, samples::error(1, actor, 1)).unwrap();
        entries.into_iter().map(|(queue, _)| queue).collect::<Vec<_>>()
    };
    assert_eq!(of("cameras/gate"), ["uploader/hub/journal", "uploader/stalls/journal"]);
    assert_eq!(of("uploaders/hub"), ["uploader/stalls/journal"]);
}

#[test]
fn what_a_condition_cannot_judge_is_sent() {
    let outboxes = outboxes([uploader("hub", &[UploadKind::Alerts], &[(Lane::Alerts, "severity > 3")])]);
    let alert = samples::alert(1, "gate", "intruder", Severity::Warning, 1);
    assert_eq!(queues(&outboxes.for_alert(&alert, &[]).unwrap()), ["uploader/hub", BUS]);
}
