//! Values as a checkpoint keeps them: every type comes back as it was, floats to the last bit.

use std::sync::Arc;

use base64::Engine as _;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

use super::{Instant, Object, Value, Zone, zone};

/// The form in which a value is written.
#[derive(Serialize, Deserialize)]
pub(super) enum Saved {
    #[serde(rename = "n")]
    Null,
    #[serde(rename = "b")]
    Bool(bool),
    #[serde(rename = "i")]
    Int(i64),
    /// The bits: text would lose infinities, and may lose a digit.
    #[serde(rename = "f")]
    Float(u64),
    #[serde(rename = "s")]
    Str(Arc<str>),
    /// In base64.
    #[serde(rename = "y")]
    Bytes(String),
    /// Nanoseconds and zone.
    #[serde(rename = "t")]
    Time(i64, String),
    #[serde(rename = "d")]
    Duration(i64),
    #[serde(rename = "a")]
    Array(Arc<Vec<Value>>),
    #[serde(rename = "o")]
    Object(Arc<Object>),
}

impl From<Value> for Saved {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(b),
            Value::Int(i) => Self::Int(i),
            Value::Float(f) => Self::Float(f.to_bits()),
            Value::Str(s) => Self::Str(s),
            Value::Bytes(b) => Self::Bytes(base64::engine::general_purpose::STANDARD.encode(b)),
            Value::Time(t) => Self::Time(t.nanos, zone_text(&t.zone)),
            Value::Duration(d) => Self::Duration(d),
            Value::Array(items) => Self::Array(items),
            Value::Object(object) => Self::Object(object),
        }
    }
}

impl TryFrom<Saved> for Value {
    type Error = String;

    fn try_from(saved: Saved) -> Result<Self, String> {
        Ok(match saved {
            Saved::Null => Self::Null,
            Saved::Bool(b) => Self::Bool(b),
            Saved::Int(i) => Self::Int(i),
            Saved::Float(bits) => Self::Float(f64::from_bits(bits)),
            Saved::Str(s) => Self::Str(s),
            Saved::Bytes(text) => {
                let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(|e| e.to_string())?;
                Self::Bytes(Arc::from(bytes))
            }
            Saved::Time(nanos, zone) => Self::Time(Instant { nanos, zone: zone_from(&zone)? }),
            Saved::Duration(d) => Self::Duration(d),
            Saved::Array(items) => Self::Array(items),
            Saved::Object(object) => Self::Object(object),
        })
    }
}

/// A zone's name, or `@` and its offset in seconds.
fn zone_text(zone: &Zone) -> String {
    match (zone.iana_name(), zone.to_fixed_offset()) {
        (Some(name), _) => name.to_owned(),
        (None, Ok(offset)) => format!("@{}", offset.seconds()),
        // Zones are made from names and offsets alone, see `zone` and `parse_time`.
        (None, Err(_)) => String::from("UTC"),
    }
}

fn zone_from(text: &str) -> Result<Zone, String> {
    let offset = text.strip_prefix('@').map(|seconds| {
        let offset = seconds.parse().ok().and_then(|s| Offset::from_seconds(s).ok());
        offset.map(TimeZone::fixed)
    });
    offset.unwrap_or_else(|| zone(text)).ok_or_else(|| format!("{text} is no time zone"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_type_comes_back_as_it_was() {
        let berlin = zone("Europe/Berlin").unwrap();
        let nested: Object = [(Arc::from("b"), Value::Bool(true)), (Arc::from("a"), Value::Null)].into_iter().collect();
        let values = [
            Value::Null,
            Value::Bool(false),
            Value::Int(i64::MIN),
            Value::Float(0.1 + 0.2),
            Value::Float(f64::NEG_INFINITY),
            Value::Float(3.0),
            Value::str("ü\"\n"),
            Value::Bytes(Arc::from([0_u8, 255])),
            Value::Time(Instant { nanos: 1_700_000_000_123_456_789, zone: berlin }),
            Value::Time(Instant { nanos: -5, zone: TimeZone::fixed(Offset::from_seconds(-19_800).unwrap()) }),
            Value::Duration(-7),
            Value::array(vec![Value::object(nested), Value::array(Vec::new())]),
        ];
        for value in values {
            let text = serde_json::to_string(&value).unwrap();
            let back: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(format!("{value:?}"), format!("{back:?}"), "{text}");
        }
        let nan: Value = serde_json::from_str(&serde_json::to_string(&Value::Float(f64::NAN)).unwrap()).unwrap();
        assert!(matches!(nan, Value::Float(f) if f.is_nan()));
        assert!(serde_json::from_str::<Value>(r#"{"t":[0,"Mars/Olympus"]}"#).is_err());
    }
}
