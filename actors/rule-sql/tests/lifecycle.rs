//! What becomes of an alert: told once, told again, worse, silenced, acknowledged, over.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use parapet_rule_sql::alerting::{
    Escalation, Lifecycle, LifecycleSettings, Notice, Phase, SavedLifecycle, Silence, Told,
};
use proptest::prelude::*;

type Level = u8;

fn settings() -> LifecycleSettings<Level> {
    LifecycleSettings::new(1)
}

fn told(notices: &[Notice<Level>]) -> Vec<(i64, Level, Told)> {
    notices.iter().map(|notice| (notice.at, notice.severity, notice.told)).collect()
}

fn all_silent(from: i64, until: i64) -> Silence {
    Silence { id: "maintenance".into(), key: None, from, until }
}

#[test]
fn an_alert_is_told_once_and_its_end_as_well() {
    let mut life = Lifecycle::new(settings());
    assert_eq!(told(&life.fired("gate", 900, 1_000)), [(1_000, 1, Told::Raised)]);
    assert_eq!(life.fired("gate", 900, 2_000), [], "it still fires");
    assert_eq!(told(&life.fired("yard", 2_000, 2_000)), [(2_000, 1, Told::Raised)], "another key is another alert");
    let over = life.resolved("gate", 3_000);
    assert_eq!(told(&over), [(3_000, 1, Told::Resolved)]);
    assert_eq!((over[0].since, over[0].fired), (900, 1_000));
    assert_eq!(life.resolved("gate", 4_000), []);
    assert_eq!((life.counters().raised, life.counters().repeated), (2, 1));
}

#[test]
fn what_still_fires_after_the_cooldown_is_told_then_and_what_is_over_never() {
    let mut life = Lifecycle::new(LifecycleSettings { cooldown: 60_000, ..settings() });
    life.fired("gate", 0, 0);
    life.resolved("gate", 1_000);
    assert_eq!(life.fired("gate", 10_000, 10_000), [], "it rests");
    assert_eq!(life.resolved("gate", 20_000), [], "nobody knew of it");
    assert_eq!(life.fired("gate", 50_000, 50_000), []);
    assert_eq!(life.next_timer(), Some(60_000));
    assert_eq!(told(&life.advance(70_000)), [(60_000, 1, Told::Raised)]);
    assert_eq!((life.counters().cooling, life.counters().untold), (2, 1));
    life.resolved("gate", 80_000);
    assert_eq!(life.standings().map(|s| s.phase).collect::<Vec<_>>(), [Phase::Resolved]);
    life.advance(120_000);
    assert_eq!(life.standings().count(), 0, "the rest is over, and the key forgotten");
}

#[test]
fn what_has_no_length_is_dropped_within_the_cooldown() {
    let mut life = Lifecycle::new(LifecycleSettings { cooldown: 60_000, ..settings() });
    let happen = |life: &mut Lifecycle<Level>, at| life.happened("gate", at).len();
    assert_eq!([0, 1, 59_999, 60_000, 61_000].map(|at| happen(&mut life, at)), [1, 0, 0, 1, 0]);
    assert_eq!(life.advance(1_000_000), []);
    assert_eq!(life.counters().cooling, 3);
}

#[test]
fn what_nobody_acknowledges_is_told_again_and_gets_worse() {
    let escalations = vec![Escalation { after: 150, to: 2 }, Escalation { after: 300, to: 3 }];
    let mut life = Lifecycle::new(LifecycleSettings { again_every: Some(100), escalations, ..settings() });
    life.fired("gate", 0, 0);
    let expected =
        [(100, 1, Told::Again(1)), (150, 2, Told::Escalated), (250, 2, Told::Again(3)), (300, 3, Told::Escalated)];
    assert_eq!(told(&life.advance(399)), expected);
    assert!(life.acknowledge("gate", "ann", 399));
    assert_eq!(life.advance(10_000), []);
    let standing = life.standings().next().unwrap();
    assert_eq!((standing.phase, standing.severity, standing.times), (Phase::Acknowledged, 3, 5));
    assert_eq!(standing.acknowledged.unwrap().by, "ann");
    assert_eq!(told(&life.resolved("gate", 10_001)), [(10_001, 3, Told::Resolved)]);
    assert!(!life.acknowledge("gate", "ann", 10_002), "it is over");
}

#[test]
fn a_silence_holds_back_all_but_the_end_and_what_still_fires_is_told_after_it() {
    let mut life = Lifecycle::new(LifecycleSettings { again_every: Some(1_000), ..settings() });
    life.fired("told before", 0, 0);
    life.silence(all_silent(500, 5_000), 500);
    assert_eq!(life.fired("short", 1_000, 1_000), []);
    assert_eq!(life.fired("long", 1_000, 1_000), []);
    assert_eq!(life.resolved("short", 2_000), []);
    assert_eq!(told(&life.resolved("told before", 3_000)), [(3_000, 1, Told::Resolved)]);
    assert_eq!(told(&life.advance(5_500)), [(5_000, 1, Told::Raised)], "long");
    assert_eq!(life.counters().silenced, 2);
    assert!(life.silences().is_empty());
}

#[test]
fn a_silence_of_one_key_leaves_the_others_and_can_end_early() {
    let mut life = Lifecycle::new(settings());
    let gate = Silence { id: "gate".into(), key: Some("gate".into()), from: 0, until: 10_000 };
    life.silence(gate, 0);
    assert_eq!(life.fired("gate", 1, 1), []);
    assert_eq!(life.fired("yard", 1, 1).len(), 1);
    assert!(life.unsilence("gate", 2_000));
    assert_eq!(told(&life.advance(2_000)), [(2_000, 1, Told::Raised)]);
    assert!(!life.unsilence("gate", 2_000));
}

#[test]
fn keys_are_bounded_and_what_is_over_goes_first() {
    let mut life = Lifecycle::new(LifecycleSettings { max_keys: 4, cooldown: 1_000_000, ..settings() });
    for key in ["a", "b", "c", "d"] {
        life.fired(key, 0, 0);
    }
    life.resolved("c", 1);
    life.fired("e", 2, 2);
    let keys: Vec<String> = life.standings().map(|standing| standing.key.to_string()).collect();
    assert_eq!(keys, ["a", "b", "d", "e"]);
    assert_eq!(life.counters().evicted, 1);
}

#[derive(Debug, Clone)]
enum Step {
    Fired(usize),
    Resolved(usize),
    Happened(usize),
    Acknowledged(usize),
    Silence(i64),
    Unsilence,
    Nothing,
}

fn step() -> impl Strategy<Value = (i64, Step)> {
    let step = prop_oneof![
        4 => (0_usize..3).prop_map(Step::Fired),
        3 => (0_usize..3).prop_map(Step::Resolved),
        2 => (3_usize..5).prop_map(Step::Happened),
        1 => (0_usize..3).prop_map(Step::Acknowledged),
        1 => (1_i64..400).prop_map(Step::Silence),
        1 => Just(Step::Unsilence),
        2 => Just(Step::Nothing),
    ];
    (0_i64..120, step)
}

const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn take(life: &mut Lifecycle<Level>, at: i64, step: &Step) -> Vec<Notice<Level>> {
    let mut notices = life.advance(at);
    match step {
        Step::Fired(key) => notices.extend(life.fired(KEYS[*key], at, at)),
        Step::Resolved(key) => notices.extend(life.resolved(KEYS[*key], at)),
        Step::Happened(key) => notices.extend(life.happened(KEYS[*key], at)),
        Step::Acknowledged(key) => {
            life.acknowledge(KEYS[*key], "ann", at);
        }
        Step::Silence(length) => life.silence(all_silent(at, at + length), at),
        Step::Unsilence => {
            life.unsilence("maintenance", at);
        }
        Step::Nothing => {}
    }
    notices
}

fn demanding() -> LifecycleSettings<Level> {
    let escalations = vec![Escalation { after: 150, to: 2 }, Escalation { after: 260, to: 3 }];
    LifecycleSettings { cooldown: 200, again_every: Some(90), escalations, ..settings() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn written_down_and_taken_up_again_it_goes_on_as_if_nothing_had_been(
        steps in prop::collection::vec(step(), 1..40), cut in 0_usize..40,
    ) {
        let (mut whole, mut cut_up) = (Lifecycle::new(demanding()), Lifecycle::new(demanding()));
        let mut at = 0;
        for (number, (pause, step)) in steps.iter().enumerate() {
            at += pause;
            prop_assert_eq!(take(&mut whole, at, step), take(&mut cut_up, at, step));
            if number == cut {
                let saved = serde_json::to_string(&cut_up.save()).unwrap();
                let saved: SavedLifecycle = serde_json::from_str(&saved).unwrap();
                cut_up = Lifecycle::restore(demanding(), saved);
            }
        }
        prop_assert_eq!(whole.advance(at + 1_000), cut_up.advance(at + 1_000));
        prop_assert_eq!(whole.counters(), cut_up.counters());
    }

    #[test]
    fn no_key_is_told_twice_of_one_alert_nor_anything_in_a_silence_or_a_cooldown(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut life = Lifecycle::new(demanding());
        let (mut at, mut silent_until) = (0, 0);
        let mut firing: [bool; 5] = [false; 5];
        let mut raised: [Option<i64>; 5] = [None; 5];
        for (pause, step) in &steps {
            at += pause;
            for notice in take(&mut life, at, step) {
                let key = KEYS.iter().position(|key| *key == notice.key.as_ref()).unwrap();
                if notice.told == Told::Resolved {
                    prop_assert!(firing[key], "the end of what was not told");
                    firing[key] = false;
                    continue;
                }
                prop_assert!(notice.at >= silent_until || matches!(step, Step::Unsilence), "told in a silence");
                if notice.told == Told::Raised {
                    prop_assert!(key > 2 || !firing[key], "told twice");
                    prop_assert!(raised[key].is_none_or(|before| notice.at >= before + 200), "told in a cooldown");
                    (firing[key], raised[key]) = (key <= 2, Some(notice.at));
                } else {
                    prop_assert!(firing[key]);
                }
            }
            match step {
                Step::Silence(length) => silent_until = at + length,
                Step::Unsilence => silent_until = 0,
                _ => {}
            }
        }
    }
}
