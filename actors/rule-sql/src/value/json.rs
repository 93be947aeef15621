//! Values to and from JSON.

use std::sync::Arc;

use base64::Engine as _;
use serde_json::Value as Json;

use super::{Object, Value};

impl Value {
    /// Reads plain JSON. An integer that fits 64 bits stays one; everything else with digits is a float.
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(n) => match n.as_i64() {
                Some(i) => Self::Int(i),
                None => n.as_f64().map_or(Self::Null, Self::Float),
            },
            Json::String(s) => Self::str(s),
            Json::Array(items) => Self::array(items.iter().map(Self::from_json).collect()),
            Json::Object(_) => Self::object(Object::from_json(json)),
        }
    }

    /// Writes plain JSON: instants as milliseconds, bytes as base64, durations as nanoseconds, and the floats that JSON
    /// cannot hold (NaN, infinities) as null.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(b) => Json::Bool(*b),
            Self::Int(i) => Json::from(*i),
            Self::Float(f) => serde_json::Number::from_f64(*f).map_or(Json::Null, Json::Number),
            Self::Str(s) => Json::String(s.to_string()),
            Self::Bytes(b) => Json::String(base64::engine::general_purpose::STANDARD.encode(b)),
            Self::Time(t) => Json::from(t.millis()),
            Self::Duration(ns) => Json::from(*ns),
            Self::Array(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Object(object) => object.to_json(),
        }
    }
}

impl Object {
    /// Reads a JSON object; anything else gives an object without fields.
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Object(map) => map.iter().map(|(k, v)| (Arc::from(k.as_str()), Value::from_json(v))).collect(),
            _ => Self::new(),
        }
    }

    /// Writes a JSON object.
    pub fn to_json(&self) -> Json {
        Json::Object(self.iter().map(|(k, v)| (k.to_string(), v.to_json())).collect())
    }
}
