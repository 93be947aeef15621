//! What a rule in SQL promises.
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use parapet_config::{Rule, RuleBody};
use parapet_contracts::{
    AlertDraft, BBox, CameraId, DetectionEvent, EndedTrack, ModelId, Object, RuleId, Severity, SiteId, TimeSource,
    Timestamp, Track,
    ports::rule::RuleProgram,
    status::{Health, PictureFault, StatusEvent},
};
use proptest::prelude::*;
use uuid::Uuid;

use super::SqlRule;

/// A full minute in UTC, in milliseconds.
const START: i64 = 1_795_435_200_000;
const CROWD: &str = "SELECT camera, label, count(*) AS seen FROM detections WHERE label = 'person' \
                     GROUP BY tumblingwindow(ss, 10), camera, label HAVING count(*) > 2";

fn camera(id: &str) -> CameraId {
    CameraId::new(id).unwrap()
}

fn rule(sql: &str) -> Rule {
    Rule {
        id: RuleId::new("crowd").unwrap(),
        name: "Crowd".to_owned(),
        enabled: true,
        cameras: vec![camera("gate"), camera("yard")],
        body: RuleBody::Sql(sql.to_owned()),
        zone: None,
        held_for: Duration::ZERO,
        cooldown: Duration::ZERO,
        severity: Severity::Warning,
        message: None,
        schedule: Vec::new(),
        model: None,
        time_zone: TimeZone::UTC,
    }
}

fn program(rule: Rule) -> SqlRule {
    let RuleBody::Sql(sql) = rule.body.clone() else { panic!() };
    SqlRule::new(Arc::new(rule), &sql).unwrap()
}

/// What `id` saw `at` milliseconds after the start.
fn seen(id: &str, at: i64, labels: &[&str]) -> Arc<DetectionEvent> {
    let object = |label: &&str| Object::new(*label, 0, 0.9, BBox::from([1.0, 2.0, 3.0, 4.0]));
    Arc::new(DetectionEvent {
        id: Uuid::from_u128(u128::from(at.unsigned_abs()) << 8 | id.len() as u128),
        site: SiteId::new("s").unwrap(),
        camera: camera(id),
        model: ModelId::new("people").unwrap(),
        frame: at.unsigned_abs(),
        ts: Timestamp::from_millisecond(START + at).unwrap(),
        ts_source: TimeSource::Pts,
        width: 100,
        height: 100,
        objects: labels.iter().map(object).collect(),
        zones: Default::default(),
        ended: vec![],
        still_s: 0.0,
        update: None,
    })
}

fn told(drafts: &[AlertDraft]) -> Vec<(i64, String)> {
    drafts.iter().map(|draft| (draft.event.ts.as_millisecond() - START, draft.message.clone())).collect()
}

fn after(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(START + ms).unwrap()
}

#[test]
fn a_window_fires_at_its_end_with_the_last_frame_that_shows_it() {
    let mut program = program(rule(CROWD));
    for at in [1_000, 2_000, 3_000] {
        assert_eq!(program.on_event(&seen("gate", at, &["person", "car"])), []);
    }
    assert_eq!(program.on_event(&seen("gate", 4_000, &[])), []);
    assert_eq!(program.advance(after(9_999)), []);
    let drafts = program.advance(after(10_000));
    assert_eq!(told(&drafts), [(3_000, "Crowd: label person, seen 3 at gate".to_owned())]);
    assert_eq!(drafts[0].since, after(0));
    let labels: Vec<&str> = drafts[0].objects.iter().map(|object| object.label.as_str()).collect();
    assert_eq!(labels, ["person"], "those with the row's label");
    assert_eq!(program.advance(after(60_000)), [], "once");
}

#[test]
fn rows_that_are_judged_alone_are_one_alert_a_frame_and_wait_for_nothing() {
    let mut alone = rule("SELECT label, score FROM detections WHERE label = 'person' AND score > 0.5");
    alone.message = Some("{count} seen, the first a {label} of {score} at {camera} {nothing}".to_owned());
    alone.cooldown = Duration::from_secs(5);
    let mut program = program(alone);
    let drafts = program.on_event(&seen("gate", 0, &["person", "car", "person"]));
    assert_eq!(told(&drafts), [(0, "2 seen, the first a person of 0.9 at gate ".to_owned())]);
    assert_eq!(drafts[0].objects.len(), 2);
    assert_eq!(program.on_event(&seen("gate", 4_999, &["person"])), [], "its cooldown holds it back");
    assert_eq!(program.on_event(&seen("yard", 4_999, &["person"])).len(), 1, "of its camera alone");
    assert_eq!(program.on_event(&seen("gate", 5_000, &["person"])).len(), 1);
    assert_eq!(program.stats().held_back, 1);
}

#[test]
fn a_camera_in_whose_frames_nothing_is_seen_can_be_told() {
    let mut program = program(rule(
        "SELECT camera, sum(objects) AS seen FROM frames GROUP BY tumblingwindow(ss, 10), camera HAVING sum(objects) = 0",
    ));
    for at in [1_000, 5_000] {
        assert_eq!(program.on_event(&seen("gate", at, &[])), []);
    }
    let drafts = program.on_event(&seen("gate", 12_000, &["car"]));
    assert_eq!(told(&drafts), [(5_000, "Crowd: seen 0 at gate".to_owned())]);
    assert_eq!(program.on_event(&seen("gate", 22_000, &[])), [], "there was a car");
}

#[test]
fn late_events_are_counted_and_a_clock_that_stays_behind_begins_anew() {
    let mut program = program(rule(CROWD));
    let _ = program.on_event(&seen("gate", 100_000, &["person"]));
    let _ = program.advance(after(100_001));
    assert_eq!(program.on_event(&seen("gate", 99_000, &["person"])), []);
    assert_eq!(program.stats().late, 1);
    for at in 0..40 {
        let _ = program.on_event(&seen("gate", at * 100, &["person"]));
    }
    assert_eq!(program.stats().restarted, 1);
    assert_eq!(program.advance(after(10_000)).len(), 1, "and judges by the new time");
}

#[test]
fn a_row_that_fails_is_counted_and_told() {
    let mut program = program(rule("SELECT label + 1 AS x FROM detections"));
    assert_eq!(program.on_event(&seen("gate", 0, &["person"])), []);
    assert_eq!(program.stats().errors, 1);
    assert!(program.last_error().unwrap().contains("invalid operation"), "{:?}", program.last_error());
}

#[test]
fn outside_its_schedule_a_rule_hears_nothing() {
    let mut night = rule("SELECT label FROM detections");
    let hour = |hour| jiff::civil::Time::new(hour, 0, 0, 0).unwrap();
    let days = vec![jiff::civil::Weekday::Monday];
    night.schedule = vec![parapet_config::Period { days, from: hour(13), to: hour(14) }];
    let mut program = program(night);
    assert_eq!(program.on_event(&seen("gate", 0, &["person"])), [], "noon");
    assert_eq!(program.on_event(&seen("gate", 3_600_000, &["person"])).len(), 1);
}

fn events() -> impl Strategy<Value = Vec<(bool, i64, usize)>> {
    prop::collection::vec((any::<bool>(), 0_i64..60_000, 0_usize..4), 0..80)
}

fn replay(events: &[(bool, i64, usize)]) -> Vec<(i64, String)> {
    let mut program = program(rule(CROWD));
    let mut drafts = Vec::new();
    for (yard, at, persons) in events {
        let event = seen(if *yard { "yard" } else { "gate" }, *at, &vec!["person"; *persons]);
        drafts.extend(program.on_event(&event));
    }
    drafts.extend(program.advance(after(120_000)));
    told(&drafts)
}

proptest! {
    #[test]
    fn a_replay_gives_the_same_alerts_also_when_events_come_late_within_the_lateness(
        events in events(), delays in prop::collection::vec(0_i64..499, 80),
    ) {
        let mut events = events;
        events.sort();
        events.dedup_by_key(|(yard, at, _)| (*yard, *at));
        events.sort_by_key(|(yard, at, _)| (*at, *yard));
        let once = replay(&events);
        prop_assert_eq!(&once, &replay(&events));
        let mut late: Vec<_> = events.iter().zip(&delays).map(|(event, delay)| (event.1 + delay, *event)).collect();
        late.sort_by_key(|(arrival, _)| *arrival);
        let late: Vec<_> = late.into_iter().map(|(_, event)| event).collect();
        prop_assert_eq!(once, replay(&late));
    }
}

/// One object, on track 7 since a second ago.
fn followed(at: i64, new: bool) -> Arc<DetectionEvent> {
    let mut event = DetectionEvent::clone(&seen("gate", at, &["person"]));
    event.objects[0].track = Some(Track { new, zones: vec!["dock".to_owned()], ..Track::new(7, after(at - 1_000)) });
    Arc::new(event)
}

#[test]
fn a_rule_hears_that_a_track_is_new_and_that_it_ended() {
    let mut arrivals = program(rule("SELECT id, change FROM tracks WHERE change = 'new'"));
    assert_eq!(told(&arrivals.on_event(&followed(0, true))), [(0, "Crowd: change new, id 7 at gate".to_owned())]);
    assert_eq!(arrivals.on_event(&followed(200, false)), []);
    assert_eq!(arrivals.on_event(&seen("gate", 400, &["person"])), [], "what has no track has no row");

    let mut stays = program(rule(
        "SELECT id, age FROM tracks WHERE change = 'end' AND array_contains(`left`, 'dock') AND age > 60",
    ));
    assert_eq!(stays.on_event(&followed(0, false)), []);
    let ended = |at: i64, since: i64| {
        let (zones, dwell) = (vec!["dock".to_owned()], Default::default());
        let bbox = BBox::from([1.0, 2.0, 3.0, 4.0]);
        let gone = EndedTrack {
            id: 7,
            label: "person".to_owned(),
            class: 0,
            since: after(since),
            last_seen: after(at - 2_000),
            bbox,
            zones,
            dwell,
        };
        Arc::new(DetectionEvent { ended: vec![gone], ..DetectionEvent::clone(&seen("gate", at, &[])) })
    };
    assert_eq!(stays.on_event(&ended(62_000, 0)), [], "60 s are not more than 60");
    assert_eq!(told(&stays.on_event(&ended(70_000, 0))), [(70_000, "Crowd: age 68, id 7 at gate".to_owned())]);
}

#[test]
fn a_rule_hears_what_becomes_of_a_camera() {
    let mut liar = program(rule("SELECT camera, picture FROM status WHERE picture IN ('covered', 'moved')"));
    assert!(liar.hears_statuses());
    let status = |picture: Option<PictureFault>| StatusEvent {
        id: Uuid::from_u128(1),
        site: SiteId::new("s").unwrap(),
        camera: Some(camera("gate")),
        ts: after(0),
        health: Health::Degraded,
        reason: None,
        picture,
    };
    let event =
        |at| Arc::new(DetectionEvent { model: ModelId::status(), ..DetectionEvent::clone(&seen("gate", at, &[])) });
    assert_eq!(liar.on_status(&status(Some(PictureFault::Dark)), &event(0)), []);
    assert_eq!(liar.on_status(&status(None), &event(1_000)), []);
    let drafts = liar.on_status(&status(Some(PictureFault::Covered)), &event(2_000));
    assert_eq!(told(&drafts), [(2_000, "Crowd: picture covered at gate".to_owned())]);
    assert_eq!(drafts[0].event.model, ModelId::status());
    assert_eq!(liar.on_event(&seen("gate", 3_000, &["person"])), [], "a frame is no status");
    assert!(!program(rule(CROWD)).hears_statuses());
}
