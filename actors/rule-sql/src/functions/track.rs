//! Tracks: where an object is, how it moves, what it has crossed.
//!
//! The first argument is the `track` of a row of `detections`, or the list of names itself (`in_zone(zones, 'dock')`, as in
//! the stream `tracks`). Of an object without a track nothing is true.

use super::check::wrong_type;
use super::{Arg, Check, Env, Function, Nulls, arg, fail};
use crate::ast::{Expr, ExprKind};
use crate::error::EvalError;
use crate::value::{Object, Strictness, Value, to_float};

const NAMED: Check = Check::Types(&[Arg::Text, Arg::Text]);
const ONE: Check = Check::Types(&[Arg::Text]);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::scalar("in_zone", NAMED, Nulls::False, |_, a| listed(a, "zones")),
    Function::scalar("entered", NAMED, Nulls::False, |_, a| listed(a, "entered")),
    Function::scalar("left_zone", NAMED, Nulls::False, |_, a| listed(a, "left")),
    Function::scalar("crossed", Check::By(check_crossed), Nulls::False, crossed),
    Function::scalar("dwell", NAMED, Nulls::Null, dwell),
    Function::scalar("stationary", ONE, Nulls::False, |_, a| {
        Ok(Value::Bool(matches!(track(a)?.find("stationary"), Some(Value::Bool(true)))))
    }),
    Function::scalar("speed", ONE, Nulls::Null, |_, a| Ok(track(a)?.find("speed").cloned().unwrap_or(Value::Null))),
    Function::scalar("direction", ONE, Nulls::Null, |_, a| {
        Ok(track(a)?.find("direction").cloned().unwrap_or(Value::Null))
    }),
    Function::scalar("moving", Check::By(check_moving), Nulls::False, moving),
];

const SIDES: [&str; 2] = ["left", "right"];
const WAYS: [(&str, f64); 4] = [("up", 0.0), ("right", 90.0), ("down", 180.0), ("left", 270.0)];

fn check_word(args: &[Expr], at: usize, words: &[&str]) -> Result<(), String> {
    match args.get(at).map(|e| &e.kind) {
        Some(ExprKind::Str(word)) if !words.contains(&word.as_ref()) => {
            Err(format!("parameter {} must be one of {}, not {word}", at + 1, words.join(", ")))
        }
        _ => Ok(()),
    }
}

fn check_crossed(args: &[Expr]) -> Result<(), String> {
    Check::Optional(2, &[Arg::Text, Arg::Text, Arg::Text]).run(args)?;
    check_word(args, 2, &SIDES)
}

fn check_moving(args: &[Expr]) -> Result<(), String> {
    Check::Optional(1, &[Arg::Text, Arg::Any]).run(args)?;
    match args.get(1).map(|e| &e.kind) {
        Some(ExprKind::Bool(_) | ExprKind::Unit(_) | ExprKind::Duration(_)) => Err(wrong_type(1, "string or number")),
        _ => check_word(args, 1, &WAYS.map(|(word, _)| word)),
    }
}

fn track(args: &[Value]) -> Result<&Object, EvalError> {
    match arg(args, 0) {
        Value::Object(track) => Ok(track),
        other => fail(format!("the first argument should be a track, got {}", other.shown())),
    }
}

fn name(args: &[Value], at: usize) -> Result<&str, EvalError> {
    match arg(args, at) {
        Value::Str(name) => Ok(name),
        other => fail(format!("argument {} should be a name, got {}", at + 1, other.shown())),
    }
}

/// Whether a name is in a list of the track, or in the list that was given itself.
fn listed(args: &[Value], list: &str) -> Result<Value, EvalError> {
    let wanted = name(args, 1)?;
    let names = match arg(args, 0) {
        Value::Array(names) => names.as_slice(),
        _ => track(args)?.find(list).and_then(Value::as_array).unwrap_or_default(),
    };
    Ok(Value::Bool(names.iter().any(|name| name.as_str() == Some(wanted))))
}

fn crossed(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    if args.len() < 3 {
        return listed(args, "crossed");
    }
    let (line, side) = (name(args, 1)?, name(args, 2)?);
    if !SIDES.contains(&side) {
        return fail(format!("a side is left or right, not {side}"));
    }
    let sides = track(args)?.find("crossed_to").and_then(Value::as_object);
    Ok(Value::Bool(sides.and_then(|sides| sides.get(line)).and_then(Value::as_str) == Some(side)))
}

/// How long the object has been in a zone; null when it is not in it.
fn dwell(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let zone = name(args, 1)?;
    match track(args)?.find("dwell").and_then(Value::as_object).and_then(|dwell| dwell.get(zone)) {
        None | Some(Value::Null) => Ok(Value::Null),
        Some(seconds) => Ok(Value::Duration((to_float(seconds, Strictness::SameKind)? * 1e9).round() as i64)),
    }
}

/// `moving(track)`, `moving(track, 'left')`, `moving(track, 270)`: within 45 degrees of it.
fn moving(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let direction = match track(args)?.find("direction") {
        None | Some(Value::Null) => return Ok(Value::Bool(false)),
        Some(degrees) => to_float(degrees, Strictness::SameKind)?,
    };
    let wanted = match args.get(1) {
        None => return Ok(Value::Bool(true)),
        Some(Value::Str(word)) => match WAYS.iter().find(|(way, _)| *way == word.as_ref()) {
            Some((_, degrees)) => *degrees,
            None => return fail(format!("a way is up, right, down or left, not {word}")),
        },
        Some(degrees) => to_float(degrees, Strictness::SameKind)?,
    };
    let apart = (direction - wanted).rem_euclid(360.0);
    Ok(Value::Bool(apart <= 45.0 || apart >= 315.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use serde_json::json;

    use super::*;
    use crate::functions::find;
    use crate::value::Zone;

    fn ask(function: &str, rest: &[Value]) -> Value {
        let track = json!({
            "id": 7, "zones": ["dock"], "entered": ["dock"], "left": ["road"], "crossed": ["kerb"],
            "crossed_to": { "kerb": "right" }, "dwell": { "dock": 12.5 }, "stationary": false, "speed": 41.5,
            "direction": 275.0,
        });
        let args: Vec<Value> = std::iter::once(Value::from_json(&track)).chain(rest.iter().cloned()).collect();
        find(function)
            .unwrap()
            .call(&Env::new("rule", 0, Zone::UTC), &args)
            .unwrap_or_else(|e| panic!("{function}: {e}"))
    }

    fn text(word: &str) -> Value {
        Value::str(word)
    }

    #[test]
    fn zones_and_lines_are_those_of_the_track() {
        for (function, name, expected) in [
            ("in_zone", "dock", true),
            ("in_zone", "road", false),
            ("entered", "dock", true),
            ("left_zone", "road", true),
            ("left_zone", "dock", false),
            ("crossed", "kerb", true),
            ("crossed", "gate", false),
        ] {
            assert_eq!(ask(function, &[text(name)]), Value::Bool(expected), "{function} {name}");
        }
        assert_eq!(ask("crossed", &[text("kerb"), text("right")]), Value::Bool(true));
        assert_eq!(ask("crossed", &[text("kerb"), text("left")]), Value::Bool(false));
    }

    #[test]
    fn motion_is_that_of_the_track() {
        assert_eq!(ask("dwell", &[text("dock")]), Value::Duration(12_500_000_000));
        assert_eq!(ask("dwell", &[text("road")]), Value::Null);
        assert_eq!((ask("speed", &[]), ask("direction", &[])), (Value::Float(41.5), Value::Float(275.0)));
        assert_eq!(ask("stationary", &[]), Value::Bool(false));
        for (way, expected) in [(text("left"), true), (text("right"), false), (text("up"), false)] {
            assert_eq!(ask("moving", std::slice::from_ref(&way)), Value::Bool(expected), "{way:?}");
        }
        assert_eq!(ask("moving", &[Value::Int(315)]), Value::Bool(true), "40 degrees apart");
        assert_eq!(ask("moving", &[]), Value::Bool(true));
    }

    #[test]
    fn a_list_of_names_will_do_and_nothing_is_true_of_no_track() {
        let env = Env::new("rule", 0, Zone::UTC);
        let call = |function: &str, args: &[Value]| find(function).unwrap().call(&env, args);
        let zones = Value::array(vec![text("dock")]);
        assert_eq!(call("in_zone", &[zones, text("dock")]), Ok(Value::Bool(true)));
        assert_eq!(call("in_zone", &[Value::Null, text("dock")]), Ok(Value::Bool(false)));
        assert_eq!(call("dwell", &[Value::Null, text("dock")]), Ok(Value::Null));
        assert!(call("in_zone", &[text("dock"), text("dock")]).is_err());
    }
}
