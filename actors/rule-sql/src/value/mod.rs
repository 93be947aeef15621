//! The values that flow through a rule.
//!
//! A [`Value`] is cheap to clone: text, bytes, arrays and objects are shared. An [`Object`] keeps its fields sorted by
//! name, so that everything derived from it has one order and a replay prints the same bytes every time.

mod cast;
mod format;
mod json;
mod object;
mod saved;
mod seen;
mod time;

pub use cast::{Strictness, to_bool, to_bytes, to_float, to_int, to_text, to_time, to_type};
pub use format::{go_float, go_text};
pub use object::Object;
pub(crate) use seen::Seen;
pub use time::{Instant, Zone, format_time, parse_duration, parse_time, zone};
pub(crate) use time::{day_name, month_name};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One value of the language.
///
/// As `serde` writes it, every type comes back as it was; plain JSON is [`Value::to_json`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(into = "saved::Saved", try_from = "saved::Saved")]
pub enum Value {
    /// SQL's null; also what a missing field reads as.
    #[default]
    Null,
    /// `boolean`.
    Bool(bool),
    /// `bigint`.
    Int(i64),
    /// `float`.
    Float(f64),
    /// `string`.
    Str(Arc<str>),
    /// `bytea`.
    Bytes(Arc<[u8]>),
    /// `datetime`, with the zone it is shown in.
    Time(Instant),
    /// A span of time in nanoseconds, as `date_diff` gives it.
    Duration(i64),
    /// `array`.
    Array(Arc<Vec<Value>>),
    /// `struct`.
    Object(Arc<Object>),
}

impl Value {
    /// A string value.
    pub fn str(text: impl AsRef<str>) -> Self {
        Self::Str(Arc::from(text.as_ref()))
    }

    /// An array value.
    pub fn array(items: Vec<Value>) -> Self {
        Self::Array(Arc::new(items))
    }

    /// An object value.
    pub fn object(object: Object) -> Self {
        Self::Object(Arc::new(object))
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The items, if this is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The object, if this is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// What the type is called in an error message.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "bigint",
            Self::Float(_) => "float",
            Self::Str(_) => "string",
            Self::Bytes(_) => "bytea",
            Self::Time(_) => "datetime",
            Self::Duration(_) => "duration",
            Self::Array(_) => "array",
            Self::Object(_) => "struct",
        }
    }

    /// `type(value)`, for error messages.
    pub fn shown(&self) -> String {
        format!("{}({})", self.type_name(), go_text(self))
    }
}

/// Equality as the functions use it: types matter, except that numbers compare by value.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Int(a), Self::Float(b)) | (Self::Float(b), Self::Int(a)) => *a as f64 == *b,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Time(a), Self::Time(b)) => a.nanos == b.nanos,
            (Self::Duration(a), Self::Duration(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Object(a), Self::Object(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Self::Int(i)
    }
}

impl From<f64> for Value {
    fn from(f: f64) -> Self {
        Self::Float(f)
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Self::str(s)
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Self::Str(Arc::from(s))
    }
}
