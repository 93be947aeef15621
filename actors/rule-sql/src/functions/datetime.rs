//! Dates and times. The calendar is that of the instant's zone; texts without one are in the engine's zone.

use super::check::{Arg, wrong_type};
use super::{Check, Env, Function, Nulls, arg, fail};
use crate::ast::{Expr, ExprKind};
use crate::error::EvalError;
use crate::value::{Instant, Strictness, Value, format_time, go_text, parse_duration, to_int, to_time, zone};

const ONE: Check = Check::Types(&[Arg::Time]);

macro_rules! part {
    ($name:literal, |$t:ident| $value:expr) => {
        Function::scalar($name, ONE, Nulls::NullInQuery, |env, a| {
            let $t = time(env, a, 0)?;
            Ok($value)
        })
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    Function::scalar("now", Check::By(check_now), Nulls::Pass, |env, a| now(env, a, false)),
    Function::scalar("current_timestamp", Check::By(check_now), Nulls::Pass, |env, a| now(env, a, false)),
    Function::scalar("local_time", Check::By(check_now), Nulls::Pass, |env, a| now(env, a, false)),
    Function::scalar("local_timestamp", Check::By(check_now), Nulls::Pass, |env, a| now(env, a, false)),
    Function::scalar("cur_time", Check::By(check_now), Nulls::Pass, |env, a| now(env, a, true)),
    Function::scalar("current_time", Check::By(check_now), Nulls::Pass, |env, a| now(env, a, true)),
    Function::scalar("cur_date", Check::Count(0, 0), Nulls::Pass, today),
    Function::scalar("current_date", Check::Count(0, 0), Nulls::Pass, today),
    Function::scalar("format_time", Check::By(check_format_time), Nulls::NullInQuery, |env, a| {
        Ok(Value::from(format_time(&time(env, a, 0)?, &go_text(arg(a, 1)))?))
    }),
    Function::scalar("date_calc", Check::Types(&[Arg::Time, Arg::StrictText]), Nulls::NullInQuery, date_calc),
    Function::scalar("date_diff", Check::Types(&[Arg::Time, Arg::Time]), Nulls::NullInQuery, |env, a| {
        Ok(Value::Duration(time(env, a, 1)?.nanos.saturating_sub(time(env, a, 0)?.nanos)))
    }),
    part!("day_name", |t| Value::str(crate::value::day_name(t.civil()))),
    part!("day_of_month", |t| int(t.civil().day())),
    part!("day", |t| int(t.civil().day())),
    // Sunday is 0.
    part!("day_of_week", |t| int(t.civil().weekday().to_sunday_zero_offset())),
    part!("day_of_year", |t| int(t.civil().day_of_year())),
    part!("hour", |t| int(t.civil().hour())),
    part!("minute", |t| int(t.civil().minute())),
    part!("second", |t| int(t.civil().second())),
    part!("microsecond", |t| int(t.civil().subsec_nanosecond() / 1000)),
    part!("month", |t| int(t.civil().month())),
    part!("month_name", |t| Value::str(crate::value::month_name(t.civil().month()))),
    part!("year", |t| int(t.civil().year())),
    part!("last_day", |t| Value::from(t.civil().date().last_of_month().to_string())),
    Function::scalar("from_days", Check::By(check_days), Nulls::Null, from_days),
    Function::scalar("from_unix_time", Check::By(check_unix), Nulls::Null, from_unix_time),
    Function::scalar("to_seconds", Check::Count(1, 1), Nulls::NullInQuery, |env, a| {
        Ok(Value::Int(time(env, a, 0)?.nanos.div_euclid(1_000_000_000)))
    }),
    Function::scalar("convert_tz", Check::Types(&[Arg::Time, Arg::Text]), Nulls::NullInQuery, convert_tz),
    Function::scalar("tstamp", Check::Count(0, 0), Nulls::Pass, |env, _| Ok(Value::Int(env.now))),
];

fn int(n: impl Into<i64>) -> Value {
    Value::Int(n.into())
}

fn time(env: &Env, args: &[Value], at: usize) -> Result<Instant, EvalError> {
    to_time(arg(args, at), &env.zone)
}

fn check_now(args: &[Expr]) -> Result<(), String> {
    match args {
        [] => Ok(()),
        [_] => Arg::StrictInt.require(args, 0),
        _ => Err("too many arguments".into()),
    }
}

fn check_format_time(args: &[Expr]) -> Result<(), String> {
    Check::Types(&[Arg::Time, Arg::Text]).run(args)
}

/// The language this is compatible with takes a column or an expression here, and refuses every literal.
fn check_days(args: &[Expr]) -> Result<(), String> {
    Check::Count(1, 1).run(args)?;
    match args.first().map(|e| &e.kind) {
        Some(ExprKind::Int(_) | ExprKind::Number(_) | ExprKind::Str(_) | ExprKind::Bool(_)) => {
            Err(wrong_type(0, "int"))
        }
        _ => Ok(()),
    }
}

fn check_unix(args: &[Expr]) -> Result<(), String> {
    Check::Count(1, 1).run(args)?;
    match args.first().map(|e| &e.kind) {
        Some(ExprKind::Number(_) | ExprKind::Str(_) | ExprKind::Bool(_)) => Err(wrong_type(0, "int")),
        _ => Ok(()),
    }
}

fn now(env: &Env, args: &[Value], time_only: bool) -> Result<Value, EvalError> {
    let digits = match args.first() {
        Some(v) => to_int(v, Strictness::Strict)?,
        None => 0,
    };
    let mut pattern = String::from(if time_only { "HH:mm:ss" } else { "yyyy-MM-dd HH:mm:ss" });
    if (1..=6).contains(&digits) {
        pattern.push_str(&"S".repeat(usize::try_from(digits).unwrap_or(0)));
    }
    Ok(Value::from(format_time(&Instant::from_millis(env.now, env.zone.clone()), &pattern)?))
}

fn today(env: &Env, _: &[Value]) -> Result<Value, EvalError> {
    Ok(Value::from(format_time(&Instant::from_millis(env.now, env.zone.clone()), "yyyy-MM-dd")?))
}

fn date_calc(env: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let mut t = time(env, args, 0)?;
    let text = go_text(arg(args, 1));
    let Some(span) = parse_duration(&text) else {
        return fail(format!("cannot read \"{text}\" as a duration such as 1h30m"));
    };
    t.nanos = t.nanos.saturating_add(span);
    Ok(Value::from(format_time(&t, "yyyy-MM-dd HH:mm:ss")?))
}

/// Day 1 is 1970-01-01; day 0 is null.
fn from_days(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let days = to_int(arg(args, 0), Strictness::Strict)?;
    if days == 0 {
        return Ok(Value::Null);
    }
    let t = Instant::from_millis(
        days.saturating_sub(1).saturating_mul(86_400_000),
        zone("UTC").unwrap_or(crate::value::Zone::UTC),
    );
    Ok(Value::from(format_time(&t, "yyyy-MM-dd")?))
}

fn from_unix_time(env: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let seconds = to_int(arg(args, 0), Strictness::Strict)?;
    if seconds == 0 {
        return Ok(Value::Null);
    }
    let t = Instant::from_millis(seconds.saturating_mul(1000), env.zone.clone());
    Ok(Value::from(format_time(&t, "yyyy-MM-dd HH:mm:ss")?))
}

fn convert_tz(env: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let mut t = time(env, args, 0)?;
    let name = go_text(arg(args, 1));
    match zone(&name) {
        Some(zone) => {
            t.zone = zone;
            Ok(Value::Time(t))
        }
        None => fail(format!("unknown time zone {name}")),
    }
}
