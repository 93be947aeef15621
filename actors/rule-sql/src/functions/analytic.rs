//! Functions with a memory of earlier events.
//!
//! Each call in a statement has one [`Memory`]: a state per partition, bounded in number. The states hold values alone,
//! so that a memory can be written down and taken up again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check::{Arg, at_least, is_number, is_text, is_unit, wrong_type};
use super::{Check, Function, Kind, arg, fail};
use crate::ast::{Expr, ExprKind};
use crate::engine::{heap, sampled};
use crate::error::EvalError;
use crate::value::{Object, Strictness, Value, go_text, to_float, to_int, to_text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::engine("lag", Kind::Analytic, Check::By(check_lag)),
    Function::engine("latest", Kind::Analytic, Check::Count(1, 2)),
    Function::engine("changed_col", Kind::Analytic, Check::Types(&[Arg::Bool, Arg::Any])),
    Function::engine("had_changed", Kind::Analytic, Check::By(check_had_changed)),
    Function::engine("changed_cols", Kind::Columns, Check::By(check_changed_cols)),
    Function::engine("acc_sum", Kind::Analytic, Check::By(check_acc)),
    Function::engine("acc_avg", Kind::Analytic, Check::By(check_acc)),
    Function::engine("acc_max", Kind::Analytic, Check::By(check_acc)),
    Function::engine("acc_min", Kind::Analytic, Check::By(check_acc)),
    Function::engine("acc_count", Kind::Analytic, Check::By(check_acc)),
    Function::engine("acc_collect", Kind::Analytic, Check::By(check_acc)),
    Function::engine("acc_distinct_collect", Kind::Analytic, Check::By(check_acc)),
    Function::engine("acc_max_by", Kind::Analytic, Check::By(check_acc_by)),
    Function::engine("acc_min_by", Kind::Analytic, Check::By(check_acc_by)),
    Function::engine("acc_map_agg", Kind::Analytic, Check::By(check_acc_by)),
    Function::engine("accumulate", Kind::Analytic, Check::Types(&[Arg::Number, Arg::Number])),
];

fn check_lag(args: &[Expr]) -> Result<(), String> {
    Check::Count(1, 4).run(args)?;
    let fields = matches!(args.get(1).map(|e| &e.kind), Some(ExprKind::Field { .. }));
    if fields {
        return Err(wrong_type(1, "int"));
    }
    Arg::Int.require(args, 1)?;
    if matches!(args.get(1).map(|e| &e.kind), Some(ExprKind::Int(i)) if *i < 0) {
        return Err("the index should not be a negative integer".into());
    }
    if args.len() == 4 && !super::check::is_bool(args.get(3).ok_or("no argument")?) {
        return Err(wrong_type(3, "bool"));
    }
    Ok(())
}

fn check_had_changed(args: &[Expr]) -> Result<(), String> {
    if args.len() <= 1 {
        return Err(format!("expect more than one arg but got {}", args.len()));
    }
    Arg::Bool.require(args, 0)
}

fn check_changed_cols(args: &[Expr]) -> Result<(), String> {
    if args.len() <= 2 {
        return Err(format!("expect more than two args but got {}", args.len()));
    }
    Arg::Text.require(args, 0)?;
    match args.get(1) {
        Some(e) if is_number(e) || is_unit(e) || is_text(e) => Err(wrong_type(1, "bool")),
        _ => Ok(()),
    }
}

fn check_acc(args: &[Expr]) -> Result<(), String> {
    if args.len() == 1 || args.len() == 3 {
        Ok(())
    } else {
        Err(format!("Expect 1/3 arguments but found {}.", args.len()))
    }
}

fn check_acc_by(args: &[Expr]) -> Result<(), String> {
    at_least(args, 2)?;
    if args.len() == 2 || args.len() == 4 {
        Ok(())
    } else {
        Err(format!("Expect 2/4 arguments but found {}.", args.len()))
    }
}

/// What one call remembers of one partition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Earlier values, oldest first (`lag`, `acc_collect`), or the last of each column (`had_changed`).
    pub(super) values: VecDeque<Value>,
    /// Whether this partition was seen before.
    known: bool,
    /// Between a begin condition and a reset condition.
    open: bool,
    pub(super) count: i64,
    /// A float that the checkpoint keeps to the last bit, as all values.
    #[serde(with = "super::saved::float")]
    total: f64,
    #[serde(with = "super::saved::option_float")]
    best: Option<f64>,
    pub(super) kept: Value,
    /// Values forgotten because there were too many.
    dropped: u64,
}

/// The states of one call, by partition.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Memory {
    #[serde(serialize_with = "super::saved::sorted")]
    states: HashMap<String, (u64, State)>,
    #[serde(serialize_with = "super::saved::sorted")]
    columns: HashMap<Arc<str>, Value>,
    uses: u64,
    /// Partitions forgotten because there were too many.
    pub evicted: u64,
    /// Values forgotten because one partition had too many.
    pub dropped: u64,
}

/// How many partitions a call remembers unless the rule says otherwise.
pub const DEFAULT_PARTITIONS: usize = 100_000;

/// How many values `acc_collect` and its like hold in a partition.
const MAX_COLLECTED: usize = 10_000;

impl Memory {
    /// How many partitions are remembered.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// How many bytes that takes, as an estimate.
    pub(crate) fn bytes(&self) -> u64 {
        sampled(self.states.iter(), self.states.len(), |(key, (_, state))| {
            let values = state.values.iter().chain([&state.kept]).map(|value| size_of::<Value>() + heap(value));
            2 * key.len() + size_of::<State>() + 32 + values.sum::<usize>()
        })
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty() && self.columns.is_empty()
    }

    /// One event: `when` says whether it counts. Past `limit` partitions, those unused for longest are forgotten.
    pub fn step(
        &mut self,
        name: &str,
        partition: &str,
        args: &[Value],
        when: bool,
        limit: usize,
    ) -> Result<Value, EvalError> {
        self.uses += 1;
        if self.states.len() >= limit.max(1) && !self.states.contains_key(partition) {
            self.forget(limit.max(1));
        }
        let (used, state) = match self.states.get_mut(partition) {
            Some(known) => known,
            None => self.states.entry(partition.to_owned()).or_default(),
        };
        *used = self.uses;
        let before = state.dropped;
        let value = state.step(name, args, when);
        self.dropped += state.dropped - before.min(state.dropped);
        value
    }

    /// Forgets an eighth of the partitions at once, so that the search for the oldest is rare.
    fn forget(&mut self, limit: usize) {
        let mut ages: Vec<u64> = self.states.values().map(|(used, _)| *used).collect();
        ages.sort_unstable();
        let keep_from = ages.get(limit / 8).copied().unwrap_or(u64::MAX);
        let before = self.states.len();
        self.states.retain(|_, (used, _)| *used > keep_from);
        self.evicted += (before - self.states.len()) as u64;
    }

    /// `changed_cols`: the columns that differ from when they were last seen, under `prefix` and their names.
    pub fn changed_cols(&mut self, prefix: &str, ignore_null: bool, columns: &[(Arc<str>, Value)]) -> Object {
        let mut changed = Object::new();
        for (name, value) in columns {
            if ignore_null && value.is_null() {
                continue;
            }
            if self.columns.get(name).unwrap_or(&Value::Null) != value {
                changed.set(format!("{prefix}{name}"), value.clone());
                self.columns.insert(Arc::clone(name), value.clone());
            }
        }
        changed
    }
}

fn flag(value: &Value, place: &str) -> Result<bool, EvalError> {
    match value {
        Value::Bool(b) => Ok(*b),
        other => fail(format!("{place} is not a bool but got {}", go_text(other))),
    }
}

impl State {
    fn step(&mut self, name: &str, args: &[Value], when: bool) -> Result<Value, EvalError> {
        match name {
            "lag" => self.lag(args, when),
            "latest" => {
                let value = arg(args, 0);
                if when && !value.is_null() {
                    self.kept = value.clone();
                }
                Ok(if self.kept.is_null() { arg(args, 1).clone() } else { self.kept.clone() })
            }
            "changed_col" => {
                let ignore_null = flag(arg(args, 0), "first arg")?;
                let value = arg(args, 1);
                if !when || (ignore_null && value.is_null()) || self.kept == *value {
                    return Ok(Value::Null);
                }
                self.kept = value.clone();
                Ok(value.clone())
            }
            "had_changed" => self.had_changed(args, when),
            "accumulate" => {
                if !self.known {
                    self.total = number(arg(args, 0))?;
                }
                let next = number(arg(args, 1))?;
                if when {
                    self.total += next;
                    self.known = true;
                }
                Ok(Value::Float(self.total))
            }
            _ => match super::streaks::step(self, name, args, when) {
                Some(value) => value,
                None => self.accumulated(name, args, when),
            },
        }
    }

    fn lag(&mut self, args: &[Value], when: bool) -> Result<Value, EvalError> {
        if args.is_empty() || args.len() > 4 {
            return fail(format!("expect one two or three args but got {}", args.len()));
        }
        let ignore_null = match args.get(3) {
            Some(v) => flag(v, "The fourth arg")?,
            // A row without a value does not push the earlier ones out, unless the call says otherwise.
            None => true,
        };
        if !self.known {
            let offset = if args.len() > 1 { to_int(arg(args, 1), Strictness::Strict)? } else { 1 };
            let size = usize::try_from(offset.clamp(0, 100_000)).unwrap_or(0);
            self.values = vec![arg(args, 2).clone(); size].into();
            self.known = true;
        }
        let value = arg(args, 0);
        let result = self.values.front().cloned().unwrap_or(Value::Null);
        if when && !(ignore_null && value.is_null()) && self.values.pop_front().is_some() {
            self.values.push_back(value.clone());
        }
        Ok(result)
    }

    fn had_changed(&mut self, args: &[Value], when: bool) -> Result<Value, EvalError> {
        if args.len() <= 1 {
            return fail(format!("expect more than one arg but got {}", args.len()));
        }
        if !when {
            return Ok(Value::Bool(false));
        }
        let ignore_null = flag(arg(args, 0), "first arg")?;
        let mut changed = false;
        self.values.resize(self.values.len().max(args.len()), Value::Null);
        for (last, value) in self.values.iter_mut().zip(args).skip(1) {
            if !(ignore_null && value.is_null()) && last != value {
                *last = value.clone();
                changed = true;
            }
        }
        Ok(Value::Bool(changed))
    }

    /// `acc_*(value[, begin, reset])` and `acc_*_by(value, by[, begin, reset])`.
    fn accumulated(&mut self, name: &str, args: &[Value], when: bool) -> Result<Value, EvalError> {
        let operands = if matches!(name, "acc_max_by" | "acc_min_by" | "acc_map_agg") { 2 } else { 1 };
        if args.len() == operands {
            if when {
                self.add(name, args)?;
            }
            return Ok(self.accumulation(name));
        }
        if args.len() != operands + 2 {
            return fail("wrong args length");
        }
        let (begin, reset) = (flag(arg(args, operands), "onBegin")?, flag(arg(args, operands + 1), "onReset")?);
        if !self.open {
            *self = Self::default();
            self.open = begin;
        }
        if self.open && when {
            self.add(name, args)?;
        }
        if reset {
            self.open = false;
        }
        Ok(self.accumulation(name))
    }

    fn add(&mut self, name: &str, args: &[Value]) -> Result<(), EvalError> {
        let value = arg(args, 0);
        match name {
            "acc_max_by" | "acc_min_by" => {
                if arg(args, 1).is_null() {
                    return Ok(());
                }
                let by = number(arg(args, 1))?;
                let better = self.best.is_none_or(|b| if name == "acc_max_by" { by >= b } else { by <= b });
                if better && !by.is_nan() {
                    self.best = Some(by);
                    self.kept = value.clone();
                }
                return Ok(());
            }
            "acc_map_agg" => {
                if value.is_null() {
                    return Ok(());
                }
                let key = Value::Str(to_text(value, Strictness::All)?);
                let entry = Value::object(
                    [(Arc::from("key"), key.clone()), (Arc::from("value"), arg(args, 1).clone())].into_iter().collect(),
                );
                let same = |v: &&mut Value| v.as_object().and_then(|o| o.get("key")) == Some(&key);
                match self.values.iter_mut().find(same) {
                    Some(found) => *found = entry,
                    None => self.collect(entry),
                }
                return Ok(());
            }
            _ if value.is_null() => return Ok(()),
            "acc_count" => self.count += 1,
            "acc_collect" => self.collect(value.clone()),
            "acc_distinct_collect" => {
                if !self.values.contains(value) {
                    self.collect(value.clone());
                }
            }
            _ => {
                let x = number(value)?;
                self.count += 1;
                self.total += x;
                let better = self.best.is_none_or(|b| if name == "acc_max" { x > b } else { x < b });
                if better {
                    self.best = Some(x);
                }
            }
        }
        Ok(())
    }

    /// Keeps one more value; past the bound the oldest goes.
    fn collect(&mut self, value: Value) {
        if self.values.len() >= MAX_COLLECTED {
            self.values.pop_front();
            self.dropped += 1;
        }
        self.values.push_back(value);
    }

    fn accumulation(&self, name: &str) -> Value {
        match name {
            "acc_sum" => Value::Float(self.total),
            "acc_avg" if self.count > 0 => Value::Float(self.total / self.count as f64),
            "acc_max" | "acc_min" | "acc_avg" => Value::Float(self.best.unwrap_or(0.0)),
            "acc_count" => Value::Int(self.count),
            "acc_max_by" | "acc_min_by" => self.kept.clone(),
            _ => Value::array(self.values.iter().cloned().collect()),
        }
    }
}

fn number(value: &Value) -> Result<f64, EvalError> {
    to_float(value, Strictness::SameKind).map_err(|_| EvalError::new("the value should be number"))
}

/// What `last_hit_time` and `last_hit_count` (or their `agg` forms) tell: of the events before this one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hits {
    /// How often the condition held.
    pub count: i64,
    /// When it last held, in milliseconds; 0 before the first time.
    pub time: i64,
}

impl Hits {
    /// The condition held at `time`.
    pub fn hit(&mut self, time: i64) {
        self.count += 1;
        self.time = time;
    }
}
