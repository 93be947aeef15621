//! What a rule in SQL promises.
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use parapet_config::{Rule, RuleBody};
use parapet_contracts::{
    AlertDraft, BBox, CameraId, DetectionEvent, EndedTrack, Happening, ModelId, Object, RuleId, Severity, SiteId,
    TimeSource, Timestamp, Track,
    ports::rule::{Outcome, RuleProgram},
};
use proptest::prelude::*;
use uuid::Uuid;

use super::Program;

/// A full minute in UTC, in milliseconds.
const START: i64 = 1_795_435_200_000;
const CROWD: &str = "SELECT camera, label, count(*) AS seen FROM detections WHERE label = 'person' \
                     GROUP BY tumblingwindow(ss, 10), camera, label HAVING count(*) > 2";

pub(super) fn camera(id: &str) -> CameraId {
    CameraId::new(id).unwrap()
}

pub(super) fn rule(sql: &str) -> Rule {
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
        alerting: Default::default(),
        reads: Default::default(),
    }
}

fn program(rule: Rule) -> Program {
    Program::new(Arc::new(rule)).unwrap()
}

/// The alerts that something seen brings.
fn hear(program: &mut Program, event: &Arc<DetectionEvent>) -> Vec<AlertDraft> {
    fired(&program.hear(&Happening::Seen(Arc::clone(event))))
}

fn fired(outcomes: &[Outcome]) -> Vec<AlertDraft> {
    outcomes.iter().filter_map(Outcome::fired).cloned().collect()
}

fn advance(program: &mut Program, now: Timestamp) -> Vec<AlertDraft> {
    fired(&program.advance(now))
}

/// What `id` saw `at` milliseconds after the start.
pub(super) fn seen(id: &str, at: i64, labels: &[&str]) -> Arc<DetectionEvent> {
    let object = |label: &&str| Object::new(*label, 0, 0.9, BBox::from([1.0, 2.0, 3.0, 4.0]));
    Arc::new(DetectionEvent {
        id: Uuid::from_u128(u128::from(at.unsigned_abs()) << 8 | id.len() as u128),
        site: SiteId::new("s").unwrap(),
        camera: camera(id),
        model: ModelId::new("people").unwrap(),
        answered_by: None,
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
    drafts.iter().map(|draft| (draft.ts.as_millisecond() - START, draft.message.clone())).collect()
}

pub(super) fn after(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(START + ms).unwrap()
}

#[test]
fn a_window_fires_at_its_end_with_the_last_frame_that_shows_it() {
    let mut program = program(rule(CROWD));
    for at in [1_000, 2_000, 3_000] {
        assert_eq!(hear(&mut program, &seen("gate", at, &["person", "car"])), []);
    }
    assert_eq!(hear(&mut program, &seen("gate", 4_000, &[])), []);
    assert_eq!(advance(&mut program, after(9_999)), []);
    let drafts = advance(&mut program, after(10_000));
    assert_eq!(told(&drafts), [(3_000, "Crowd: label person, seen 3 at gate".to_owned())]);
    assert_eq!(drafts[0].since, after(0));
    let labels: Vec<&str> = drafts[0].objects.iter().map(|object| object.label.as_str()).collect();
    assert_eq!(labels, ["person"], "those with the row's label");
    assert_eq!(advance(&mut program, after(60_000)), [], "once");
}

#[test]
fn rows_that_are_judged_alone_are_one_alert_a_frame_and_wait_for_nothing() {
    let mut alone = rule("SELECT label, score FROM detections WHERE label = 'person' AND score > 0.5");
    alone.message = Some("{count} seen, the first a {label} of {score} at {camera} {nothing}".to_owned());
    alone.cooldown = Duration::from_secs(5);
    let mut program = program(alone);
    let drafts = hear(&mut program, &seen("gate", 0, &["person", "car", "person"]));
    assert_eq!(told(&drafts), [(0, "2 seen, the first a person of 0.9 at gate ".to_owned())]);
    assert_eq!(drafts[0].objects.len(), 2);
    assert_eq!(hear(&mut program, &seen("gate", 4_999, &["person"])), [], "its cooldown holds it back");
    assert_eq!(hear(&mut program, &seen("yard", 4_999, &["person"])).len(), 1, "of its camera alone");
    assert_eq!(hear(&mut program, &seen("gate", 5_000, &["person"])).len(), 1);
    assert_eq!(program.stats().held_back, 1);
}

#[test]
fn a_camera_in_whose_frames_nothing_is_seen_can_be_told() {
    let mut program = program(rule(
        "SELECT camera, sum(objects) AS seen FROM frames GROUP BY tumblingwindow(ss, 10), camera HAVING sum(objects) = 0",
    ));
    for at in [1_000, 5_000] {
        assert_eq!(hear(&mut program, &seen("gate", at, &[])), []);
    }
    let drafts = hear(&mut program, &seen("gate", 12_000, &["car"]));
    assert_eq!(told(&drafts), [(5_000, "Crowd: seen 0 at gate".to_owned())]);
    assert_eq!(hear(&mut program, &seen("gate", 22_000, &[])), [], "there was a car");
}

#[test]
fn late_events_are_counted_and_a_clock_that_stays_behind_begins_anew() {
    let mut program = program(rule(CROWD));
    let _ = hear(&mut program, &seen("gate", 100_000, &["person"]));
    let _ = advance(&mut program, after(100_001));
    assert_eq!(hear(&mut program, &seen("gate", 99_000, &["person"])), []);
    assert_eq!(program.stats().late, 1);
    for at in 0..40 {
        let _ = hear(&mut program, &seen("gate", at * 100, &["person"]));
    }
    assert_eq!(program.stats().restarted, 1);
    assert_eq!(advance(&mut program, after(10_000)).len(), 1, "and judges by the new time");
}

#[test]
fn a_row_that_fails_is_counted_and_told() {
    let mut program = program(rule("SELECT label + 1 AS x FROM detections"));
    assert_eq!(hear(&mut program, &seen("gate", 0, &["person"])), []);
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
    assert_eq!(hear(&mut program, &seen("gate", 0, &["person"])), [], "noon");
    assert_eq!(hear(&mut program, &seen("gate", 3_600_000, &["person"])).len(), 1);
}

fn events() -> impl Strategy<Value = Vec<(bool, i64, usize)>> {
    prop::collection::vec((any::<bool>(), 0_i64..60_000, 0_usize..4), 0..80)
}

fn replay(events: &[(bool, i64, usize)]) -> Vec<(i64, String)> {
    let mut program = program(rule(CROWD));
    let mut drafts = Vec::new();
    for (yard, at, persons) in events {
        let event = seen(if *yard { "yard" } else { "gate" }, *at, &vec!["person"; *persons]);
        drafts.extend(hear(&mut program, &event));
    }
    drafts.extend(advance(&mut program, after(120_000)));
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
    assert_eq!(told(&hear(&mut arrivals, &followed(0, true))), [(0, "Crowd: change new, id 7 at gate".to_owned())]);
    assert_eq!(hear(&mut arrivals, &followed(200, false)), []);
    assert_eq!(hear(&mut arrivals, &seen("gate", 400, &["person"])), [], "what has no track has no row");

    let mut stays = program(rule(
        "SELECT id, age FROM tracks WHERE change = 'end' AND array_contains(`left`, 'dock') AND age > 60",
    ));
    assert_eq!(hear(&mut stays, &followed(0, false)), []);
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
    assert_eq!(hear(&mut stays, &ended(62_000, 0)), [], "60 s are not more than 60");
    assert_eq!(told(&hear(&mut stays, &ended(70_000, 0))), [(70_000, "Crowd: age 68, id 7 at gate".to_owned())]);
}

/// What a program says, in short: what and when, in milliseconds after the start.
fn story(outcomes: &[Outcome]) -> Vec<(i64, String)> {
    let say = |outcome: &Outcome| match outcome {
        Outcome::Fired(draft) => (draft.ts.as_millisecond() - START, format!("fired {} {}", draft.key, draft.severity)),
        Outcome::Changed(change) => (
            change.at.as_millisecond() - START,
            format!("{} {} {}", change.change.as_str(), change.key, change.severity),
        ),
    };
    outcomes.iter().map(say).collect()
}

/// A rule whose alerts go on.
fn lasting() -> Rule {
    let mut rule = rule("SELECT camera FROM detections WHERE label = 'person'");
    rule.alerting.resolve_after = Some(Duration::from_secs(5));
    rule
}

fn play(program: &mut Program, events: &[Arc<DetectionEvent>], end: i64) -> Vec<(i64, String)> {
    let mut outcomes = Vec::new();
    for event in events {
        outcomes.extend(program.hear(&Happening::Seen(Arc::clone(event))));
    }
    outcomes.extend(program.advance(after(end)));
    story(&outcomes)
}

fn short(parts: &[(i64, &str)]) -> Vec<(i64, String)> {
    parts.iter().map(|(at, what)| (*at, (*what).to_owned())).collect()
}

#[test]
fn an_alert_goes_on_is_told_again_gets_worse_and_is_resolved() {
    let mut rule = lasting();
    rule.alerting.remind_every = Some(Duration::from_secs(10));
    rule.alerting.escalate =
        vec![parapet_config::Escalate { after: Duration::from_secs(15), severity: Severity::Critical }];
    let events: Vec<_> = (0..20).map(|n| seen("gate", n * 1_000, &["person"])).collect();
    let told = play(&mut program(rule.clone()), &events, 60_000);
    let expected = [
        (0, "fired gate warning"),
        (10_000, "reminded gate warning"),
        (15_000, "escalated gate critical"),
        (24_000, "resolved gate critical"),
    ];
    assert_eq!(told, short(&expected));

    let mut program = program(rule);
    let fired = program.hear(&Happening::Seen(Arc::clone(&events[0])));
    let alert = fired[0].fired().unwrap().id;
    assert!(!program.acknowledge(Uuid::nil(), "ann", after(1)), "there is no such alert");
    assert!(program.acknowledge(alert, "ann", after(1)));
    assert_eq!(play(&mut program, &events[1..], 60_000), short(&[(24_000, "resolved gate warning")]));
}

#[test]
fn held_for_and_frames_without_it_apply_to_statements_too() {
    let mut rule = lasting();
    rule.held_for = Duration::from_secs(2);
    rule.alerting.resolve_after = Some(Duration::ZERO);
    let at = |n: i64, there: bool| seen("gate", n * 1_000, if there { &["person"] } else { &["car"] });
    let events: Vec<_> = [true, true, false, true, true, true, false].iter().zip(0..).map(|(t, n)| at(n, *t)).collect();
    assert_eq!(
        play(&mut program(rule), &events, 60_000),
        short(&[(5_000, "fired gate warning"), (6_001, "resolved gate warning")])
    );
}

#[test]
fn maintenance_and_silences_hold_back_what_is_told_when_they_are_over() {
    let hour = |hour| jiff::civil::Time::new(hour, 0, 0, 0).unwrap();
    let mut kept = lasting();
    // The start is a noon.
    let days = vec![jiff::civil::Weekday::Monday];
    kept.alerting.maintenance = vec![parapet_config::Period { days, from: hour(11), to: hour(13) }];
    let long: Vec<_> = (0..3_605).step_by(2).map(|n| seen("gate", n * 1_000, &["person"])).collect();
    let told = play(&mut program(kept.clone()), &long, 3_605_000);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0 >= 3_598_000, "by the last frame before its end, or the first after: {told:?}");
    let mut short_lived = program(kept);
    assert_eq!(play(&mut short_lived, &long[..5], 60_000), [], "what ends within it is never told");
    assert_eq!(short_lived.stats().silenced, 1);

    let mut program = program(lasting());
    let silence = parapet_contracts::Silence {
        id: Uuid::from_u128(1),
        rule: None,
        camera: Some(camera("gate")),
        key: None,
        from: after(0),
        until: after(600_000),
        by: None,
        note: None,
    };
    program.set_silences(Arc::new(vec![silence]));
    let both = [seen("gate", 0, &["person"]), seen("yard", 100, &["person"])];
    assert_eq!(play(&mut program, &both, 200), short(&[(100, "fired yard warning")]));
    program.set_silences(Arc::default());
    let told = play(&mut program, &[seen("gate", 1_000, &["person"])], 1_100);
    assert_eq!(told, short(&[(0, "fired gate warning")]), "it still goes on");
}

#[test]
fn a_status_holds_until_the_next_one_says_otherwise() {
    let mut silent = rule("SELECT camera FROM status WHERE health = 'failed'");
    silent.held_for = Duration::from_secs(30);
    silent.alerting.resolve_after = Some(Duration::ZERO);
    let mut program = program(silent);
    let mut say = |at: i64, health: &str| {
        let status = serde_json::json!({
            "id": Uuid::from_u128(at.unsigned_abs().into()), "site": "s", "camera": "gate", "ts": after(at), "health": health,
        });
        story(&program.hear(&Happening::Status(Arc::new(serde_json::from_value(status).unwrap()))))
    };
    assert_eq!((say(0, "failed"), say(10_000, "online"), say(20_000, "failed")), (vec![], vec![], vec![]));
    assert_eq!((say(21_000, "online"), say(22_000, "failed")), (vec![], vec![]));
    assert_eq!(story(&program.advance(after(51_999))), []);
    assert_eq!(story(&program.advance(after(900_000))), short(&[(22_000, "fired gate warning")]));
    assert_eq!(story(&program.advance(after(1_900_000))), [], "it goes on for as long as nothing else is said");
}

#[test]
fn judged_again_an_alert_has_the_same_id_and_another_one_has_not() {
    let ids = |events: &[i64]| -> Vec<Uuid> {
        let mut program = program(rule("SELECT camera FROM detections"));
        let seen = events.iter().map(|at| seen("gate", *at, &["person"]));
        seen.flat_map(|event| hear(&mut program, &event)).map(|draft| draft.id).collect()
    };
    let once = ids(&[0, 1_000]);
    assert_eq!(once, ids(&[0, 1_000]));
    assert!(once[0] < once[1], "they are in the order of their times");
    assert_eq!(once[0].get_version_num(), 7);
}

proptest! {
    #[test]
    fn what_was_written_down_and_taken_up_goes_on_as_if_nothing_had_been(
        events in events(), cut in 0_usize..80, lasts in any::<bool>(),
    ) {
        let mut events = events;
        events.sort_by_key(|(yard, at, _)| (*at, *yard));
        events.dedup_by_key(|(yard, at, _)| (*yard, *at));
        let events: Vec<_> = events
            .iter()
            .map(|(yard, at, persons)| seen(if *yard { "yard" } else { "gate" }, *at, &vec!["person"; *persons]))
            .collect();
        let rule = if lasts { lasting() } else { rule(CROWD) };
        let whole = play(&mut program(rule.clone()), &events, 120_000);
        let (before, later) = events.split_at(cut.min(events.len()));
        let mut first = program(rule.clone());
        let mut outcomes: Vec<Outcome> =
            before.iter().flat_map(|event| first.hear(&Happening::Seen(Arc::clone(event)))).collect();
        let mut second = match first.checkpoint().unwrap() {
            Some(text) => Program::restore(Arc::new(rule.clone()), Arc::clone(&first.plan), &text).unwrap(),
            None => program(rule),
        };
        for event in later {
            outcomes.extend(second.hear(&Happening::Seen(Arc::clone(event))));
        }
        outcomes.extend(second.advance(after(120_000)));
        prop_assert_eq!(whole, story(&outcomes));
    }
}

#[test]
fn a_checkpoint_of_another_rule_is_refused() {
    let mut first = program(lasting());
    let _ = hear(&mut first, &seen("gate", 0, &["person"]));
    let text = first.checkpoint().unwrap().unwrap();
    let other = Rule { cooldown: Duration::from_secs(9), ..lasting() };
    let refused = Program::restore(Arc::new(other), Arc::clone(&first.plan), &text).err().unwrap();
    assert!(refused.contains("changed"), "{refused}");
    assert!(Program::restore(Arc::new(lasting()), Arc::clone(&first.plan), "{}").is_err());
}

#[test]
fn an_alert_is_about_the_objects_that_hold_and_not_about_the_others_of_its_frame() {
    let labels = |drafts: &[AlertDraft]| -> Vec<Vec<String>> {
        drafts.iter().map(|draft| draft.objects.iter().map(|object| object.label.clone()).collect()).collect()
    };
    // The row names neither a label nor a track.
    let mut held =
        program(rule("SELECT camera FROM detections WHERE label = 'person' FOR 1s PER camera RESOLVE AFTER 2s"));
    assert_eq!(hear(&mut held, &seen("gate", 0, &["car", "person"])), []);
    assert_eq!(hear(&mut held, &seen("gate", 1_000, &["car", "person", "dog", "person"])), []);
    let drafts = advance(&mut held, after(1_001));
    assert_eq!(labels(&drafts), [["person", "person"]]);

    let mut kept_apart =
        program(rule("SELECT camera FROM detections WHERE score > 0.5 PER camera, label RESOLVE AFTER 2s"));
    assert_eq!(hear(&mut kept_apart, &seen("gate", 0, &["car", "person", "car"])), []);
    let drafts = advance(&mut kept_apart, after(1));
    assert_eq!(labels(&drafts), [vec!["car", "car"], vec!["person"]]);
}

#[test]
fn a_window_is_shown_by_the_last_frame_in_which_something_counted_with_what_counted() {
    let sql = "SELECT camera, count(*) AS seen FROM detections WHERE label = 'person' \
               GROUP BY tumblingwindow(ss, 10), camera HAVING count(*) > 1";
    let mut program = program(rule(sql));
    for (at, labels) in [(1_000, &["person", "car"][..]), (2_000, &["car", "person"]), (3_000, &["car"]), (4_000, &[])]
    {
        assert_eq!(hear(&mut program, &seen("gate", at, labels)), []);
    }
    let drafts = advance(&mut program, after(10_000));
    assert_eq!(drafts.iter().map(|draft| draft.ts.as_millisecond() - START).collect::<Vec<_>>(), [2_000]);
    assert_eq!(drafts[0].objects.iter().map(|object| object.label.as_str()).collect::<Vec<_>>(), ["person"]);
}

#[test]
fn each_group_of_a_window_is_about_its_own_objects() {
    let sql =
        "SELECT camera, label AS what, count(*) AS seen FROM detections GROUP BY tumblingwindow(ss, 10), camera, label";
    let mut grouped = rule(sql);
    grouped.alerting.key = Some("{what}".to_owned());
    let mut program = program(grouped);
    assert_eq!(hear(&mut program, &seen("gate", 1_000, &["person", "car", "person"])), []);
    let mut drafts = advance(&mut program, after(10_000));
    drafts.sort_by(|a, b| a.key.cmp(&b.key));
    let about: Vec<(&str, usize)> = drafts.iter().map(|draft| (draft.key.as_str(), draft.objects.len())).collect();
    assert_eq!(about, [("car", 1), ("person", 2)]);
}

#[test]
fn a_sequence_is_about_the_objects_of_its_steps() {
    let sql = "SELECT camera FROM detections WHERE label = 'truck' THEN label = 'person' WITHIN 5s PER camera";
    let mut program = program(rule(sql));
    assert_eq!(hear(&mut program, &seen("gate", 0, &["truck", "dog"])), []);
    assert_eq!(hear(&mut program, &seen("gate", 1_000, &["car", "person", "dog"])), []);
    let drafts = advance(&mut program, after(1_001));
    let labels: Vec<&str> = drafts[0].objects.iter().map(|object| object.label.as_str()).collect();
    assert_eq!((drafts.len(), labels), (1, vec!["person"]));
}
