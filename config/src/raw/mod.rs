//! The files as people write them. The JSON Schema, the reference and the check are all made from these types: a field's
//! documentation is what its reader sees.

mod bus;
mod camera;
mod canary;
mod entra;
mod follow;
mod home_assistant;
mod model;
mod overload;
mod record;
mod remote;
mod rule;
mod secrets;
mod shadow;
mod sinks;
mod site;
mod stream;
mod table;
mod uploader;

use std::borrow::Cow;

use parapet_contracts::Secret;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub(crate) use bus::*;
pub(crate) use camera::*;
pub(crate) use canary::*;
pub(crate) use entra::*;
pub(crate) use follow::*;
pub(crate) use home_assistant::*;
pub(crate) use model::*;
pub(crate) use overload::*;
pub(crate) use record::*;
pub(crate) use remote::*;
pub(crate) use rule::*;
pub(crate) use secrets::*;
pub(crate) use shadow::*;
pub(crate) use sinks::*;
pub(crate) use site::*;
pub(crate) use stream::*;
pub(crate) use table::*;
pub(crate) use uploader::*;

/// A text whose form the schema names by `format`.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $format:literal $(, $key:literal : $value:expr)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
        #[serde(transparent)]
        pub(crate) struct $name(pub String);

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn inline_schema() -> bool { true }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format $(, $key: $value)* })
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self { Self(text.to_owned()) }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str { &self.0 }
        }
    };
}

text!(/** An id. */ Id, "id", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$");
text!(/** A text that is not empty. */ Text, "text", "minLength": 1);
text!(/** A path. */ PathText, "path", "minLength": 1);
text!(/** An IP address and a port. */ Address, "address", "pattern": "^.+:[0-9]{1,5}$");
text!(/** An IANA time zone. */ Zone, "time-zone", "minLength": 1);
text!(/** A time of day. */ TimeOfDay, "time-of-day", "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$");
text!(/** Hardware. */ DeviceText, "device", "pattern": "^(cpu|(cuda|tensorrt)(:[0-9]{1,3})?|openvino(:(auto|cpu|npu|gpu(\\.[0-9]{1,3})?))?)$");
text!(/** A column's type. */ ColumnType, "column-type", "pattern": crate::columns::TYPE_PATTERN);
text!(/** Log filter. */ Level, "log-level", "minLength": 2);

/// A column's name. As the key of a mapping it has no schema of its own: the check tells what is no name.
pub(crate) type ColumnName = String;

/// A text or a whole number, taken as text: `floor: 2`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Loose(pub String);

impl JsonSchema for Loose {
    fn schema_name() -> Cow<'static, str> {
        "Loose".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "format": "text", "minLength": 1 })
    }
}

/// A secret: never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretText(pub Secret);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl JsonSchema for SecretText {
    fn schema_name() -> Cow<'static, str> {
        "SecretText".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": crate::formats::SECRET, "minLength": 1, "examples": ["${env:CAMERA_PASSWORD}", "${file:/run/secrets/camera}"] })
    }
}

/// One or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    /// One.
    One(Text),
    /// Several.
    Many(Vec<Text>),
}

impl OneOrMany {
    /// The only one, when it was not written as a list.
    pub(crate) fn as_one(&self) -> Option<&Text> {
        match self {
            Self::One(text) => Some(text),
            Self::Many(_) => None,
        }
    }

    /// All of them.
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text.0],
            Self::Many(texts) => texts.into_iter().map(|t| t.0).collect(),
        }
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = generator.subschema_for::<Text>();
        json_schema!({ "anyOf": [text, { "type": "array", "items": text, "minItems": 1 }] })
    }
}

/// A corner of a polygon.
pub(crate) type Corner = [Fraction; 2];

/// A part of the picture's width or height.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Fraction(pub f32);

impl JsonSchema for Fraction {
    fn schema_name() -> Cow<'static, str> {
        "Fraction".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

/// `true` for serde.
pub(crate) fn yes() -> bool {
    true
}
