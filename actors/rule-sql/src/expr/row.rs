//! Rows as they flow through a rule.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::value::{Object, Value};

/// A column that a statement reads: which source it must come from (`None`: whichever has it), and its name.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnRef {
    /// The number of the source.
    pub source: Option<usize>,
    /// The column's name as written.
    pub name: Arc<str>,
}

/// Where an event's object holds each column of a statement. Events that look alike share one.
pub type Places = Arc<[u32]>;

/// The place of a column that is not there.
const NOWHERE: u32 = u32::MAX;

/// Finds the columns of `refs` in an object of source number `source`.
pub fn places(source: usize, data: &Object, refs: &[ColumnRef]) -> Places {
    let place = |c: &ColumnRef| {
        let found = if c.source.is_none_or(|s| s == source) { data.position(&c.name) } else { None };
        found.and_then(|place| u32::try_from(place).ok()).unwrap_or(NOWHERE)
    };
    refs.iter().map(place).collect()
}

/// As [`places`], where an earlier object's are probably right.
pub fn places_like(before: &Places, source: usize, data: &Object, refs: &[ColumnRef]) -> Places {
    let right = |(c, place): (&ColumnRef, &u32)| {
        let same = |found: &Arc<str>| Arc::ptr_eq(found, &c.name) || *found == c.name;
        match data.at(*place as usize) {
            Some((found, _)) => same(found),
            None => c.source.is_some_and(|s| s != source) || (*place == NOWHERE && data.position(&c.name).is_none()),
        }
    };
    if before.len() == refs.len() && refs.iter().zip(before.iter()).all(right) {
        return Arc::clone(before);
    }
    places(source, data, refs)
}

/// One event of one source, with the columns that the statement reads already found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The number of the source it came from.
    pub source: usize,
    /// Its time in milliseconds: of the event itself, or of its arrival.
    pub ts: i64,
    /// All its fields.
    pub data: Arc<Object>,
    /// Its metadata.
    pub meta: Option<Arc<Object>>,
    /// Where each column of the statement is among the fields.
    #[serde(skip)]
    pub places: Places,
    /// The results of the statement's analytic calls for this row.
    pub analytic: Vec<Value>,
}

impl Row {
    /// Finds the columns of `refs` in `data`.
    pub fn new(source: usize, ts: i64, data: Arc<Object>, meta: Option<Arc<Object>>, refs: &[ColumnRef]) -> Self {
        let places = places(source, &data, refs);
        Self { source, ts, data, meta, places, analytic: Vec::new() }
    }

    /// The same row under another source's number, for those who ask for that source alone.
    pub(crate) fn renamed(&self, source: usize, refs: &[ColumnRef]) -> Self {
        let own = |c: &ColumnRef| if c.source == Some(source) { self.data.position(&c.name) } else { None };
        let place = |c: &ColumnRef| own(c).and_then(|place| u32::try_from(place).ok()).unwrap_or(NOWHERE);
        Self { source, places: refs.iter().map(place).collect(), ..self.clone() }
    }

    /// Finds the columns of `refs` again, after the row came from a checkpoint.
    pub fn resolve(&mut self, refs: &[ColumnRef]) {
        self.places = places(self.source, &self.data, refs);
    }

    /// The value of a column by its number; `None` where the row lacks it.
    pub fn column(&self, number: usize) -> Option<&Value> {
        let place = *self.places.get(number)?;
        self.data.at(place as usize).map(|(_, value)| value)
    }
}

/// One row, or several that a join put together.
#[derive(Debug, Clone)]
pub enum Tuple {
    /// One row.
    One(Arc<Row>),
    /// The rows of a join, in its order.
    Joined(Vec<Arc<Row>>),
}

impl Tuple {
    /// The rows it consists of.
    pub fn parts(&self) -> &[Arc<Row>] {
        match self {
            Self::One(row) => std::slice::from_ref(row),
            Self::Joined(rows) => rows,
        }
    }

    /// The value of a column by its number: of the first row that has it.
    pub fn column(&self, number: usize) -> Option<&Value> {
        self.parts().iter().find_map(|row| row.column(number))
    }

    /// All fields; where rows of a join share a name, the earlier row wins. `source` picks one row.
    pub fn all(&self, source: Option<usize>) -> Arc<Object> {
        let mut wanted = self.parts().iter().filter(|row| source.is_none_or(|s| s == row.source));
        let (first, second) = (wanted.next(), wanted.next());
        match (first, second) {
            (None, _) => Arc::new(Object::new()),
            (Some(row), None) => Arc::clone(&row.data),
            _ => {
                let mut merged = Object::new();
                for row in self.parts().iter().rev().filter(|row| source.is_none_or(|s| s == row.source)) {
                    merged.merge(&row.data);
                }
                Arc::new(merged)
            }
        }
    }
}
