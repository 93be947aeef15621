//! What a rule of the classic form promises.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use parapet_config::{Condition, Period, Rule, RuleBody, RuleZone};
use parapet_contracts::{
    AlertDraft, BBox, CameraId, DetectionEvent, Happening, ModelId, Object, Polygon, RuleId, Severity, SiteId,
    TimeSource, Timestamp,
    ports::rule::{Outcome, RuleProgram},
};
use uuid::Uuid;

use super::Program;

fn camera(id: &str) -> CameraId {
    CameraId::new(id).unwrap()
}

fn condition(labels: &[&str], min_score: f32, min_count: usize) -> Condition {
    Condition { labels: labels.iter().map(|label| (*label).to_owned()).collect(), min_score, min_count }
}

/// Fires at once when a person of at least 0.5 is seen at `gate`, and again each minute.
fn rule() -> Rule {
    Rule {
        id: RuleId::new("intruder").unwrap(),
        name: "Intruder".to_owned(),
        enabled: true,
        cameras: vec![camera("gate")],
        body: RuleBody::Classic(vec![condition(&["person"], 0.5, 1)]),
        zone: None,
        held_for: Duration::ZERO,
        cooldown: Duration::from_secs(60),
        severity: Severity::Critical,
        message: None,
        schedule: Vec::new(),
        model: None,
        time_zone: TimeZone::UTC,
        alerting: Default::default(),
        reads: Default::default(),
    }
}

/// 12:00 UTC on a Monday.
const NOON: i64 = 1_795_435_200;

fn object(label: &str, score: f32, bbox: [f32; 4]) -> Object {
    Object::new(label, 0, score, BBox::from(bbox))
}

fn person(score: f32) -> Object {
    object("person", score, [10.0, 10.0, 30.0, 80.0])
}

/// An event of `gate`, `at` seconds after noon.
fn seen(at: f64, objects: Vec<Object>) -> Arc<DetectionEvent> {
    Arc::new(DetectionEvent {
        id: Uuid::now_v7(),
        site: SiteId::new("s").unwrap(),
        camera: camera("gate"),
        model: ModelId::new("people").unwrap(),
        answered_by: None,
        frame: 0,
        ts: Timestamp::from_millisecond(NOON * 1000 + (at * 1e3) as i64).unwrap(),
        ts_source: TimeSource::Pts,
        width: 100,
        height: 100,
        objects,
        zones: Default::default(),
        ended: vec![],
        still_s: 0.0,
        update: None,
    })
}

/// The alerts that something seen brings.
fn hear(program: &mut Program, event: &Arc<DetectionEvent>) -> Vec<AlertDraft> {
    fired(&program.hear(&Happening::Seen(Arc::clone(event))))
}

fn fired(outcomes: &[Outcome]) -> Vec<AlertDraft> {
    outcomes.iter().filter_map(Outcome::fired).cloned().collect()
}

/// The seconds after noon at which the rule fires.
fn fires(rule: Rule, events: impl IntoIterator<Item = Arc<DetectionEvent>>) -> Vec<f64> {
    let mut program = Program::new(Arc::new(rule)).unwrap();
    let drafts = events.into_iter().flat_map(|event| hear(&mut program, &event)).collect::<Vec<_>>();
    drafts.iter().map(|draft| (draft.ts.as_millisecond() - NOON * 1000) as f64 / 1e3).collect()
}

fn every_half_second(from: f64, to: f64) -> impl Iterator<Item = Arc<DetectionEvent>> {
    let (from, to) = ((from * 2.0) as u32, (to * 2.0) as u32);
    (from..=to).map(|n| seen(f64::from(n) / 2.0, vec![person(0.9)]))
}

#[test]
fn labels_scores_and_counts_must_fit() {
    assert_eq!(fires(rule(), [seen(0.0, vec![])]), [0.0; 0]);
    assert_eq!(fires(rule(), [seen(0.0, vec![person(0.49)])]), [0.0; 0]);
    assert_eq!(fires(rule(), [seen(0.0, vec![object("car", 0.9, [0.0; 4])])]), [0.0; 0]);
    assert_eq!(fires(rule(), [seen(0.0, vec![person(0.5)])]), [0.0]);
    let mut two = rule();
    two.body = RuleBody::Classic(vec![condition(&["person"], 0.5, 2)]);
    assert_eq!(fires(two.clone(), [seen(0.0, vec![person(0.9)])]), [0.0; 0]);
    assert_eq!(fires(two, [seen(0.0, vec![person(0.9), person(0.6)])]), [0.0]);
}

#[test]
fn several_classes_must_be_there_at_once() {
    let mut both = rule();
    both.body = RuleBody::Classic(vec![condition(&["person"], 0.5, 1), condition(&["car", "truck"], 0.3, 1)]);
    let truck = object("truck", 0.4, [0.0, 0.0, 9.0, 9.0]);
    assert_eq!(fires(both.clone(), [seen(0.0, vec![person(0.9)]), seen(1.0, vec![truck.clone()])]), [0.0; 0]);
    let mut program = Program::new(Arc::new(both)).unwrap();
    let drafts = hear(&mut program, &seen(2.0, vec![person(0.9), truck, object("dog", 0.9, [0.0; 4])]));
    let labels: Vec<_> = drafts[0].objects.iter().map(|o| o.label.as_str()).collect();
    assert_eq!(labels, ["person", "truck"], "only what made it fire");
    assert_eq!(drafts[0].message, "Intruder: 1 person, 1 truck at gate");
}

#[test]
fn the_bottom_centre_of_the_box_decides_about_the_zone() {
    let mut zoned = rule();
    let lower_half = Polygon(vec![[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]]);
    zoned.zone =
        Some(RuleZone { name: Some("dock".to_owned()), polygons: BTreeMap::from([(camera("gate"), lower_half)]) });
    zoned.message = Some("{count} {label} in {zone} of {camera} ({score})".to_owned());
    let above = object("person", 0.9, [10.0, 0.0, 30.0, 49.0]);
    let reaches_in = object("person", 0.9, [10.0, 0.0, 30.0, 51.0]);
    assert_eq!(fires(zoned.clone(), [seen(0.0, vec![above])]), [0.0; 0]);
    let mut program = Program::new(Arc::new(zoned)).unwrap();
    let drafts = hear(&mut program, &seen(0.0, vec![reaches_in]));
    assert_eq!(drafts[0].message, "1 1 person in dock of gate (0.90)");
}

#[test]
fn a_condition_must_hold_on_every_frame_for_its_time() {
    let mut held = rule();
    held.held_for = Duration::from_secs(2);
    assert_eq!(fires(held.clone(), every_half_second(0.0, 1.5)), [0.0; 0]);
    assert_eq!(fires(held.clone(), every_half_second(0.0, 3.0)), [2.0]);
    let interrupted = every_half_second(0.0, 1.5).chain([seen(1.7, vec![])]).chain(every_half_second(2.0, 5.0));
    assert_eq!(fires(held.clone(), interrupted), [4.0], "one empty frame begins anew");
    let blind = every_half_second(0.0, 1.0).chain(every_half_second(100.0, 101.0));
    assert_eq!(fires(held, blind), [0.0; 0], "nobody saw what happened in the gap");
}

#[test]
fn an_alert_says_since_when_the_condition_has_held() {
    let mut held = rule();
    held.held_for = Duration::from_secs(2);
    let mut program = Program::new(Arc::new(held)).unwrap();
    let drafts: Vec<_> = every_half_second(0.0, 2.0).flat_map(|event| hear(&mut program, &event)).collect();
    assert_eq!(drafts[0].since.as_second(), NOON);
}

#[test]
fn a_lasting_episode_repeats_after_each_cooldown_and_never_without_one() {
    assert_eq!(fires(rule(), every_half_second(0.0, 130.0)), [0.0, 60.0, 120.0]);
    let mut once = rule();
    once.cooldown = Duration::ZERO;
    let two_episodes = every_half_second(0.0, 10.0).chain([seen(11.0, vec![])]).chain(every_half_second(12.0, 15.0));
    assert_eq!(fires(once, two_episodes), [0.0, 12.0], "once an episode");
}

#[test]
fn a_cooldown_holds_back_a_new_episode_of_the_same_camera_alone() {
    let mut wide = rule();
    wide.cameras.push(camera("yard"));
    let other =
        Arc::new(DetectionEvent { camera: camera("yard"), ..DetectionEvent::clone(&seen(3.0, vec![person(0.9)])) });
    let events = [seen(0.0, vec![person(0.9)]), seen(1.0, vec![]), seen(2.0, vec![person(0.9)]), other];
    assert_eq!(fires(wide, events), [0.0, 3.0]);
}

#[test]
fn a_schedule_is_in_the_sites_time_zone_and_may_pass_midnight() {
    let mut night = rule();
    night.time_zone = TimeZone::get("Europe/Berlin").unwrap();
    let time = |hour| jiff::civil::Time::new(hour, 0, 0, 0).unwrap();
    night.schedule = vec![Period { days: vec![jiff::civil::Weekday::Monday], from: time(22), to: time(6) }];
    let hour = |h: f64| seen(h * 3600.0, vec![person(0.9)]);
    // Noon UTC is 13:00 in Berlin in November: the night begins nine hours later and ends seventeen hours later.
    let hours = [0.0, 8.75, 9.0, 12.0, 16.75, 17.0, 33.5];
    assert_eq!(fires(night, hours.map(hour)).iter().map(|s| s / 3600.0).collect::<Vec<_>>(), [9.0, 12.0, 16.75]);
}

#[test]
fn what_does_not_concern_the_rule_is_not_even_counted() {
    let mut off = rule();
    off.enabled = false;
    assert_eq!(fires(off, [seen(0.0, vec![person(0.9)])]), [0.0; 0]);
    let mut other_model = rule();
    other_model.model = Some(ModelId::new("faces").unwrap());
    let mut program = Program::new(Arc::new(other_model)).unwrap();
    assert!(hear(&mut program, &seen(0.0, vec![person(0.9)])).is_empty());
    assert_eq!(program.stats().events, 0);
}

#[test]
fn a_late_event_is_counted_and_a_clock_that_was_set_back_begins_anew() {
    let mut program = Program::new(Arc::new(rule())).unwrap();
    assert_eq!(hear(&mut program, &seen(10.0, vec![person(0.9)])).len(), 1);
    assert!(hear(&mut program, &seen(9.0, vec![person(0.9)])).is_empty());
    assert_eq!(program.stats().late, 1);
    assert_eq!(hear(&mut program, &seen(-3600.0, vec![person(0.9)])).len(), 1, "an hour back is another clock");
}

#[test]
fn time_in_which_nothing_moved_is_no_gap_and_unseen_time_is_one() {
    let parked = |at: f64, still_s: f64| {
        Arc::new(DetectionEvent { still_s, ..DetectionEvent::clone(&seen(at, vec![person(0.9)])) })
    };
    let events = |still: f64| [parked(0.0, 0.0), parked(0.2, 0.0), parked(10.2, still), parked(20.2, still)];
    let patient = || Rule { held_for: Duration::from_secs(5), ..rule() };
    assert_eq!(fires(patient(), events(9.8)), [10.2]);
    assert_eq!(fires(patient(), events(0.0)), [0.0; 0]);
}
