//! Texts with places to fill in, as Go's templates have them, for the part of that language that messages need.
//!
//! `{{.field}}`, `{{.a.b}}`, `{{index . 0 "a"}}`, `{{(index . 0).a}}`, `{{json .}}`, `{{len .}}`;
//! `{{range .}}…{{else}}…{{end}}`, `{{range $i, $row := .}}`, `{{if gt .a 3}}…{{else if .b}}…{{else}}…{{end}}`, with
//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`, `and`, `or` and `not`; `{{-` and `-}}` take the blanks beside them away.

mod parse;

use crate::error::EvalError;
use crate::value::{Value, go_text};

/// A text with places to fill in.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Show(Term),
    If { condition: Term, then: Vec<Part>, otherwise: Vec<Part> },
    Range { over: Term, key: Option<String>, item: Option<String>, each: Vec<Part>, otherwise: Vec<Part> },
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    /// `.`
    Dot,
    /// `$name`; `$` alone is all the data.
    Variable(String),
    Field(Box<Term>, String),
    Const(Value),
    Call(Func, Vec<Term>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Func {
    Index,
    Json,
    Len,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
    Not,
}

/// What terms see.
struct Scope<'a> {
    all: &'a Value,
    dot: Value,
    variables: Vec<(String, Value)>,
    steps: usize,
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, EvalError> {
        parse::template(text).map(|parts| Self { parts })
    }

    /// Fills in the places. What is not there reads `<no value>`.
    pub fn fill(&self, data: &Value) -> Result<String, EvalError> {
        let mut out = String::new();
        let mut scope = Scope { all: data, dot: data.clone(), variables: Vec::new(), steps: 0 };
        fill(&self.parts, &mut scope, &mut out)?;
        Ok(out)
    }
}

/// The longest text that a template gives, and how many parts it fills in for it: ranges within ranges multiply.
const MAX_TEXT: usize = 4 << 20;
const MAX_STEPS: usize = 1 << 20;

fn fill(parts: &[Part], scope: &mut Scope<'_>, out: &mut String) -> Result<(), EvalError> {
    for part in parts {
        scope.step()?;
        if out.len() > MAX_TEXT {
            return Err(EvalError::new(format!("the text of the template is longer than {MAX_TEXT} bytes")));
        }
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Show(term) => {
                let value = scope.eval(term)?;
                out.push_str(&if value.is_null() { "<no value>".into() } else { go_text(&value) });
            }
            Part::If { condition, then, otherwise } => {
                let branch = if holds(&scope.eval(condition)?) { then } else { otherwise };
                fill(branch, scope, out)?;
            }
            Part::Range { over, key, item, each, otherwise } => {
                let entries: Vec<(Value, Value)> = match scope.eval(over)? {
                    Value::Array(items) => (0..).map(Value::Int).zip(items.iter().cloned()).collect(),
                    Value::Object(object) => object.iter().map(|(n, v)| (Value::str(n), v.clone())).collect(),
                    Value::Null => Vec::new(),
                    other => return Err(EvalError::new(format!("range cannot go over {}", other.shown()))),
                };
                if entries.is_empty() {
                    fill(otherwise, scope, out)?;
                }
                let (dot, depth) = (scope.dot.clone(), scope.variables.len());
                for (place, value) in entries {
                    scope.step()?;
                    scope.variables.extend(key.iter().map(|name| (name.clone(), place.clone())));
                    scope.variables.extend(item.iter().map(|name| (name.clone(), value.clone())));
                    scope.dot = value;
                    fill(each, scope, out)?;
                    scope.variables.truncate(depth);
                }
                scope.dot = dot;
            }
        }
    }
    Ok(())
}

/// What `if` takes for true: all but null, false, zero and what is empty.
fn holds(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Int(i) | Value::Duration(i) => *i != 0,
        Value::Float(f) => *f != 0.0,
        Value::Str(s) => !s.is_empty(),
        Value::Bytes(b) => !b.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Time(_) => true,
    }
}

impl Scope<'_> {
    fn step(&mut self) -> Result<(), EvalError> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(EvalError::new(format!("the template fills in more than {MAX_STEPS} parts")));
        }
        Ok(())
    }

    fn eval(&self, term: &Term) -> Result<Value, EvalError> {
        match term {
            Term::Dot => Ok(self.dot.clone()),
            Term::Variable(name) if name.is_empty() => Ok(self.all.clone()),
            Term::Variable(name) => {
                let found = self.variables.iter().rev().find(|(n, _)| n == name);
                found.map(|(_, v)| v.clone()).ok_or_else(|| EvalError::new(format!("${name} is not set here")))
            }
            Term::Field(of, name) => {
                let of = self.eval(of)?;
                Ok(of.as_object().and_then(|o| o.get(name)).cloned().unwrap_or(Value::Null))
            }
            Term::Const(value) => Ok(value.clone()),
            Term::Call(func, terms) => {
                let values = terms.iter().map(|t| self.eval(t)).collect::<Result<Vec<_>, _>>()?;
                call(*func, &values)
            }
        }
    }
}

fn call(func: Func, args: &[Value]) -> Result<Value, EvalError> {
    let first = args.first().unwrap_or(&Value::Null);
    let order = |wanted: fn(std::cmp::Ordering) -> bool| {
        let second = args.get(1).unwrap_or(&Value::Null);
        let order = crate::expr::compare(first, second);
        order
            .map(|o| Value::Bool(wanted(o)))
            .ok_or_else(|| EvalError::new(format!("{} and {} cannot be compared", first.shown(), second.shown())))
    };
    match func {
        Func::Index => args.iter().skip(1).try_fold(first.clone(), |value, key| element(&value, key)),
        Func::Json => Ok(Value::from(first.to_json().to_string())),
        Func::Len => {
            let length = match first {
                Value::Array(items) => items.len(),
                Value::Object(object) => object.len(),
                Value::Str(text) => text.len(),
                other => return Err(EvalError::new(format!("len of {}", other.shown()))),
            };
            Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
        }
        // Equal to any of those that follow.
        Func::Eq => Ok(Value::Bool(args.iter().skip(1).any(|other| other == first))),
        Func::Ne => Ok(Value::Bool(args.get(1) != Some(first))),
        Func::Lt => order(std::cmp::Ordering::is_lt),
        Func::Le => order(std::cmp::Ordering::is_le),
        Func::Gt => order(std::cmp::Ordering::is_gt),
        Func::Ge => order(std::cmp::Ordering::is_ge),
        // The first that decides, else the last.
        Func::And => Ok(args.iter().find(|v| !holds(v)).or(args.last()).cloned().unwrap_or_default()),
        Func::Or => Ok(args.iter().find(|v| holds(v)).or(args.last()).cloned().unwrap_or_default()),
        Func::Not => Ok(Value::Bool(!holds(first))),
    }
}

fn element(of: &Value, key: &Value) -> Result<Value, EvalError> {
    match (of, key) {
        (Value::Array(items), Value::Int(n)) => {
            let found = usize::try_from(*n).ok().and_then(|i| items.get(i)).cloned();
            found.ok_or_else(|| EvalError::new(format!("index {n} of {} items", items.len())))
        }
        (Value::Object(object), Value::Str(name)) => Ok(object.get(name).cloned().unwrap_or(Value::Null)),
        _ => Err(EvalError::new(format!("index {} into {}", key.shown(), of.type_name()))),
    }
}
