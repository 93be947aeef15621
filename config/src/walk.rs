//! Walks a file's tree along its schema, tells everything that does not fit, and makes the JSON value that does.
//!
//! It knows exactly the keywords that [`crate::schema`] produces; a test holds it against an independent validator.

use serde_json::{Map, Number, Value};

use crate::{
    expected,
    formats::{self, Format},
    problem::{Position, Problem},
    schema, words,
    yaml::{Key, Kind, Node},
};

/// The value of a tree and what is wrong with it. What is wrong is left out of the value, so that the rest can be checked further.
///
/// `unresolved` are the problems of references: a value with one of them is not judged again.
pub(crate) fn walk(file: &str, schema: &Value, node: &Node, unresolved: &[Problem]) -> (Value, Vec<Problem>) {
    let mut walk = Walk { file, unresolved, problems: Vec::new() };
    let value = walk.value(schema, node).unwrap_or_else(|| Value::Object(Map::new()));
    (value, walk.problems)
}

struct Walk<'a> {
    file: &'a str,
    unresolved: &'a [Problem],
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn value(&mut self, schema: &Value, node: &Node) -> Option<Value> {
        if node.resolved && crate::secrets::failed_at(self.unresolved, node.at) {
            return None;
        }
        let branches = schema::branches(schema);
        if !branches.is_empty() {
            let fits = |branch: &&Value| {
                takes(branch, node) && (schema::choices(branch).is_empty() || chosen(branch, node).is_some())
            };
            return match branches.iter().find(fits) {
                Some(branch) => self.value(branch, node),
                None => self.unexpected(schema, node),
            };
        }
        if !schema::choices(schema).is_empty() {
            return self.choice(schema, node);
        }
        if !takes(schema, node) {
            return self.unexpected(schema, node);
        }
        match &node.kind {
            Kind::Null => Some(Value::Null),
            Kind::Bool(value) => Some(Value::Bool(*value)),
            Kind::Text(text) => self.text(schema, node, text),
            Kind::Int(_) | Kind::Float(_) if schema::types(schema).contains(&"string") => {
                self.text(schema, node, &node.written).map(|_| Value::String(node.written.clone()))
            }
            Kind::Int(int) => self.number(schema, node, *int as f64).and_then(|()| number(*int)),
            Kind::Float(float) => {
                self.number(schema, node, *float)?;
                let whole = schema::types(schema).contains(&"integer");
                if whole { number(*float as i128) } else { Number::from_f64(*float).map(Value::Number) }
            }
            Kind::List(items) => self.list(schema, node, items),
            Kind::Map(entries) => Some(self.map(schema, node, entries)),
        }
    }

    fn text(&mut self, schema: &Value, node: &Node, text: &str) -> Option<Value> {
        let Some(format) = schema.get("format").and_then(Value::as_str).and_then(formats::format) else {
            return Some(Value::String(text.to_owned()));
        };
        if !(format.check)(text) {
            return self.malformed(format, node);
        }
        if !expected::within(schema, text) {
            return self.unexpected(schema, node);
        }
        Some(Value::String(text.to_owned()))
    }

    fn malformed(&mut self, format: &Format, node: &Node) -> Option<Value> {
        let mut problem =
            self.problem(node.at, format!("expected {}, found {}", format.expected, found(node, format.name)));
        // A hint repeats a part of the text: only of one that stands in the file itself.
        problem.help =
            if node.resolved || format.name == formats::SECRET { None } else { (format.hint)(&node.written) };
        self.problems.push(problem);
        None
    }

    fn number(&mut self, schema: &Value, node: &Node, value: f64) -> Option<()> {
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let fits = value.is_finite()
            && bound("minimum").is_none_or(|min| value >= min)
            && bound("maximum").is_none_or(|max| value <= max)
            && bound("exclusiveMinimum").is_none_or(|min| value > min);
        if !fits {
            self.unexpected(schema, node);
        }
        fits.then_some(())
    }

    fn choice(&mut self, schema: &Value, node: &Node) -> Option<Value> {
        match chosen(schema, node) {
            Some(Value::Null) => Some(Value::String("null".to_owned())),
            Some(choice) => Some(choice.clone()),
            None => {
                let known: Vec<&str> = schema::choices(schema).into_iter().filter_map(Value::as_str).collect();
                let meant = if node.resolved { None } else { words::meant(&node.written, known) };
                let message = format!("expected {}, found {}", expected::phrase(schema), found(node, ""));
                let mut problem = self.problem(node.at, message);
                problem.help = meant.map(|meant| format!("did you mean `{meant}`?"));
                self.problems.push(problem);
                None
            }
        }
    }

    fn list(&mut self, schema: &Value, node: &Node, items: &[Node]) -> Option<Value> {
        let count = |name: &str| schema.get(name).and_then(Value::as_u64);
        let (min, max) = (count("minItems").unwrap_or(0), count("maxItems").unwrap_or(u64::MAX));
        let length = items.len() as u64;
        let mut fits = (min..=max).contains(&length);
        if !fits {
            let message = format!("expected {}, found {length}", expected::counted(schema));
            self.problems.push(self.problem(node.at, message));
        }
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match schema.get("items").map_or(Some(Value::Null), |schema| self.value(schema, item)) {
                Some(value) => values.push(value),
                // The places of the others must stay what they are in the file: an incomplete list is no list.
                None => fits = false,
            }
        }
        fits.then_some(Value::Array(values))
    }

    fn map(&mut self, schema: &Value, node: &Node, entries: &[(Key, Node)]) -> Value {
        let properties = schema::properties(schema);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut object = Map::new();
        for (key, value) in entries {
            let part = match properties.and_then(|p| p.get(&key.text)).or(others) {
                Some(part) => part,
                None => {
                    self.unknown_key(properties, node, key);
                    continue;
                }
            };
            let absent = value.kind == Kind::Null && schema::types(part).contains(&"null");
            if !absent && let Some(value) = self.value(part, value) {
                object.insert(key.text.clone(), value);
            }
        }
        for name in required {
            if !entries.iter().any(|(key, _)| key.text == name) {
                let part = properties.and_then(|p| p.get(name));
                let help = part.map(|part| format!("expected {}", expected::with_example(name, part)));
                let mut problem = self.problem(node.at, format!("the key `{name}` is missing"));
                problem.help = help;
                self.problems.push(problem);
            }
        }
        Value::Object(object)
    }

    fn unknown_key(&mut self, properties: Option<&Map<String, Value>>, node: &Node, key: &Key) {
        let all: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let present: Vec<&str> = node.keys().map(|key| key.text.as_str()).collect();
        // A key that is there already was not meant; of the others, the nearest was.
        let open = all.iter().copied().filter(|name| !present.contains(name));
        let hint = words::meant(&key.text, open).map(|m| format!("did you mean `{m}`? ")).unwrap_or_default();
        let help = format!("{hint}Known keys: {}", words::list(&all));
        let message = format!("unknown key `{}`", words::shown(&key.text));
        self.problems.push(self.problem(key.at, message).help(help));
    }

    /// A value of the wrong type or out of its bounds.
    fn unexpected(&mut self, schema: &Value, node: &Node) -> Option<Value> {
        let format = expected::format_name(schema);
        let message = format!("expected {}, found {}", expected::phrase(schema), found(node, format));
        let mut problem = self.problem(node.at, message);
        problem.help = self.help(schema, format, node);
        self.problems.push(problem);
        None
    }

    fn help(&self, schema: &Value, format: &str, node: &Node) -> Option<String> {
        if node.resolved {
            return None;
        }
        let wants = expected::all_types(schema);
        match &node.kind {
            Kind::Null if wants.contains(&"object") || wants.contains(&"array") => None,
            Kind::Null => Some("give it a value, or remove the key".to_owned()),
            Kind::Int(_) | Kind::Float(_) | Kind::Bool(_) if format == formats::SECRET => {
                Some("put it in quotes".to_owned())
            }
            Kind::Int(_) | Kind::Float(_) | Kind::Bool(_) if wants.contains(&"string") => match formats::format(format)
            {
                Some(known) if !matches!(format, "text" | "id") => (known.hint)(&node.written),
                _ => Some(format!("put it in quotes: `\"{}\"`", words::shown(&node.written))),
            },
            Kind::Text(text) if wants.contains(&"boolean") && matches!(text.as_str(), "yes" | "no" | "on" | "off") => {
                Some(format!("write `{}`", matches!(text.as_str(), "yes" | "on")))
            }
            Kind::Text(text)
                if wants.iter().any(|t| matches!(*t, "number" | "integer")) && text.parse::<f64>().is_ok() =>
            {
                Some("write it without quotes".to_owned())
            }
            Kind::Text(text) if wants.contains(&"array") && !wants.contains(&"string") => {
                Some(format!("write a list: `[{}]`", words::shown(text)))
            }
            _ => None,
        }
    }

    fn problem(&self, at: Position, message: String) -> Problem {
        Problem::new(self.file, at, message)
    }
}

/// The choice that a node makes among those that a schema lists.
fn chosen<'s>(schema: &'s Value, node: &Node) -> Option<&'s Value> {
    schema::choices(schema).into_iter().find(|choice| match (&node.kind, choice) {
        (Kind::Text(text), Value::String(choice)) => text == choice,
        (Kind::Null, Value::Null) => true,
        _ => false,
    })
}

/// True when a schema has a place for the type of a node.
fn takes(schema: &Value, node: &Node) -> bool {
    let choices = schema::choices(schema);
    if !choices.is_empty() {
        return match node.kind {
            Kind::Text(_) => choices.iter().any(|c| c.is_string()),
            Kind::Null => choices.iter().any(|c| c.is_null()),
            _ => false,
        };
    }
    schema::types(schema).iter().any(|wanted| match &node.kind {
        Kind::Null => *wanted == "null",
        Kind::Bool(_) => *wanted == "boolean",
        Kind::Int(_) => matches!(*wanted, "integer" | "number"),
        Kind::Float(float) => {
            *wanted == "number" || (*wanted == "integer" && float.fract() == 0.0 && float.abs() < 1e15)
        }
        Kind::Text(_) => *wanted == "string",
        Kind::List(_) => *wanted == "array",
        Kind::Map(_) => *wanted == "object",
    })
}

/// What stands there, as the file has it. A secret is never quoted.
fn found(node: &Node, format: &str) -> String {
    match &node.kind {
        Kind::Null if node.written.is_empty() => "nothing".to_owned(),
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) => "a mapping".to_owned(),
        Kind::Text(text) if text.is_empty() => "an empty text".to_owned(),
        _ if format == formats::SECRET => "something else (not shown, as it is secret)".to_owned(),
        _ if node.resolved => format!("what `{}` stands for (not shown)", words::shown(&node.written)),
        _ => format!("`{}`", words::shown(&node.written)),
    }
}

fn number(int: i128) -> Option<Value> {
    i64::try_from(int)
        .ok()
        .map(|int| Value::Number(int.into()))
        .or_else(|| u64::try_from(int).ok().map(|int| Value::Number(int.into())))
}
