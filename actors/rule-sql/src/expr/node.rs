//! The nodes of a compiled expression, and their evaluation.

use std::borrow::Cow;
use std::sync::Arc;

use super::frame::{Frame, Head};
use super::like::LikePattern;
use super::ops;
use super::row::Row;
use crate::ast::Op;
use crate::error::EvalError;
use crate::functions::{Function, Nulls};
use crate::schedule::Schedule;
use crate::value::{Instant, Object, Strictness, Value, to_int, to_time};

/// What only the engine can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Ask {
    WindowStart,
    WindowEnd,
    WindowTrigger,
    EventTime,
    LastHitTime,
    LastHitCount,
    LastAggHitTime,
    LastAggHitCount,
    RowNumber,
}

/// `*` as a value.
#[derive(Debug, Clone)]
pub struct All {
    /// The source, for `stream.*`.
    pub source: Option<usize>,
    /// Left out.
    pub except: Vec<Arc<str>>,
    /// Replaced.
    pub replace: Vec<(Arc<str>, Node)>,
}

/// A compiled expression.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Node {
    Const(Value),
    Column(usize),
    Meta {
        source: Option<usize>,
        name: Arc<str>,
    },
    All(Box<All>),
    Alias(usize),
    /// What an analytic call says of the row, by its number.
    Analytic(usize),
    /// What an analytic call over groups, or over what is put out, says, by its number.
    Recalled(usize),
    Ask(Ask),
    Binary(Op, Box<Node>, Box<Node>),
    Not(Box<Node>),
    Arrow(Box<Node>, Arc<str>),
    Index(Box<Node>, Box<Node>),
    Slice(Box<Node>, Option<Box<Node>>, Option<Box<Node>>),
    Case {
        value: Option<Box<Node>>,
        whens: Vec<(Node, Node)>,
        otherwise: Option<Box<Node>>,
    },
    InList {
        value: Box<Node>,
        negated: bool,
        items: Vec<Node>,
    },
    InArray {
        value: Box<Node>,
        negated: bool,
        array: Box<Node>,
    },
    Between {
        value: Box<Node>,
        negated: bool,
        low: Box<Node>,
        high: Box<Node>,
    },
    Like {
        value: Box<Node>,
        negated: bool,
        pattern: LikePattern,
    },
    LikeAny {
        value: Box<Node>,
        negated: bool,
        pattern: Box<Node>,
    },
    Call(&'static Function, Vec<Node>),
    Aggregate(&'static Function, Vec<Node>),
    /// `count(*)`
    CountAll,
    /// The result of an aggregate into which the rows of a group were folded as they came.
    Folded(usize),
    /// Whether a schedule covers a time: that of the event, unless another is given.
    During(Arc<Schedule>, Option<Box<Node>>),
}

static NULL: Value = Value::Null;

impl Node {
    /// The value, without a copy of what a row or the statement holds.
    pub(super) fn view<'a>(&'a self, frame: &'a Frame<'_>) -> Result<Cow<'a, Value>, EvalError> {
        match self {
            Self::Const(value) => Ok(Cow::Borrowed(value)),
            Self::Column(number) => Ok(Cow::Borrowed(frame.head.find(|row| row.column(*number)).unwrap_or(&NULL))),
            other => other.eval(frame).map(Cow::Owned),
        }
    }

    pub(super) fn eval(&self, frame: &Frame<'_>) -> Result<Value, EvalError> {
        match self {
            Self::Const(_) | Self::Column(_) => self.view(frame).map(Cow::into_owned),
            Self::Meta { source, name } => Ok(meta(frame.head, *source, name)),
            Self::All(all) => all.eval(frame).map(Value::Object),
            Self::Alias(number) => frame.alias(*number),
            Self::Analytic(number) => {
                Ok(frame.head.find(|row| row.analytic.get(*number)).cloned().unwrap_or(Value::Null))
            }
            Self::Recalled(number) => Ok(frame.recalled(*number)),
            Self::Ask(ask) => Ok(answer(*ask, frame)),
            Self::Binary(op, left, right) => {
                let left = left.view(frame)?;
                match (op, left.as_ref()) {
                    (Op::And, Value::Bool(false)) => return Ok(Value::Bool(false)),
                    (Op::Or, Value::Bool(true)) => return Ok(Value::Bool(true)),
                    _ => {}
                }
                ops::binary(*op, &left, right.view(frame)?.as_ref())
            }
            Self::Not(inner) => match inner.view(frame)?.as_ref() {
                Value::Bool(b) => Ok(Value::Bool(!*b)),
                Value::Null => Ok(Value::Null),
                other => Err(EvalError::new(format!("NOT takes a condition, not {}", other.shown()))),
            },
            Self::Arrow(target, name) => match target.view(frame)?.as_ref() {
                Value::Object(object) => Ok(object.find(name).cloned().unwrap_or(Value::Null)),
                Value::Null => Ok(Value::Null),
                other => Err(EvalError::new(format!("{} has no field \"{name}\"", other.shown()))),
            },
            Self::Index(target, index) => {
                let target = target.view(frame)?;
                let index = to_int(index.view(frame)?.as_ref(), Strictness::SameKind)?;
                let items: &[Value] = match target.as_ref() {
                    Value::Array(items) => items,
                    Value::Null => &[],
                    other => return Err(EvalError::new(format!("{} cannot be indexed", other.shown()))),
                };
                let found = ops::place(index, items.len()).and_then(|i| items.get(i));
                found.cloned().ok_or_else(|| EvalError::new(format!("out of index: {index} of {}", items.len())))
            }
            Self::Slice(target, from, to) => slice(target.view(frame)?.as_ref(), from.as_deref(), to.as_deref(), frame),
            Self::Case { value, whens, otherwise } => case(value.as_deref(), whens, otherwise.as_deref(), frame),
            Self::InList { value, negated, items } => {
                let value = value.view(frame)?;
                if value.is_null() {
                    return Ok(Value::Bool(false));
                }
                for item in items {
                    if ops::equal(&value, item.view(frame)?.as_ref())? {
                        return Ok(Value::Bool(!negated));
                    }
                }
                Ok(Value::Bool(*negated))
            }
            Self::InArray { value, negated, array } => {
                let value = value.view(frame)?;
                if value.is_null() {
                    return Ok(Value::Bool(false));
                }
                match array.view(frame)?.as_ref() {
                    Value::Array(items) => {
                        for item in items.iter() {
                            if ops::equal(&value, item)? {
                                return Ok(Value::Bool(!negated));
                            }
                        }
                        Ok(Value::Bool(*negated))
                    }
                    Value::Null => Ok(Value::Bool(*negated)),
                    other => Err(EvalError::new(format!("IN takes an array, not {}", other.shown()))),
                }
            }
            Self::Between { value, negated, low, high } => {
                let (value, low, high) = (value.view(frame)?, low.view(frame)?, high.view(frame)?);
                let found = ops::between(&value, &low, &high)?;
                Ok(Value::Bool(found.is_some_and(|inside| inside != *negated)))
            }
            Self::Like { value, negated, pattern } => like(value.view(frame)?.as_ref(), *negated, pattern),
            Self::LikeAny { value, negated, pattern } => {
                let value = value.view(frame)?;
                match pattern.view(frame)?.as_ref() {
                    Value::Str(pattern) => like(&value, *negated, &LikePattern::new(pattern)),
                    Value::Null => Ok(Value::Bool(false)),
                    other => {
                        Err(EvalError::new(format!("invalid LIKE pattern, must be a string but got {}", other.shown())))
                    }
                }
            }
            Self::Call(function, args) => {
                // A null that settles the result spares the other arguments only their use, not their errors.
                let args = args.iter().map(|a| a.eval(frame)).collect::<Result<Vec<_>, _>>()?;
                function.call(frame.shared.env, &args)
            }
            Self::Aggregate(function, args) => aggregate(function, args, frame),
            Self::During(schedule, at) => {
                let at = match at {
                    Some(at) => at.eval(frame)?,
                    None => answer(Ask::EventTime, frame),
                };
                if at.is_null() {
                    return Ok(Value::Bool(false));
                }
                let zone = &frame.shared.env.zone;
                let at = to_time(&at, zone)?;
                Ok(Value::Bool(schedule.covers(Instant { nanos: at.nanos, zone: zone.clone() }.civil())))
            }
            Self::CountAll => Ok(Value::Int(i64::try_from(frame.tuples.len()).unwrap_or(i64::MAX))),
            Self::Folded(number) => frame.folded_result(*number),
        }
    }
}

impl All {
    /// All fields of the frame's first tuple, without the excluded, with the replaced.
    pub fn eval(&self, frame: &Frame<'_>) -> Result<Arc<Object>, EvalError> {
        let all = match frame.head {
            Head::Nothing => return Ok(Arc::default()),
            Head::Row(row) if self.source.is_none_or(|s| s == row.source) => Arc::clone(&row.data),
            Head::Row(_) => Arc::default(),
            Head::Tuple(tuple) => tuple.all(self.source),
        };
        if self.except.is_empty() && self.replace.is_empty() {
            return Ok(all);
        }
        let kept = all.iter().filter(|(name, _)| !self.except.iter().any(|e| e.eq_ignore_ascii_case(name)));
        let mut out: Object = kept.map(|(n, v)| (Arc::clone(n), v.clone())).collect();
        for (name, node) in &self.replace {
            out.set(Arc::clone(name), node.eval(frame)?);
        }
        Ok(Arc::new(out))
    }
}

fn meta(head: Head<'_>, source: Option<usize>, name: &str) -> Value {
    let of = |row: &Row| {
        let meta = row.meta.as_ref().filter(|_| source.is_none_or(|s| s == row.source))?;
        if name == "*" { Some(Value::Object(Arc::clone(meta))) } else { meta.find(name).cloned() }
    };
    head.find(of).unwrap_or(Value::Null)
}

fn answer(ask: Ask, frame: &Frame<'_>) -> Value {
    let range = frame.range;
    Value::Int(match ask {
        Ask::LastHitTime => frame.shared.hits.time,
        Ask::LastHitCount => frame.shared.hits.count,
        Ask::LastAggHitTime => frame.shared.agg_hits.time,
        Ask::LastAggHitCount => frame.shared.agg_hits.count,
        Ask::RowNumber => frame.number.get(),
        Ask::EventTime => {
            let mut of_row = None;
            frame.head.find(|row| {
                of_row = of_row.max(Some(row.ts));
                None::<()>
            });
            match (frame.group, range, of_row) {
                (true, Some(range), _) => range.trigger,
                (_, _, Some(ts)) => ts,
                _ => return Value::Null,
            }
        }
        Ask::WindowStart | Ask::WindowEnd | Ask::WindowTrigger => match range {
            Some(range) if ask == Ask::WindowStart => range.start,
            Some(range) if ask == Ask::WindowEnd => range.end,
            Some(range) => range.trigger,
            None => return Value::Null,
        },
    })
}

fn like(value: &Value, negated: bool, pattern: &LikePattern) -> Result<Value, EvalError> {
    match value {
        Value::Str(text) => Ok(Value::Bool(pattern.matches(text) != negated)),
        Value::Null => Ok(Value::Bool(false)),
        other => Err(EvalError::new(format!("LIKE takes a string, not {}", other.shown()))),
    }
}

fn slice(target: &Value, from: Option<&Node>, to: Option<&Node>, frame: &Frame<'_>) -> Result<Value, EvalError> {
    let items: &[Value] = match target {
        Value::Array(items) => items,
        Value::Null => &[],
        other => return Err(EvalError::new(format!("{} cannot be indexed", other.shown()))),
    };
    let bound = |node: Option<&Node>, default: usize| -> Result<usize, EvalError> {
        let Some(node) = node else { return Ok(default) };
        let index = to_int(&node.eval(frame)?, Strictness::SameKind)?;
        let found = ops::place(index, items.len()).filter(|place| *place <= items.len());
        found.ok_or_else(|| EvalError::new(format!("out of index: {index} of {}", items.len())))
    };
    let (from, to) = (bound(from, 0)?, bound(to, items.len())?);
    match items.get(from..to) {
        Some(part) if from < to || items.is_empty() => Ok(Value::array(part.to_vec())),
        _ => Err(EvalError::new(format!("start cannot be greater than end. start:{from} end:{to}"))),
    }
}

fn case(
    value: Option<&Node>,
    whens: &[(Node, Node)],
    otherwise: Option<&Node>,
    frame: &Frame<'_>,
) -> Result<Value, EvalError> {
    let explain = |e: EvalError| EvalError::new(format!("evaluate case expression error: {e}"));
    let value = value.map(|v| v.eval(frame)).transpose()?;
    for (when, then) in whens {
        let holds = match &value {
            Some(value) => ops::equal(value, &when.eval(frame)?).map_err(explain)?,
            None => matches!(when.eval(frame).map_err(explain)?, Value::Bool(true)),
        };
        if holds {
            return then.eval(frame);
        }
    }
    otherwise.map_or(Ok(Value::Null), |node| node.eval(frame))
}

/// Each argument is evaluated on every row of the group.
fn aggregate(function: &'static Function, args: &[Node], frame: &Frame<'_>) -> Result<Value, EvalError> {
    debug_assert_eq!(function.nulls, Nulls::Pass, "a column is never null");
    let mut columns: Vec<Vec<Value>> = args.iter().map(|_| Vec::with_capacity(frame.tuples.len())).collect();
    for tuple in frame.tuples {
        let row = Frame::row(frame.shared, tuple, frame.range);
        for (node, column) in args.iter().zip(&mut columns) {
            column.push(node.eval(&row)?);
        }
    }
    let columns: Vec<Value> = columns.into_iter().map(Value::array).collect();
    function.call(frame.shared.env, &columns)
}
