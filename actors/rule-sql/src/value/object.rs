//! A set of named values, sorted by name.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Value;

/// Named values in the order of their names. Names are unique.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(Arc<str>, Value)>", into = "Vec<(Arc<str>, Value)>")]
pub struct Object {
    fields: Vec<(Arc<str>, Value)>,
}

impl Object {
    /// An object without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.fields.binary_search_by(|(n, _)| n.as_ref().cmp(name))
    }

    /// The value under exactly this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.place(name).ok().and_then(|i| self.fields.get(i)).map(|(_, v)| v)
    }

    /// The value under this name; when there is none, the first whose name differs in the case of letters alone.
    pub fn find(&self, name: &str) -> Option<&Value> {
        self.position(name).and_then(|place| self.fields.get(place)).map(|(_, value)| value)
    }

    /// Where [`Object::find`] finds the value of this name, among the fields in order.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.place(name).ok().or_else(|| self.fields.iter().position(|(n, _)| n.eq_ignore_ascii_case(name)))
    }

    /// The field at a position.
    pub fn at(&self, position: usize) -> Option<(&Arc<str>, &Value)> {
        self.fields.get(position).map(|(name, value)| (name, value))
    }

    /// Sets a field, replacing one of the same name.
    pub fn set(&mut self, name: impl Into<Arc<str>>, value: Value) {
        let name = name.into();
        match self.place(&name) {
            Ok(i) => {
                if let Some(field) = self.fields.get_mut(i) {
                    field.1 = value;
                }
            }
            Err(i) => self.fields.insert(i, (name, value)),
        }
    }

    /// Removes a field, and returns what it held.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.place(name).ok().map(|i| self.fields.remove(i).1)
    }

    /// The fields in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        self.fields.iter().map(|(n, v)| (n, v))
    }

    /// Takes every field of `other`, replacing those of the same name.
    pub fn merge(&mut self, other: &Object) {
        if self.is_empty() {
            self.fields.clone_from(&other.fields);
            return;
        }
        for (name, value) in other.iter() {
            self.set(Arc::clone(name), value.clone());
        }
    }
}

impl FromIterator<(Arc<str>, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(iter: I) -> Self {
        let mut fields: Vec<(Arc<str>, Value)> = iter.into_iter().collect();
        // The last of equal names wins; a stable sort keeps their order, so the later one stays.
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        let mut object = Object { fields: Vec::with_capacity(fields.len()) };
        for field in fields {
            match object.fields.last_mut() {
                Some(last) if last.0 == field.0 => *last = field,
                _ => object.fields.push(field),
            }
        }
        object
    }
}

impl From<Vec<(Arc<str>, Value)>> for Object {
    fn from(fields: Vec<(Arc<str>, Value)>) -> Self {
        fields.into_iter().collect()
    }
}

impl From<Object> for Vec<(Arc<str>, Value)> {
    fn from(object: Object) -> Self {
        object.fields
    }
}
