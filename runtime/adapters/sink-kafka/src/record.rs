//! From an item to a record: key, headers, value, size. Pure.
//!
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md>

use std::borrow::Cow;

use parapet_contracts::{
    cloudevent::CONTENT_TYPE,
    envelope::Envelope,
    ports::{sink::SinkError, store::OutboxItem},
};
use rdkafka::message::{Header, OwnedHeaders};

use crate::settings::{Content, REQUEST_HEAD};

const CONTENT_TYPE_HEADER: &str = "content-type";
const JSON: &str = "application/json";
/// What a record of a batch needs beside its parts, at most: lengths and offsets as variable-length numbers.
const RECORD_HEAD: usize = 36;
/// What a header needs beside its parts.
const HEADER_HEAD: usize = 10;

/// What a record of the brokers will hold.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) topic: String,
    pub(crate) key: &'a str,
    pub(crate) value: Cow<'a, str>,
    /// Names and values.
    pub(crate) headers: Vec<(String, String)>,
}

impl<'a> Record<'a> {
    /// The record of an item. What is no CloudEvent goes as it is, as data.
    ///
    /// It has no timestamp of the event: brokers keep records by it, and would throw away at once what comes after a long outage.
    pub(crate) fn of(item: &'a OutboxItem, topic: &str, default_key: &'a str, content: Content) -> Self {
        let topic = topic.replace("{kind}", kind(&item.kind));
        let key = item.key.as_deref().unwrap_or(default_key);
        let plain = |content_type: &str| {
            (Cow::Borrowed(item.payload.as_str()), vec![(CONTENT_TYPE_HEADER.to_owned(), content_type.to_owned())])
        };
        let envelope = if content == Content::Data { None } else { Envelope::read(&item.payload).ok() };
        let (value, headers) = match (content, envelope) {
            (Content::Binary, Some(envelope)) => {
                let mut headers: Vec<_> =
                    envelope.attributes().map(|(name, value)| (format!("ce_{name}"), value.to_owned())).collect();
                let content_type = envelope.datacontenttype.as_deref().unwrap_or(JSON);
                headers.push((CONTENT_TYPE_HEADER.to_owned(), content_type.to_owned()));
                (Cow::Borrowed(envelope.data.get()), headers)
            }
            (Content::Structured, Some(_)) => plain(CONTENT_TYPE),
            _ => plain(JSON),
        };
        Self { topic, key, value, headers }
    }

    /// Its bytes on the way, as far as they count against a bound.
    pub(crate) fn size(&self) -> u64 {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + HEADER_HEAD).sum();
        (RECORD_HEAD + self.key.len() + self.value.len() + headers) as u64 + REQUEST_HEAD
    }

    /// That it is too large, when it is.
    pub(crate) fn too_large(&self, most: u64) -> Option<SinkError> {
        let size = self.size();
        let text = || format!("with its headers it has {size} bytes, and {most} may be sent");
        (size > most).then(|| SinkError::reject("too_large", text()))
    }

    /// Its headers, in librdkafka's form.
    pub(crate) fn owned_headers(&self) -> OwnedHeaders {
        self.headers.iter().fold(OwnedHeaders::new_with_capacity(self.headers.len()), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        })
    }
}

/// The word for a kind of items in a topic's name: that of the uploader's file.
fn kind(item: &str) -> &'static str {
    match item {
        "event" => "events",
        "error" => "journal",
        "evidence" => "evidence",
        _ => "alerts",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"specversion":"1.0","id":"7","source":"/parapet/yard/cameras/gate","type":"io.parapet.alert.v1","subject":"intruder","time":"2026-11-24T10:00:00Z","datacontenttype":"application/json","data":{"n": 1.50}}"#;

    fn item(kind: &str, payload: &str) -> OutboxItem {
        OutboxItem { key: Some("gate".to_owned()), ..OutboxItem::new(uuid::Uuid::nil(), kind, "t", payload) }
    }

    fn headers(record: &Record<'_>) -> Vec<String> {
        record.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect()
    }

    #[test]
    fn binary_mode_has_the_attributes_as_headers_and_the_data_as_it_is() {
        let item = item("alert", EVENT);
        let record = Record::of(&item, "parapet-{kind}", "yard", Content::Binary);
        assert_eq!((record.topic.as_str(), record.key, &*record.value), ("parapet-alerts", "gate", r#"{"n": 1.50}"#));
        assert_eq!(
            headers(&record),
            [
                "ce_specversion: 1.0",
                "ce_id: 7",
                "ce_source: /parapet/yard/cameras/gate",
                "ce_type: io.parapet.alert.v1",
                "ce_subject: intruder",
                "ce_time: 2026-11-24T10:00:00Z",
                "content-type: application/json"
            ]
        );
    }

    #[test]
    fn structured_mode_and_data_are_the_value_alone() {
        let structured = item("evidence", EVENT);
        let record = Record::of(&structured, "{kind}", "yard", Content::Structured);
        assert_eq!((record.topic.as_str(), &*record.value), ("evidence", EVENT));
        assert_eq!(headers(&record), ["content-type: application/cloudevents+json"]);
        let data = OutboxItem::new(uuid::Uuid::nil(), "error", "t", "{\"n\":1}");
        for content in [Content::Data, Content::Binary, Content::Structured] {
            let record = Record::of(&data, "{kind}", "yard", content);
            assert_eq!((record.topic.as_str(), record.key, &*record.value), ("journal", "yard", "{\"n\":1}"));
            assert_eq!(headers(&record), ["content-type: application/json"]);
        }
    }

    #[test]
    fn headers_count_against_the_bound() {
        let large = item("alert", EVENT);
        let record = Record::of(&large, "t", "yard", Content::Binary);
        let size = record.size();
        assert!(size > REQUEST_HEAD + 200);
        assert!(record.too_large(size).is_none());
        let told = record.too_large(size - 1).map(|error| (error.code, error.text));
        assert_eq!(
            told,
            Some(("too_large", format!("with its headers it has {size} bytes, and {} may be sent", size - 1)))
        );
    }
}
