//! Aggregates into which values are folded one by one, so that nobody keeps the rows.
//!
//! The result is, to the last bit and to the word of an error, what the aggregate gives for all values at once: both are
//! built of the same steps, in the same order.

use serde::{Deserialize, Serialize};

use super::Function;
use super::numbers::{Extreme, Sum, mean};
use crate::error::EvalError;
use crate::expr::Node;
use crate::value::Value;

/// An aggregate in progress.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fold {
    step: Step,
    /// The first argument that could not be evaluated: it goes before all that the aggregate itself finds wrong.
    argument: Option<String>,
    /// What the aggregate first found wrong.
    wrong: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Step {
    /// `count(*)`
    Rows(i64),
    Count(i64),
    Sum(Sum),
    Mean(Sum, i64),
    Extreme(Extreme),
    /// The value, whether any has come, and what the call asks for.
    Pick {
        value: Value,
        any: bool,
        last: bool,
        skip_nulls: bool,
    },
}

impl Fold {
    /// The fold of a call, where there is one: over its first argument.
    pub fn of(call: &Node) -> Option<Self> {
        let step = match call {
            Node::CountAll => Step::Rows(0),
            Node::Aggregate(function, args) => match (function.name, args.as_slice()) {
                ("count", [_]) => Step::Count(0),
                ("sum", [_]) => Step::Sum(Sum::default()),
                ("avg", [_]) => Step::Mean(Sum::default(), 0),
                ("max", [_]) => Step::Extreme(Extreme { largest: true, best: Value::Null }),
                ("min", [_]) => Step::Extreme(Extreme { largest: false, best: Value::Null }),
                (name @ ("first_value" | "last_value"), [_, Node::Const(Value::Bool(skip_nulls))]) => {
                    Step::Pick { value: Value::Null, any: false, last: name == "last_value", skip_nulls: *skip_nulls }
                }
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { step, argument: None, wrong: None })
    }

    /// One row more, with its argument.
    pub fn add(&mut self, argument: &Result<Value, String>) {
        let value = match argument {
            Ok(value) => value,
            Err(e) => {
                self.argument.get_or_insert_with(|| e.clone());
                return;
            }
        };
        if self.wrong.is_some() {
            return;
        }
        let counted = i64::from(!value.is_null());
        let added = match &mut self.step {
            Step::Rows(rows) => {
                *rows += 1;
                Ok(())
            }
            Step::Count(count) => {
                *count += counted;
                Ok(())
            }
            Step::Sum(sum) => sum.add(value),
            Step::Mean(sum, count) => {
                *count += counted;
                sum.add(value)
            }
            Step::Extreme(extreme) => extreme.add(value),
            Step::Pick { value: kept, any, last, skip_nulls } => {
                if (*last || !*any) && !(*skip_nulls && value.is_null()) {
                    kept.clone_from(value);
                    *any = true;
                }
                Ok(())
            }
        };
        self.wrong = added.err().map(|e| e.0);
    }

    /// The result so far. `function` is the one that is called; `count(*)` has none.
    pub fn result(&self, function: Option<&Function>) -> Result<Value, EvalError> {
        if let Some(argument) = &self.argument {
            return Err(EvalError::new(argument.clone()));
        }
        if let Some(wrong) = &self.wrong {
            let name = function.map_or("count", |f| f.name);
            return Err(EvalError::new(format!("call func {name} error: {wrong}")));
        }
        Ok(match &self.step {
            Step::Rows(count) | Step::Count(count) => Value::Int(*count),
            Step::Sum(sum) => sum.total.clone(),
            Step::Mean(sum, count) => mean(&sum.total, *count),
            Step::Extreme(extreme) => extreme.best.clone(),
            Step::Pick { value, .. } => value.clone(),
        })
    }
}
