//! What is done to emissions before they leave: a field picked, columns selected, a template filled in.

mod template;

pub use template::Template;

use std::sync::Arc;

use crate::error::EvalError;
use crate::value::{Object, Value};

/// How an emission is shaped.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// Only this field of the (first) row, an object or an array of objects.
    pub data_field: Option<String>,
    /// Only these columns.
    pub fields: Vec<String>,
    /// All but these columns.
    pub exclude: Vec<String>,
    /// One message a row, not one a list.
    pub send_single: bool,
    /// Nothing is sent when there is nothing in it.
    pub omit_if_empty: bool,
    /// The text of the message.
    pub template: Option<Template>,
}

/// A message that leaves.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// An object, or an array of objects.
    Value(Value),
    /// A text from a template.
    Text(String),
}

impl Shape {
    /// The messages that an emission gives, each with the data that it was made of.
    pub fn apply(&self, rows: &[Arc<Object>]) -> Vec<(Value, Result<Message, EvalError>)> {
        let kept: Vec<Value> = rows
            .iter()
            .filter(|row| !(self.omit_if_empty && row.is_empty()))
            .map(|row| Value::Object(Arc::clone(row)))
            .collect();
        if self.omit_if_empty && kept.is_empty() {
            return Vec::new();
        }
        if self.send_single {
            return kept
                .into_iter()
                .map(|row| {
                    let message = self.message(&row);
                    (row, message)
                })
                .collect();
        }
        let list = Value::array(kept);
        {
            let message = self.message(&list);
            vec![(list, message)]
        }
    }

    fn selects(&self) -> bool {
        self.data_field.is_some() || !self.fields.is_empty() || !self.exclude.is_empty()
    }

    fn message(&self, data: &Value) -> Result<Message, EvalError> {
        let Some(template) = &self.template else { return Ok(Message::Value(self.select(data))) };
        let text = template.fill(data)?;
        if !self.selects() {
            return Ok(Message::Text(text));
        }
        let json: serde_json::Value = serde_json::from_str(&text).map_err(|e| {
            EvalError::new(format!("the text of the template is no JSON, so no field can be selected: {e}"))
        })?;
        Ok(Message::Value(self.select(&Value::from_json(&json))))
    }

    /// Picks the field and selects the columns.
    pub fn select(&self, data: &Value) -> Value {
        let picked = match (&self.data_field, data) {
            (None, data) => data.clone(),
            (Some(name), Value::Array(items)) => {
                items.first().and_then(Value::as_object).and_then(|o| o.get(name)).cloned().unwrap_or(Value::Null)
            }
            (Some(name), Value::Object(object)) => object.get(name).cloned().unwrap_or(Value::Null),
            _ => Value::Null,
        };
        if self.fields.is_empty() && self.exclude.is_empty() {
            return picked;
        }
        match &picked {
            Value::Array(items) => Value::array(items.iter().map(|item| self.columns(item)).collect()),
            other => self.columns(other),
        }
    }

    fn columns(&self, row: &Value) -> Value {
        let Value::Object(object) = row else { return row.clone() };
        let wanted = |name: &str| {
            (self.fields.is_empty() || self.fields.iter().any(|f| f == name)) && !self.exclude.iter().any(|f| f == name)
        };
        Value::object(object.iter().filter(|(n, _)| wanted(n)).map(|(n, v)| (Arc::clone(n), v.clone())).collect())
    }
}
