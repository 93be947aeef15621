//! What a rule that waits for silence promises of those that were never heard.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use parapet_contracts::{
    AlertChange, Timestamp,
    ports::rule::{Outcome, RuleProgram},
};

use super::{
    Program,
    tests::{after, camera, rule, seen},
};
use parapet_contracts::Happening;

/// A rule that expects both of its cameras, and listens from [`after`]`(0)` on.
fn silent(sql: &str) -> Program {
    let mut silent = rule(sql);
    silent.reads.expects = vec![camera("gate"), camera("yard")];
    let mut program = Program::new(Arc::new(silent)).unwrap();
    program.listen(after(0), false);
    program
}

const SILENT: &str = "SELECT camera FROM frames ABSENT 30s PER camera";

/// `+` begins, `-` is over; by camera.
fn told(outcomes: &[Outcome]) -> Vec<String> {
    let word = |outcome: &Outcome| match outcome {
        Outcome::Fired(draft) => format!("+{}", draft.camera.as_ref().map_or("", |camera| camera.as_str())),
        Outcome::Changed(change) if change.change == AlertChange::Resolved => format!("-{}", change.key),
        Outcome::Changed(change) => change.change.as_str().to_owned(),
    };
    let mut told: Vec<String> = outcomes.iter().map(word).collect();
    told.sort();
    told
}

fn hear(program: &mut Program, id: &str, at: i64) -> Vec<String> {
    told(&program.hear(&Happening::Seen(seen(id, at, &[]))))
}

fn until(program: &mut Program, now: Timestamp) -> Vec<String> {
    told(&program.advance(now))
}

#[test]
fn cameras_that_never_spoke_are_told_when_it_has_listened_for_so_long() {
    let mut program = silent(SILENT);
    assert!(program.waits_for_silence() && program.waits_for_time());
    assert_eq!(until(&mut program, after(29_999)), [""; 0]);
    assert_eq!(until(&mut program, after(30_001)), ["+gate", "+yard"]);
    assert_eq!(until(&mut program, after(300_000)), [""; 0], "once");
    // One speaks, at last: it is over for this one.
    assert_eq!(hear(&mut program, "gate", 300_100), [""; 0], "it waits for its turn");
    assert_eq!(until(&mut program, after(300_200)), ["-gate"]);
}

#[test]
fn one_that_speaks_is_not_told_and_the_others_time_goes_on() {
    let mut program = silent(SILENT);
    assert_eq!(until(&mut program, after(18_000)), [""; 0]);
    assert_eq!(hear(&mut program, "gate", 19_500), [""; 0]);
    assert_eq!(until(&mut program, after(29_000)), [""; 0]);
    assert_eq!(until(&mut program, after(30_500)), ["+yard"]);
    assert_eq!(program.stats().late, 0);
}

#[test]
fn what_was_on_its_way_while_there_was_nothing_but_the_clock_is_not_late() {
    let mut program = silent(SILENT);
    assert_eq!(until(&mut program, after(20_000)), [""; 0]);
    // Three seconds from the camera to here.
    assert_eq!(hear(&mut program, "gate", 17_000), [""; 0]);
    assert_eq!((program.stats().late, program.stats().restarted), (0, 0));
    assert_eq!(until(&mut program, after(30_001)), ["+yard"]);
    assert_eq!(hear(&mut program, "gate", 10_000), [""; 0]);
    assert_eq!(program.stats().late, 1, "what is far too late is late");
}

#[test]
fn a_clock_that_is_another_one_takes_nothing_of_the_time_that_was_waited() {
    for wrong in [-3_600_000, 3_600_000] {
        let mut program = silent(SILENT);
        assert_eq!(until(&mut program, after(20_000)), [""; 0]);
        assert_eq!(hear(&mut program, "gate", wrong), [""; 0]);
        assert_eq!(until(&mut program, after(wrong + 9_000)), [""; 0]);
        assert_eq!(until(&mut program, after(wrong + 10_001)), ["+yard"], "after 20 and 10 seconds");
        assert_eq!(until(&mut program, after(wrong + 30_001)), ["+gate"]);
    }
}

#[test]
fn time_in_which_the_site_did_not_run_is_no_silence() {
    let mut program = silent(SILENT);
    assert_eq!(hear(&mut program, "gate", 1_000), [""; 0]);
    assert_eq!(until(&mut program, after(10_000)), [""; 0]);
    let written = program.checkpoint().unwrap().unwrap();
    let mut silent_rule = rule(SILENT);
    silent_rule.reads.expects = vec![camera("gate"), camera("yard")];
    let silent_rule = Arc::new(silent_rule);
    let plan = super::compile(&silent_rule).unwrap().plan;
    let mut again = Program::restore(silent_rule, plan, &written).unwrap();
    again.listen(after(600_000), true);
    assert_eq!(until(&mut again, after(629_999)), [""; 0]);
    assert_eq!(until(&mut again, after(630_001)), ["+gate", "+yard"]);
}

#[test]
fn a_rule_that_waits_for_none_has_no_time_before_the_first_event() {
    let mut program =
        Program::new(Arc::new(rule("SELECT camera FROM frames WHERE objects > 9 FOR 3s PER camera"))).unwrap();
    program.listen(after(0), false);
    assert!(!program.waits_for_silence() && !program.waits_for_time());
}
