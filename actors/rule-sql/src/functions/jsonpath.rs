//! JSONPath: `$.a.b`, `['a']`, `[0]`, `[-1]`, `[1:3]`, `[*]`, `..a`, and filters such as `[?(@.a > 1 && @.b == 'x')]`.

use super::check::{Arg, count};
use super::{Check, Env, Function, Nulls, arg, fail};
use crate::ast::Expr;
use crate::error::EvalError;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::scalar("json_path_query", Check::By(check), Nulls::Pass, |_, a| query(a)),
    Function::scalar("json_path_query_first", Check::By(check), Nulls::Pass, |_, a| match query(a)? {
        Value::Array(items) => Ok(items.first().cloned().unwrap_or(Value::Null)),
        other => fail(format!("query result ({}) is not an array", other.shown())),
    }),
    Function::scalar("json_path_exists", Check::By(check), Nulls::Pass, exists),
];

fn check(args: &[Expr]) -> Result<(), String> {
    count(args, 2)?;
    Arg::Text.require(args, 1)
}

fn exists(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    Ok(Value::Bool(match query(args) {
        Ok(Value::Array(items)) => !items.is_empty(),
        Ok(Value::Null) | Err(_) => false,
        Ok(_) => true,
    }))
}

fn query(args: &[Value]) -> Result<Value, EvalError> {
    let Value::Str(path) = arg(args, 1) else { return fail("invalid jsonPath, must be a string") };
    let parsed;
    let data = match arg(args, 0) {
        Value::Null => return fail("invalid data nil for jsonpath"),
        // A text holds JSON.
        Value::Str(text) => {
            let json = serde_json::from_str::<serde_json::Value>(text)
                .map_err(|e| EvalError::new(format!("the data is no JSON: {e}")))?;
            parsed = Value::from_json(&json);
            &parsed
        }
        other => other,
    };
    let mut reader = Reader { chars: path.chars().collect(), at: 0, depth: 0 };
    let steps = reader.path('$')?;
    if reader.at < reader.chars.len() {
        return reader.unexpected();
    }
    let mut found = vec![data.clone()];
    let mut many = false;
    for step in &steps {
        let definite = matches!(step, Step::Name(_) | Step::Index(_));
        let mut next = Vec::new();
        for value in &found {
            let before = next.len();
            step.apply(value, &mut next);
            if definite && !many && next.len() == before {
                return fail(format!("nothing at {step:?}"));
            }
        }
        found = next;
        many |= !definite;
    }
    Ok(if many { Value::array(found) } else { found.pop().unwrap_or(Value::Null) })
}

#[derive(Debug)]
enum Step {
    Name(String),
    Index(i64),
    Slice(Option<i64>, Option<i64>),
    All,
    Deep(Option<String>),
    Filter(Condition),
}

#[derive(Debug)]
enum Condition {
    Or(Box<Condition>, Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Operand, &'static str, Operand),
    Exists(Operand),
}

#[derive(Debug)]
enum Operand {
    Literal(Value),
    Path(Vec<Step>),
}

fn children(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.to_vec(),
        Value::Object(object) => object.iter().map(|(_, v)| v.clone()).collect(),
        _ => Vec::new(),
    }
}

fn index(items: &[Value], at: i64) -> Option<&Value> {
    let place = if at < 0 { at + i64::try_from(items.len()).ok()? } else { at };
    items.get(usize::try_from(place).ok()?)
}

impl Step {
    fn apply(&self, value: &Value, out: &mut Vec<Value>) {
        match self {
            Self::Name(name) => out.extend(value.as_object().and_then(|o| o.get(name)).cloned()),
            Self::Index(at) => out.extend(value.as_array().and_then(|items| index(items, *at)).cloned()),
            Self::Slice(from, to) => {
                let Some(items) = value.as_array() else { return };
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let place = |at: i64| if at < 0 { (at + length).max(0) } else { at.min(length) };
                let (from, to) = (place(from.unwrap_or(0)), place(to.unwrap_or(length)));
                let range = usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0);
                out.extend(items.get(range).unwrap_or(&[]).iter().cloned());
            }
            Self::All => out.extend(children(value)),
            Self::Deep(name) => {
                if let Some(found) = name.as_ref().and_then(|n| value.as_object()?.get(n)) {
                    out.push(found.clone());
                }
                for child in children(value) {
                    if name.is_none() {
                        out.push(child.clone());
                    }
                    self.apply(&child, out);
                }
            }
            Self::Filter(condition) => out.extend(children(value).into_iter().filter(|v| condition.holds(v))),
        }
    }
}

impl Operand {
    fn value(&self, item: &Value) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Path(steps) => {
                let mut found = vec![item.clone()];
                for step in steps {
                    let mut next = Vec::new();
                    found.iter().for_each(|v| step.apply(v, &mut next));
                    found = next;
                }
                found.into_iter().next()
            }
        }
    }
}

impl Condition {
    fn holds(&self, item: &Value) -> bool {
        match self {
            Self::Or(a, b) => a.holds(item) || b.holds(item),
            Self::And(a, b) => a.holds(item) && b.holds(item),
            Self::Not(a) => !a.holds(item),
            Self::Exists(operand) => !matches!(operand.value(item), None | Some(Value::Null | Value::Bool(false))),
            Self::Compare(a, op, b) => {
                let (Some(a), Some(b)) = (a.value(item), b.value(item)) else { return false };
                let order = match (&a, &b) {
                    (Value::Str(x), Value::Str(y)) => x.partial_cmp(y),
                    (Value::Int(x), Value::Int(y)) => x.partial_cmp(y),
                    (Value::Int(x), Value::Float(y)) => (*x as f64).partial_cmp(y),
                    (Value::Float(x), Value::Int(y)) => x.partial_cmp(&(*y as f64)),
                    (Value::Float(x), Value::Float(y)) => x.partial_cmp(y),
                    _ => None,
                };
                match *op {
                    "==" => a == b,
                    "!=" => a != b,
                    "<" => order.is_some_and(std::cmp::Ordering::is_lt),
                    "<=" => order.is_some_and(std::cmp::Ordering::is_le),
                    ">" => order.is_some_and(std::cmp::Ordering::is_gt),
                    _ => order.is_some_and(std::cmp::Ordering::is_ge),
                }
            }
        }
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn unexpected<T>(&self) -> Result<T, EvalError> {
        let path: String = self.chars.iter().collect();
        fail(format!("the JSON path \"{path}\" cannot be read at character {}", self.at + 1))
    }

    fn blank(&mut self) {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
    }

    fn eat(&mut self, text: &str) -> bool {
        self.blank();
        let matches = text.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c));
        if matches {
            self.at += text.chars().count();
        }
        matches
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> String {
        let rest = self.chars.get(self.at..).unwrap_or(&[]);
        let taken: String = rest.iter().take_while(|c| accept(**c)).collect();
        self.at += taken.chars().count();
        taken
    }

    fn name(&mut self) -> Result<String, EvalError> {
        let name = self.take_while(|c| c.is_alphanumeric() || c == '_' || c == '-');
        if name.is_empty() { self.unexpected() } else { Ok(name) }
    }

    fn quoted(&mut self) -> Result<String, EvalError> {
        let Some(quote) = self.chars.get(self.at).copied().filter(|c| *c == '"' || *c == '\'') else {
            return self.unexpected();
        };
        self.at += 1;
        let text = self.take_while(|c| c != quote);
        if self.eat(&quote.to_string()) { Ok(text) } else { self.unexpected() }
    }

    fn int(&mut self) -> Option<i64> {
        self.blank();
        let text = self.take_while(|c| c.is_ascii_digit() || c == '-');
        text.parse().ok()
    }

    fn path(&mut self, root: char) -> Result<Vec<Step>, EvalError> {
        self.blank();
        if self.chars.get(self.at) != Some(&root) {
            return self.unexpected();
        }
        self.at += 1;
        let mut steps = Vec::new();
        loop {
            match self.chars.get(self.at) {
                Some('.') if self.chars.get(self.at + 1) == Some(&'.') => {
                    self.at += 2;
                    steps.push(if self.eat("*") { Step::Deep(None) } else { Step::Deep(Some(self.name()?)) });
                }
                Some('.') => {
                    self.at += 1;
                    steps.push(if self.eat("*") { Step::All } else { Step::Name(self.name()?) });
                }
                Some('[') => {
                    self.at += 1;
                    steps.push(self.bracket()?);
                }
                _ => return Ok(steps),
            }
        }
    }

    fn bracket(&mut self) -> Result<Step, EvalError> {
        self.blank();
        let step = if self.eat("*") {
            Step::All
        } else if self.eat("?") {
            Step::Filter(self.condition()?)
        } else if matches!(self.chars.get(self.at), Some('"' | '\'')) {
            Step::Name(self.quoted()?)
        } else {
            let from = self.int();
            if self.eat(":") {
                Step::Slice(from, self.int())
            } else {
                match from {
                    Some(at) => Step::Index(at),
                    None => return self.unexpected(),
                }
            }
        };
        if self.eat("]") { Ok(step) } else { self.unexpected() }
    }

    fn condition(&mut self) -> Result<Condition, EvalError> {
        self.depth += 1;
        if self.depth > 32 {
            return fail("the filter of the JSON path is nested too deep");
        }
        let mut left = self.conjunction()?;
        while self.eat("||") {
            left = Condition::Or(Box::new(left), Box::new(self.conjunction()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Condition, EvalError> {
        let mut left = self.comparison()?;
        while self.eat("&&") {
            left = Condition::And(Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Condition, EvalError> {
        if self.eat("(") {
            let inner = self.condition()?;
            return if self.eat(")") { Ok(inner) } else { self.unexpected() };
        }
        self.blank();
        if self.chars.get(self.at) == Some(&'!') {
            self.depth += 1;
            if self.depth > 32 {
                return fail("the filter of the JSON path is nested too deep");
            }
            self.at += 1;
            return Ok(Condition::Not(Box::new(self.comparison()?)));
        }
        let left = self.operand()?;
        for op in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.eat(op) {
                return Ok(Condition::Compare(left, op, self.operand()?));
            }
        }
        Ok(Condition::Exists(left))
    }

    fn operand(&mut self) -> Result<Operand, EvalError> {
        self.blank();
        let literal = match self.chars.get(self.at).copied() {
            Some('@') => return self.path('@').map(Operand::Path),
            Some('"' | '\'') => Value::from(self.quoted()?),
            Some(c) if c.is_ascii_digit() || c == '-' => {
                let text = self.take_while(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'));
                match (text.parse::<i64>(), text.parse::<f64>()) {
                    (Ok(i), _) => Value::Int(i),
                    (_, Ok(f)) => Value::Float(f),
                    _ => return self.unexpected(),
                }
            }
            _ if self.eat("true") => Value::Bool(true),
            _ if self.eat("false") => Value::Bool(false),
            _ if self.eat("null") || self.eat("nil") => Value::Null,
            _ => return self.unexpected(),
        };
        Ok(Operand::Literal(literal))
    }
}
