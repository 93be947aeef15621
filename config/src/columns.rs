//! Declared columns: of streams that are no cameras, and of tables. What fits them, and what is wrong with what does not.

use parapet_contracts::Timestamp;
use parapet_rule_sql::catalog::{Column as SqlColumn, Type as SqlType};
use serde_json::{Map, Value};

/// The names of types.
pub(crate) const TYPES: [&str; 5] = ["string", "integer", "number", "boolean", "time"];
/// The pattern of a type, for editors.
pub(crate) const TYPE_PATTERN: &str = r"^(string|integer|number|boolean|time)(\[\])?\??$";

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// An instant: RFC 3339, or milliseconds since 1970.
    Time,
}

/// A declared column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDef {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether it holds a list of them.
    pub list: bool,
    /// Whether it may be absent.
    pub optional: bool,
}

/// Why a message or a row does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// A stable word for metrics: `missing_column`, `wrong_type`, `no_object`.
    pub code: &'static str,
    /// What is wrong, for people. It names the column and what was expected, and quotes no value.
    pub text: String,
}

/// Reads `string`, `number[]`, `time?`.
pub(crate) fn parse_type(text: &str) -> Option<(ColumnKind, bool, bool)> {
    let (text, optional) = text.strip_suffix('?').map_or((text, false), |rest| (rest, true));
    let (text, list) = text.strip_suffix("[]").map_or((text, false), |rest| (rest, true));
    let kind = match text {
        "string" => ColumnKind::String,
        "integer" => ColumnKind::Integer,
        "number" => ColumnKind::Number,
        "boolean" => ColumnKind::Boolean,
        "time" => ColumnKind::Time,
        _ => return None,
    };
    Some((kind, list, optional))
}

impl ColumnKind {
    /// Its name in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Time => "time",
        }
    }

    /// The value as it is kept; `None` when it is of another kind.
    fn fit(self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Self::String, Value::String(_)) | (Self::Boolean, Value::Bool(_)) | (Self::Number, Value::Number(_)) => {
                Some(value.clone())
            }
            (Self::Integer, Value::Number(number)) => {
                let whole = |f: f64| (f.fract() == 0.0 && f.abs() < 9e15).then_some(f as i64);
                number.as_i64().or_else(|| number.as_f64().and_then(whole)).map(Value::from)
            }
            (Self::Time, Value::String(text)) => text.parse::<Timestamp>().ok().map(|at| at.to_string().into()),
            (Self::Time, Value::Number(number)) => {
                let at = Timestamp::from_millisecond(number.as_i64()?).ok()?;
                Some(at.to_string().into())
            }
            _ => None,
        }
    }

    /// The value of a text, as a file of comma-separated values has it.
    fn read(self, text: &str) -> Option<Value> {
        match self {
            Self::String => Some(text.into()),
            Self::Integer => text.trim().parse::<i64>().ok().map(Value::from),
            Self::Number => text.trim().parse::<f64>().ok().filter(|f| f.is_finite()).map(Value::from),
            Self::Boolean => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Some(true.into()),
                "false" | "no" | "0" => Some(false.into()),
                _ => None,
            },
            Self::Time => {
                let number = text.trim().parse::<i64>().map(Value::from);
                self.fit(&number.unwrap_or_else(|_| text.trim().into()))
            }
        }
    }

    fn sql(self) -> SqlType {
        match self {
            Self::String => SqlType::String,
            Self::Integer => SqlType::Bigint,
            Self::Number => SqlType::Float,
            Self::Boolean => SqlType::Boolean,
            Self::Time => SqlType::Datetime,
        }
    }
}

impl ColumnDef {
    /// The value as it is kept; `None` when it does not fit.
    fn fit(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) if self.list => {
                items.iter().map(|item| self.kind.fit(item)).collect::<Option<Vec<_>>>().map(Value::Array)
            }
            _ if self.list => None,
            _ => self.kind.fit(value),
        }
    }

    /// The column as statements see it.
    pub fn sql(&self) -> SqlColumn {
        let inner = self.kind.sql();
        let ty = if self.list { SqlType::Array(Box::new(inner)) } else { inner };
        SqlColumn { name: self.name.as_str().into(), ty, default: None }
    }
}

/// The declared columns of an object, each of its type.
///
/// # Errors
/// The first column that is missing or of another type.
pub fn fit(columns: &[ColumnDef], object: &Map<String, Value>) -> Result<Map<String, Value>, Misfit> {
    let mut out = Map::new();
    for column in columns {
        match object.get(&column.name) {
            None | Some(Value::Null) if column.optional => {}
            None | Some(Value::Null) => {
                let text = format!("the column `{}` is missing", column.name);
                return Err(Misfit { code: "missing_column", text });
            }
            Some(value) => {
                let fitting = column.fit(value).ok_or_else(|| {
                    let list = if column.list { " list" } else { "" };
                    let text = format!("the column `{}` is no {}{list}", column.name, column.kind.name());
                    Misfit { code: "wrong_type", text }
                })?;
                out.insert(column.name.clone(), fitting);
            }
        }
    }
    Ok(out)
}

/// The declared columns of a line of texts; an empty text is an absent value.
///
/// # Errors
/// As [`fit`].
pub(crate) fn read(columns: &[ColumnDef], names: &[String], texts: &[String]) -> Result<Map<String, Value>, Misfit> {
    let mut object = Map::new();
    for (name, text) in names.iter().zip(texts) {
        let Some(column) = columns.iter().find(|column| column.name == *name) else { continue };
        if text.is_empty() && (column.optional || column.kind != ColumnKind::String) {
            continue;
        }
        let value = if column.list {
            text.split('|').map(|part| column.kind.read(part)).collect::<Option<Vec<_>>>().map(Value::Array)
        } else {
            column.kind.read(text)
        };
        let value = value.ok_or_else(|| {
            let text = format!("the column `{name}` is no {}", column.kind.name());
            Misfit { code: "wrong_type", text }
        })?;
        object.insert(name.clone(), value);
    }
    fit(columns, &object)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn columns() -> Vec<ColumnDef> {
        [("door", "string"), ("open", "boolean"), ("n", "integer?"), ("at", "time"), ("temps", "number[]?")]
            .map(|(name, ty)| {
                let (kind, list, optional) = parse_type(ty).unwrap();
                ColumnDef { name: name.to_owned(), kind, list, optional }
            })
            .to_vec()
    }

    fn fitted(value: &Value) -> Result<Value, String> {
        fit(&columns(), value.as_object().unwrap()).map(Value::Object).map_err(|misfit| misfit.text)
    }

    #[test]
    fn what_fits_is_taken_and_what_is_not_declared_is_left_out() {
        let message = json!({"door": "dock", "open": true, "n": 3.0, "at": 1_767_614_400_000_i64, "battery": 4});
        let kept = json!({"door": "dock", "open": true, "n": 3, "at": "2026-01-05T12:00:00Z"});
        assert_eq!(fitted(&message), Ok(kept));
        let with_list = json!({"door": "", "open": false, "at": "2026-01-05T13:00:00+01:00", "temps": [1, 2.5]});
        let kept = json!({"door": "", "open": false, "at": "2026-01-05T12:00:00Z", "temps": [1, 2.5]});
        assert_eq!(fitted(&with_list), Ok(kept));
    }

    #[test]
    fn what_does_not_fit_is_told_by_column() {
        let good = json!({"door": "dock", "open": true, "at": 0});
        for (column, value, told) in [
            ("door", json!(7), "the column `door` is no string"),
            ("open", json!("yes"), "the column `open` is no boolean"),
            ("n", json!(1.5), "the column `n` is no integer"),
            ("at", json!("yesterday"), "the column `at` is no time"),
            ("temps", json!([1, "x"]), "the column `temps` is no number list"),
            ("temps", json!(1), "the column `temps` is no number list"),
            ("door", Value::Null, "the column `door` is missing"),
        ] {
            let mut message = good.clone();
            message[column] = value;
            assert_eq!(fitted(&message), Err(told.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn no_type_and_no_text_makes_it_panic(ty in "\\PC{0,12}", texts in prop::collection::vec("\\PC{0,12}", 5)) {
            let _ = parse_type(&ty);
            let names: Vec<String> = columns().into_iter().map(|column| column.name).collect();
            drop(read(&columns(), &names, &texts));
        }
    }
}
