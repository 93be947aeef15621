//! An event's envelope apart from its data: for those who carry events on and need not understand them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cloudevent::CloudEventError;

/// A CloudEvent's attributes, and its data as the text that it is.
#[derive(Debug, Clone, Deserialize)]
pub struct Envelope<'a> {
    /// `1.0`.
    #[serde(borrow)]
    pub specversion: Cow<'a, str>,
    /// Unique together with `source`.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// Where it comes from.
    #[serde(borrow)]
    pub source: Cow<'a, str>,
    /// Its type.
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    /// What within the source it is about.
    #[serde(borrow, default)]
    pub subject: Option<Cow<'a, str>>,
    /// When it happened.
    #[serde(borrow, default)]
    pub time: Option<Cow<'a, str>>,
    /// The media type of the data.
    #[serde(borrow, default)]
    pub datacontenttype: Option<Cow<'a, str>>,
    /// The data, in JSON.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

impl<'a> Envelope<'a> {
    /// Reads the envelope of a structured CloudEvent in JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(json: &'a str) -> Result<Self, CloudEventError> {
        serde_json::from_str(json).map_err(|error| CloudEventError::Malformed(error.to_string()))
    }

    /// The attributes that go into headers in binary mode, all but `datacontenttype`.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let optional = [("subject", self.subject.as_deref()), ("time", self.time.as_deref())];
        [("specversion", &self.specversion), ("id", &self.id), ("source", &self.source), ("type", &self.kind)]
            .into_iter()
            .map(|(name, value)| (name, value.as_ref()))
            .chain(optional.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_data_stays_as_it_is() {
        let json =
            r#"{"specversion":"1.0","id":"7","source":"/parapet/yard","type":"t.v1","data":{"b": 1.50, "a":"ü"}}"#;
        let envelope = Envelope::read(json).unwrap();
        assert_eq!(envelope.data.get(), r#"{"b": 1.50, "a":"ü"}"#);
        let attributes: Vec<_> = envelope.attributes().collect();
        assert_eq!(attributes, [("specversion", "1.0"), ("id", "7"), ("source", "/parapet/yard"), ("type", "t.v1")]);
        assert!(Envelope::read("{}").is_err());
    }
}
