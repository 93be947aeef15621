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
    /// The value of each column of the statement; `None` where the row lacks it.
    #[serde(skip)]
    pub columns: Box<[Option<Value>]>,
    /// The results of the statement's analytic calls for this row.
    pub analytic: Vec<Value>,
}

impl Row {
    /// Finds the columns of `refs` in `data`.
    pub fn new(source: usize, ts: i64, data: Arc<Object>, meta: Option<Arc<Object>>, refs: &[ColumnRef]) -> Self {
        let mut row = Self { source, ts, data, meta, columns: Box::default(), analytic: Vec::new() };
        row.resolve(refs);
        row
    }

    /// Finds the columns of `refs` again, after the row came from a checkpoint.
    pub fn resolve(&mut self, refs: &[ColumnRef]) {
        let of_this = |c: &ColumnRef| c.source.is_none_or(|s| s == self.source);
        self.columns = refs.iter().map(|c| if of_this(c) { self.data.find(&c.name).cloned() } else { None }).collect();
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
        self.parts().iter().find_map(|row| row.columns.get(number)?.as_ref())
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
