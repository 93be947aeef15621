//! The streams and tables that rules can read, and the statements that declare them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ast::Name;
use crate::error::EvalError;
use crate::schedule::Schedule;
use crate::value::{Object, Strictness, Value, Zone, to_bool, to_float, to_int, to_text, to_time};

/// Type of a declared column.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Type {
    Bigint,
    Float,
    String,
    Datetime,
    Boolean,
    Bytea,
    Array(Box<Type>),
    Struct(Vec<Column>),
}

impl Type {
    /// The simple type of this name, in any case of letters.
    pub fn simple(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "bigint" => Self::Bigint,
            "float" => Self::Float,
            "string" => Self::String,
            "datetime" => Self::Datetime,
            "boolean" => Self::Boolean,
            "bytea" => Self::Bytea,
            _ => return None,
        })
    }

    /// Checks a value against the type, converting between kinds of number.
    pub fn check(&self, value: &Value, zone: &Zone) -> Result<Value, EvalError> {
        let same = Strictness::SameKind;
        match self {
            Self::Bigint => to_int(value, same).map(Value::Int),
            Self::Float => to_float(value, same).map(Value::Float),
            Self::String => to_text(value, same).map(Value::Str),
            Self::Boolean => to_bool(value, Strictness::Strict).map(Value::Bool),
            Self::Datetime => to_time(value, zone).map(Value::Time),
            Self::Bytea => crate::value::to_bytes(value).map(Value::Bytes),
            Self::Array(item) => match value {
                Value::Array(items) => {
                    items.iter().map(|v| item.check(v, zone)).collect::<Result<_, _>>().map(Value::array)
                }
                _ => Err(EvalError::new(format!("cannot convert {} to array", value.shown()))),
            },
            Self::Struct(columns) => match value {
                Value::Object(object) => {
                    let mut out = Object::new();
                    for column in columns {
                        if let Some(inner) = object.find(&column.name) {
                            out.set(Arc::clone(&column.name), column.ty.check(inner, zone)?);
                        }
                    }
                    Ok(Value::object(out))
                }
                _ => Err(EvalError::new(format!("cannot convert {} to struct", value.shown()))),
            },
        }
    }
}

/// A declared column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// `DEFAULT`, used where an event lacks the column.
    pub default: Option<Value>,
}

/// A stream, or a table that streams look up.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// Its name.
    pub name: Name,
    /// A table is joined with what it holds; a stream brings events.
    pub table: bool,
    /// Declared columns; none means that any column may come.
    pub columns: Vec<Column>,
    /// Options as written, names in upper case.
    pub options: BTreeMap<String, String>,
}

impl Relation {
    /// A stream in which any column may come.
    pub fn schemaless(name: &str) -> Self {
        Self { name: Arc::from(name), table: false, columns: Vec::new(), options: BTreeMap::new() }
    }

    /// An option, by its name in upper case.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// An option that is `true` or `false`; false when it is absent.
    pub fn flag(&self, name: &str) -> bool {
        self.option(name).is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    /// The column with the time of the event.
    pub fn timestamp_column(&self) -> Option<&str> {
        self.option("TIMESTAMP").filter(|t| !t.is_empty())
    }

    /// How many rows a table that is fed by a stream retains; `None` when it was loaded and keeps all.
    pub fn retain(&self) -> Option<usize> {
        self.option("RETAIN_SIZE").and_then(|n| n.parse().ok())
    }
}

/// The relations a rule may name.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    relations: BTreeMap<Name, Relation>,
    schedules: BTreeMap<Name, Arc<Schedule>>,
}

impl Catalog {
    /// A catalog without relations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a relation, replacing one of the same name.
    pub fn add(&mut self, relation: Relation) {
        self.relations.insert(Arc::clone(&relation.name), relation);
    }

    /// The relation of this name.
    pub fn get(&self, name: &str) -> Option<&Relation> {
        self.relations.get(name)
    }

    /// Adds a schedule that `during` knows by this name, replacing one of the same name.
    pub fn add_schedule(&mut self, name: &str, schedule: Schedule) {
        self.schedules.insert(Arc::from(name), Arc::new(schedule));
    }

    /// The schedule of this name.
    pub fn schedule(&self, name: &str) -> Option<&Arc<Schedule>> {
        self.schedules.get(name)
    }

    /// The names of all schedules, sorted.
    pub fn schedule_names(&self) -> impl Iterator<Item = &str> {
        self.schedules.keys().map(AsRef::as_ref)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.relations.keys().map(AsRef::as_ref)
    }
}

/// A statement about streams and tables.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `CREATE STREAM` or `CREATE TABLE`.
    Create(Relation),
    /// `SHOW STREAMS` or `SHOW TABLES`.
    Show {
        /// Tables rather than streams.
        tables: bool,
    },
    /// `DESCRIBE`.
    Describe {
        /// A table rather than a stream.
        table: bool,
        /// Which.
        name: Name,
    },
    /// `EXPLAIN`.
    Explain {
        /// A table rather than a stream.
        table: bool,
        /// Which.
        name: Name,
    },
    /// `DROP`.
    Drop {
        /// A table rather than a stream.
        table: bool,
        /// Which.
        name: Name,
    },
}
