//! The functions of the language.
//!
//! A scalar function is a plain function of its arguments; an aggregate takes one array per argument, holding the
//! argument of every row. Functions with memory (`lag`, `acc_sum`, …) live in [`analytic`]. What a function may be
//! given is checked once, when the statement is parsed.

pub mod aggregate;
pub mod analytic;
mod array;
mod check;
mod compress;
mod convert;
mod datetime;
mod fold;
mod hash;
mod jsonpath;
mod math;
mod numbers;
mod object;
mod saved;
mod sight;
mod streaks;
mod string;
mod track;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use check::Arg;
pub use check::Check;
pub use fold::Fold;

use crate::ast::Expr;
use crate::error::EvalError;
use crate::value::{Value, Zone};

/// What a function may see besides its arguments. It has no clock: `now` is the time of the engine.
#[derive(Debug, Clone)]
pub struct Env {
    /// Milliseconds since 1970, by the engine's clock.
    pub now: i64,
    /// The rule's id.
    pub rule_id: Value,
    /// When the rule began, in milliseconds.
    pub rule_start: i64,
    /// The zone of times written without one.
    pub zone: Zone,
    /// Drives `rand`, `newuuid` and `array_shuffle`: the same seed gives the same results in a replay.
    pub random: std::cell::Cell<u64>,
    /// States set from outside, read by `get_keyed_state`.
    pub keyed: BTreeMap<String, Value>,
}

impl Env {
    /// An environment for a rule that begins at `now`.
    pub fn new(rule_id: &str, now: i64, zone: Zone) -> Self {
        let seed = 0x9e37_79b9_7f4a_7c15;
        let random = std::cell::Cell::new(seed);
        Self { now, rule_id: Value::str(rule_id), rule_start: now, zone, random, keyed: BTreeMap::new() }
    }

    /// The next number of the sequence (SplitMix64, Steele, Lea and Flood 2014).
    pub(crate) fn next_random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// How a function is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// From its arguments alone.
    Scalar,
    /// Over the rows of a group.
    Aggregate,
    /// With a memory of earlier events; runs before WHERE.
    Analytic,
    /// Gives several columns, named at run time; in SELECT alone.
    Columns,
    /// Gives several rows; in SELECT alone.
    Rows,
    /// The number of the row within its window; in SELECT alone.
    RowNumber,
    /// Asks about the window, the event or the rule: evaluated by the engine.
    Implicit,
}

/// What happens when an argument is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// The function deals with it.
    Pass,
    /// The result is null.
    Null,
    /// The result is null in a query; called directly, the function refuses it.
    NullInQuery,
    /// The result is false.
    False,
    /// The result is 0.
    Zero,
}

type Exec = fn(&Env, &[Value]) -> Result<Value, EvalError>;

/// One function.
#[derive(Debug)]
pub struct Function {
    /// Its name in lower case.
    pub name: &'static str,
    /// How it is evaluated.
    pub kind: Kind,
    /// What happens when an argument is null.
    pub nulls: Nulls,
    check: Check,
    exec: Exec,
}

impl Function {
    const fn scalar(name: &'static str, check: Check, nulls: Nulls, exec: Exec) -> Self {
        Self { name, kind: Kind::Scalar, nulls, check, exec }
    }

    const fn aggregate(name: &'static str, check: Check, exec: Exec) -> Self {
        Self { name, kind: Kind::Aggregate, nulls: Nulls::Pass, check, exec }
    }

    const fn engine(name: &'static str, kind: Kind, check: Check) -> Self {
        Self { name, kind, nulls: Nulls::Pass, check, exec: not_here }
    }

    /// Checks what is known of the arguments before any event comes.
    pub fn validate(&self, args: &[Expr]) -> Result<(), String> {
        self.check.run(args)
    }

    /// Evaluates it as a query does.
    pub fn call(&self, env: &Env, args: &[Value]) -> Result<Value, EvalError> {
        if self.nulls != Nulls::Pass && args.iter().any(Value::is_null) {
            return Ok(match self.nulls {
                Nulls::False => Value::Bool(false),
                Nulls::Zero => Value::Int(0),
                _ => Value::Null,
            });
        }
        (self.exec)(env, args).map_err(|e| EvalError::new(format!("call func {} error: {e}", self.name)))
    }

    /// Evaluates it on its own, outside any query.
    pub fn call_directly(&self, env: &Env, args: &[Value]) -> Result<Value, EvalError> {
        if self.nulls == Nulls::NullInQuery {
            return (self.exec)(env, args);
        }
        self.call(env, args)
    }
}

/// Functions that give something else when they are called again, or at another time.
const CHANGING: [&str; 15] = [
    "array_map",
    "array_shuffle",
    "cur_date",
    "cur_time",
    "current_date",
    "current_time",
    "current_timestamp",
    "get_keyed_state",
    "local_time",
    "local_timestamp",
    "newuuid",
    "now",
    "rand",
    "tstamp",
    "delay",
];

impl Function {
    /// Whether a scalar function gives the same for the same arguments, whenever a rule asks. What is not known is not.
    pub fn is_steady(&self) -> bool {
        let groups = [
            array::FUNCTIONS,
            compress::FUNCTIONS,
            convert::FUNCTIONS,
            datetime::FUNCTIONS,
            hash::FUNCTIONS,
            math::FUNCTIONS,
        ];
        let known =
            groups.into_iter().chain([object::FUNCTIONS, jsonpath::FUNCTIONS, string::FUNCTIONS, track::FUNCTIONS]);
        self.kind == Kind::Scalar
            && !CHANGING.contains(&self.name)
            && known.flatten().any(|function| function.name == self.name)
    }

    /// Whether it gives the same for the same arguments in every rule, so that it can be computed once for all.
    pub fn is_constant(&self) -> bool {
        let groups = [math::FUNCTIONS, string::FUNCTIONS, hash::FUNCTIONS];
        self.is_steady() && groups.into_iter().flatten().any(|function| function.name == self.name)
    }
}

fn not_here(_: &Env, _: &[Value]) -> Result<Value, EvalError> {
    Err(EvalError::new("this function can be evaluated by a running rule alone"))
}

/// Functions that the engine itself answers.
const ENGINE: &[Function] = &[
    Function::engine("window_start", Kind::Implicit, Check::Count(0, 0)),
    Function::engine("window_end", Kind::Implicit, Check::Count(0, 0)),
    Function::engine("window_trigger", Kind::Implicit, Check::Count(0, 0)),
    Function::engine("event_time", Kind::Implicit, Check::Count(0, 0)),
    Function::engine("last_hit_time", Kind::Implicit, Check::Count(0, 0)),
    Function::engine("last_hit_count", Kind::Implicit, Check::Count(0, 0)),
    Function::engine("last_agg_hit_time", Kind::Implicit, Check::Count(0, 0)),
    Function::engine("last_agg_hit_count", Kind::Implicit, Check::Count(0, 0)),
    Function::engine("during", Kind::Implicit, Check::Optional(1, &[Arg::StrictText, Arg::Any])),
    Function::engine("row_number", Kind::RowNumber, Check::Count(0, 0)),
    Function::engine("unnest", Kind::Rows, Check::Count(1, 1)),
];

static TABLE: LazyLock<BTreeMap<&'static str, &'static Function>> = LazyLock::new(|| {
    let groups: [&'static [Function]; 15] = [
        ENGINE,
        aggregate::FUNCTIONS,
        analytic::FUNCTIONS,
        array::FUNCTIONS,
        compress::FUNCTIONS,
        convert::FUNCTIONS,
        datetime::FUNCTIONS,
        hash::FUNCTIONS,
        jsonpath::FUNCTIONS,
        math::FUNCTIONS,
        object::FUNCTIONS,
        sight::FUNCTIONS,
        streaks::FUNCTIONS,
        string::FUNCTIONS,
        track::FUNCTIONS,
    ];
    groups.into_iter().flatten().map(|f| (f.name, f)).collect()
});

/// The function of this name, in lower case.
pub fn find(name: &str) -> Option<&'static Function> {
    TABLE.get(name.to_ascii_lowercase().as_str()).copied()
}

/// All names, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.keys().copied()
}

/// The argument at `at`; null where there is none.
fn arg(args: &[Value], at: usize) -> &Value {
    args.get(at).unwrap_or(&Value::Null)
}

fn fail<T>(message: impl Into<String>) -> Result<T, EvalError> {
    Err(EvalError::new(message))
}
