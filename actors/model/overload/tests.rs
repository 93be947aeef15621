//! The machine in virtual time, and the meter.

use parapet_contracts::ModelId;
use proptest::prelude::*;

use super::*;
use crate::model::{feeds::Totals, pool::Load};

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[allow(clippy::unwrap_used)]
fn policy() -> OverloadPolicy {
    OverloadPolicy {
        steps: vec![
            OverloadStep::LowerRate,
            OverloadStep::LighterModel(ModelId::new("people-small").unwrap()),
            OverloadStep::ShedLowPriority,
        ],
        lowest_fps: 1.0,
        after: secs(2),
        recover_after: secs(20),
    }
}

/// What a model with these slots sees of ten cameras that want `wanted` frames a second together, four of them of low priority.
fn reading(machine: &Machine, wanted: f64, per_second: f64, lighter_per_second: f64) -> Reading {
    let parts = Reading {
        wanted: wanted * 0.6,
        wanted_low: wanted * 0.4,
        feeds: 10,
        missed: 0.0,
        per_second,
        lighter_per_second,
    };
    // What does not fit is missed.
    Reading { missed: (1.0 - 1.0 / machine.load(&parts).max(1e-9)).max(0.0), ..parts }
}

/// Runs the machine for `seconds`, and returns the changes.
fn run(machine: &mut Machine, from: u64, seconds: u64, wanted: f64, slots: (f64, f64)) -> Vec<Change> {
    let ticks = (from * 2)..((from + seconds) * 2);
    ticks
        .filter_map(|tick| {
            let reading = reading(machine, wanted, slots.0, slots.1);
            machine.tick(Duration::from_millis(tick * 500), &reading)
        })
        .collect()
}

#[test]
fn it_gives_up_no_more_than_it_must_and_in_the_declared_order() {
    // 100 wanted; 40 a second fit, so half the rate is not enough and a quarter is.
    let mut machine = Machine::new(&policy());
    let changes = run(&mut machine, 0, 60, 100.0, (40.0, 100.0));
    let kept: Vec<f64> = changes.iter().map(|change| change.plan.keep).collect();
    assert_eq!(kept, [0.75, 0.5, 0.25]);
    assert!(changes.iter().all(|change| change.worse && !change.plan.lighter && !change.plan.shed));

    // 5 fit: a quarter is not enough, and with the lighter model it is.
    let mut machine = Machine::new(&policy());
    let last = run(&mut machine, 0, 60, 100.0, (5.0, 200.0)).last().map(|change| change.plan);
    assert_eq!(last.map(|plan| (plan.keep, plan.lighter, plan.shed)), Some((0.25, true, false)));

    // Neither is enough: low priority goes last, and then there is nothing more to give up.
    let mut machine = Machine::new(&policy());
    let changes = run(&mut machine, 0, 600, 100.0, (5.0, 5.0));
    assert_eq!((changes.len(), machine.rung()), (5, (5, 5)));
    assert!(machine.plan().shed);
}

#[test]
fn it_does_not_answer_a_moment_of_overload() {
    let mut machine = Machine::new(&policy());
    for second in 0..60 {
        // One second in three too much.
        let wanted = if second % 3 == 0 { 100.0 } else { 20.0 };
        assert_eq!(run(&mut machine, second, 1, wanted, (40.0, 40.0)), []);
    }
}

#[test]
fn a_bursty_camera_that_misses_frames_of_idle_slots_is_no_overload() {
    let mut machine = Machine::new(&policy());
    let calm =
        Reading { wanted: 30.0, wanted_low: 0.0, feeds: 1, missed: 0.6, per_second: 100.0, lighter_per_second: 0.0 };
    assert!((0..100).all(|tick| machine.tick(Duration::from_millis(500 * tick), &calm).is_none()));
}

#[test]
fn what_was_given_up_comes_back_in_reverse_once_there_is_room() {
    let mut machine = Machine::new(&policy());
    run(&mut machine, 0, 100, 100.0, (5.0, 5.0));
    let changes = run(&mut machine, 100, 300, 3.0, (5.0, 5.0));
    assert!(changes.iter().all(|change| !change.worse));
    assert_eq!((changes.len(), machine.rung().0), (5, 0));
    assert!(!changes[0].plan.shed && changes[0].plan.lighter, "what came last goes first");
}

#[test]
fn a_load_at_the_edge_does_not_make_it_swing() {
    // Exactly what fits at three quarters: there is never room for the whole.
    let mut machine = Machine::new(&policy());
    let changes = run(&mut machine, 0, 3_600, 50.0, (40.0, 40.0));
    assert_eq!(changes.len(), 1, "{changes:?}");
}

#[test]
fn a_load_that_comes_and_goes_moves_it_less_and_less_often() {
    let mut machine = Machine::new(&policy());
    let mut changes = 0;
    for minute in 0..60 {
        let wanted = if minute % 2 == 0 { 60.0 } else { 20.0 };
        changes += run(&mut machine, minute * 60, 60, wanted, (40.0, 40.0)).len();
    }
    assert!(changes < 60, "{changes} changes in an hour");
}

#[test]
fn a_model_whose_slots_are_all_gone_hands_over() {
    let mut machine = Machine::new(&policy());
    run(&mut machine, 0, 30, 20.0, (0.0, 100.0));
    assert!(machine.plan().lighter && !machine.plan().shed);
}

#[test]
fn the_lowest_rate_is_counted_in() {
    // A quarter of 12 a second would be 3; ten cameras keep at least one a second each.
    let plan = Plan { keep: 0.25, lowest: 1.0, ..Plan::default() };
    let reading = Reading { wanted: 12.0, feeds: 10, per_second: 10.0, ..Reading::default() };
    assert!((plan.load(&reading) - 1.0).abs() < 1e-9);
}

#[test]
fn the_meter_turns_counters_into_rates() {
    let load = |second: u64| Load {
        totals: Totals { wanted: 30 * second, taken: 20 * second, missed: 10 * second, ..Totals::default() },
        feeds: 6,
        per_second: 20.0,
    };
    let mut meter = Meter::default();
    let mut reading = Reading::default();
    for second in 0..20 {
        reading = meter.read(secs(second), load(second), None, false);
    }
    assert!((reading.wanted - 30.0).abs() < 0.1 && (reading.missed - 1.0 / 3.0).abs() < 0.01, "{reading:?}");
}

proptest! {
    /// Whatever happens, it moves one rung at a time, and never faster than its two waits.
    #[test]
    fn it_moves_a_rung_at_a_time_and_never_in_haste(loads in prop::collection::vec((0.0_f64..200.0, 1.0_f64..100.0), 1..200)) {
        let mut machine = Machine::new(&policy());
        let (mut rung, mut last) = (0_usize, secs(0));
        for (n, (wanted, slots)) in loads.into_iter().enumerate() {
            let now = secs(n as u64);
            let seen = reading(&machine, wanted, slots, slots);
            if let Some(change) = machine.tick(now, &seen) {
                let wait = if change.worse { secs(2) } else { secs(20) };
                prop_assert!(now - last >= wait, "after {:?}", now - last);
                prop_assert_eq!(machine.rung().0, if change.worse { rung + 1 } else { rung - 1 });
                (rung, last) = (machine.rung().0, now);
            }
            prop_assert_eq!(machine.rung().0, rung);
        }
    }
}
