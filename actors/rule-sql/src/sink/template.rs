//! Texts with `{{.field}}`, `{{.a.b}}`, `{{index . 0 "a"}}` and `{{json .}}` in them.

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
    /// The value at a path.
    Path(Vec<String>),
    /// `index` over a path, with keys.
    Index(Vec<String>, Vec<Key>),
    /// A path as JSON.
    Json(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
enum Key {
    Number(i64),
    Name(String),
}

fn path(text: &str) -> Option<Vec<String>> {
    let rest = text.strip_prefix('.')?;
    Some(rest.split('.').filter(|p| !p.is_empty()).map(str::to_owned).collect())
}

/// Splits at blanks, but not within quotes.
fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let (mut word, mut quoted) = (String::new(), false);
    for c in text.chars() {
        if c == '"' {
            quoted = !quoted;
        }
        if c.is_whitespace() && !quoted {
            if !word.is_empty() {
                out.push(std::mem::take(&mut word));
            }
        } else {
            word.push(c);
        }
    }
    if !word.is_empty() {
        out.push(word);
    }
    out
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, EvalError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((action, next)) = after.split_once("}}") else {
                return Err(EvalError::new("a place that begins with {{ does not end with }}"));
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Self::action(action.trim_matches('-').trim())?);
            rest = next;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    fn action(text: &str) -> Result<Part, EvalError> {
        let unknown = || EvalError::new(format!("the place {{{{{text}}}}} of the template is not understood"));
        let words = words(text);
        let (head, tail) = words.split_first().ok_or_else(unknown)?;
        match (head.as_str(), tail) {
            ("index", [target, keys @ ..]) => {
                let key = |word: &String| match (word.parse(), word.strip_prefix('"').and_then(|w| w.strip_suffix('"')))
                {
                    (Ok(number), _) => Some(Key::Number(number)),
                    (_, Some(name)) => Some(Key::Name(name.to_owned())),
                    _ => None,
                };
                let keys = keys.iter().map(key).collect::<Option<Vec<_>>>().ok_or_else(unknown)?;
                Ok(Part::Index(path(target).ok_or_else(unknown)?, keys))
            }
            ("json" | "toJson", [target]) => Ok(Part::Json(path(target).ok_or_else(unknown)?)),
            (target, []) => Ok(Part::Path(path(target).ok_or_else(unknown)?)),
            _ => Err(unknown()),
        }
    }

    /// Fills in the places. What is not there reads `<no value>`.
    pub fn fill(&self, data: &Value) -> Result<String, EvalError> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Path(path) => out.push_str(&shown(&follow(data, path))),
                Part::Json(path) => out.push_str(&follow(data, path).to_json().to_string()),
                Part::Index(path, keys) => {
                    let mut value = follow(data, path);
                    for key in keys {
                        value = match (key, &value) {
                            (Key::Number(n), Value::Array(items)) => {
                                let found = usize::try_from(*n).ok().and_then(|i| items.get(i)).cloned();
                                found.ok_or_else(|| EvalError::new(format!("index {n} of {} items", items.len())))?
                            }
                            (Key::Name(name), Value::Object(object)) => {
                                object.get(name).cloned().unwrap_or(Value::Null)
                            }
                            _ => return Err(EvalError::new("index into something that has no elements")),
                        };
                    }
                    out.push_str(&shown(&value));
                }
            }
        }
        Ok(out)
    }
}

fn follow(data: &Value, path: &[String]) -> Value {
    let mut value = data.clone();
    for name in path {
        value = value.as_object().and_then(|o| o.get(name)).cloned().unwrap_or(Value::Null);
    }
    value
}

fn shown(value: &Value) -> String {
    if value.is_null() { "<no value>".into() } else { go_text(value) }
}
