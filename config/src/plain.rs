//! YAML for other files than the configuration's own, by the same reader with the same limits.

use serde_json::{Map, Number, Value};

use crate::{
    problem::{Problem, Problems},
    yaml::{self, Kind, Node},
};

/// Reads one YAML document as a JSON value. `file` is what errors call it.
///
/// # Errors
/// Where and why it is no YAML, or holds a number that JSON has no place for.
pub fn read_yaml(file: &str, bytes: &[u8]) -> Result<Value, Problems> {
    let node = yaml::parse(file, bytes).map_err(|list| Problems {
        list,
        warnings: Vec::new(),
        inputs: Vec::new(),
        waits: false,
    })?;
    value(&node).map_err(|node| {
        let problem = Problem::new(file, node.at, "this number can't be read");
        Problems::one(problem.help("numbers are finite, and whole ones have at most 18 digits"))
    })
}

/// The value, or the node that has none.
fn value(node: &Node) -> Result<Value, &Node> {
    Ok(match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(truth) => Value::Bool(*truth),
        Kind::Int(int) => Value::Number(i64::try_from(*int).map_err(|_| node)?.into()),
        Kind::Float(float) => Value::Number(Number::from_f64(*float).ok_or(node)?),
        Kind::Text(text) => Value::String(text.clone()),
        Kind::List(items) => Value::Array(items.iter().map(value).collect::<Result<_, _>>()?),
        Kind::Map(entries) => {
            let pairs = entries.iter().map(|(key, node)| Ok((key.text.clone(), value(node)?)));
            Value::Object(pairs.collect::<Result<Map<_, _>, &Node>>()?)
        }
    })
}
