//! CloudEvents 1.0, JSON format, structured mode: the envelope of everything that leaves a site.
//!
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>. A type's version is its last part
//! (`….v1`): fields may be added to it and unknown ones are ignored when read; a change that breaks a reader makes a `v2`.
//! `docs/events.md` is the reference for people; its examples are read by this module's tests.

use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Alert, AlertUpdate, CameraId, DetectionEvent, ErrorEvent, EvidenceEvent, SiteId, StreamEvent, Timestamp,
    status::StatusEvent,
};

/// The media type of a structured CloudEvent: MQTT 5's content type.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
/// The type of an event whose data is a [`DetectionEvent`].
pub const DETECTION: &str = "io.parapet.detection.v1";
/// The type of an event whose data is a [`DetectionEvent`] that updates an earlier one.
pub const UPDATE: &str = "io.parapet.update.v1";
/// The type of an event whose data is an [`Alert`].
pub const ALERT: &str = "io.parapet.alert.v1";
/// The type of an event whose data is an [`AlertUpdate`].
pub const ALERT_UPDATE: &str = "io.parapet.alert-update.v1";
/// The type of an event whose data is a [`StreamEvent`].
pub const STREAM: &str = "io.parapet.stream.v1";
/// The type of an event whose data is a [`StatusEvent`].
pub const STATUS: &str = "io.parapet.status.v1";
/// The type of an event whose data is an [`ErrorEvent`].
pub const ERROR: &str = "io.parapet.error.v1";
/// The type of an event whose data is an [`EvidenceEvent`].
pub const EVIDENCE: &str = "io.parapet.evidence.v1";

/// The envelope. `D` is owned when it was read, and may be a reference when it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloudEvent<D> {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique together with `source`: what a receiver deduplicates by.
    pub id: String,
    /// `/parapet/<site>/cameras/<id>`, or `/parapet/<site>` for what concerns the site.
    pub source: String,
    /// One of [`DETECTION`], [`UPDATE`], [`ALERT`], [`ALERT_UPDATE`], [`STATUS`], [`STREAM`], [`ERROR`], [`EVIDENCE`].
    #[serde(rename = "type")]
    pub kind: String,
    /// What within the source it is about: the model of a detection or of a status, the rule of an alert, the stream of a message,
    /// the actor of an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened: the capture time of a detection and of an alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Always `application/json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// The event itself.
    pub data: D,
}

impl<'a> CloudEvent<&'a DetectionEvent> {
    /// The envelope of a frame with its objects, or of an update of one.
    pub fn detection(event: &'a DetectionEvent) -> Self {
        let subject = Some(event.model.to_string());
        let kind = if event.update.is_some() { UPDATE } else { DETECTION };
        envelope(kind, event.id.to_string(), source(&event.site, Some(&event.camera)), subject, event.ts, event)
    }
}

impl<'a> CloudEvent<&'a Alert> {
    /// The envelope of an alert.
    pub fn alert(alert: &'a Alert) -> Self {
        let subject = Some(alert.rule.to_string());
        envelope(ALERT, alert.id.to_string(), source(&alert.site, alert.camera.as_ref()), subject, alert.ts, alert)
    }
}

impl<'a> CloudEvent<&'a AlertUpdate> {
    /// The envelope of what became of an alert.
    pub fn alert_update(update: &'a AlertUpdate) -> Self {
        let (subject, source) = (Some(update.rule.to_string()), source(&update.site, update.camera.as_ref()));
        envelope(ALERT_UPDATE, update.id.to_string(), source, subject, update.ts, update)
    }
}

impl<'a> CloudEvent<&'a StreamEvent> {
    /// The envelope of a message of a declared stream.
    pub fn stream(row: &'a StreamEvent) -> Self {
        let subject = Some(row.stream.to_string());
        envelope(STREAM, row.id.to_string(), source(&row.site, None), subject, row.ts, row)
    }
}

impl<'a> CloudEvent<&'a StatusEvent> {
    /// The envelope of a status.
    pub fn status(status: &'a StatusEvent) -> Self {
        let source = source(&status.site, status.camera.as_ref());
        let subject = status.model.as_ref().map(ToString::to_string);
        envelope(STATUS, status.id.to_string(), source, subject, status.ts, status)
    }
}

impl<'a> CloudEvent<&'a ErrorEvent> {
    /// The envelope of a failure.
    pub fn error(event: &'a ErrorEvent) -> Self {
        let record = &event.record;
        let subject = Some(record.actor.clone());
        envelope(ERROR, record.id.to_string(), source(&event.site, None), subject, record.first, event)
    }
}

impl<'a> CloudEvent<&'a EvidenceEvent> {
    /// The envelope of a file of evidence.
    pub fn evidence(event: &'a EvidenceEvent) -> Self {
        let (subject, source) = (Some(event.rule.to_string()), source(&event.site, event.camera.as_ref()));
        envelope(EVIDENCE, event.id.to_string(), source, subject, event.ts, event)
    }
}

impl<D: Serialize> CloudEvent<D> {
    /// One line of JSON.
    ///
    /// # Errors
    /// When the data holds what JSON cannot: no type of this crate does, but for a map whose keys are no texts.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

fn envelope<D>(
    kind: &str,
    id: String,
    source: String,
    subject: Option<String>,
    time: Timestamp,
    data: D,
) -> CloudEvent<D> {
    CloudEvent {
        specversion: "1.0".to_owned(),
        id,
        source,
        kind: kind.to_owned(),
        subject,
        time: Some(time),
        datacontenttype: Some("application/json".to_owned()),
        data,
    }
}

/// `/parapet/<site>/cameras/<id>`, or `/parapet/<site>`.
pub fn source(site: &SiteId, camera: Option<&CameraId>) -> String {
    match camera {
        Some(camera) => format!("/parapet/{site}/cameras/{camera}"),
        None => format!("/parapet/{site}"),
    }
}

/// An event of one of the known types, out of its envelope.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A frame with its objects, or an update of one.
    Detection(DetectionEvent),
    /// An alert.
    Alert(Box<Alert>),
    /// What became of an alert.
    AlertUpdate(AlertUpdate),
    /// How a site or a camera is.
    Status(StatusEvent),
    /// A message of a declared stream.
    Stream(StreamEvent),
    /// A failure.
    Error(ErrorEvent),
    /// A file of evidence.
    Evidence(EvidenceEvent),
}

/// Why bytes are no event of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloudEventError {
    /// They are no JSON, or a required attribute or field is missing or of another kind.
    Malformed(String),
    /// A version of CloudEvents that isn't read here.
    SpecVersion(String),
    /// A type that isn't known here.
    UnknownType(String),
    /// Envelope and data contradict each other.
    Inconsistent(&'static str),
}

impl std::error::Error for CloudEventError {}

impl fmt::Display for CloudEventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "no CloudEvent of a site: {why}"),
            Self::SpecVersion(found) => write!(f, "specversion is `{found}`, expected `1.0`"),
            Self::UnknownType(found) => {
                write!(
                    f,
                    "type is `{found}`, expected `{DETECTION}`, `{UPDATE}`, `{ALERT}`, `{ALERT_UPDATE}`, `{STATUS}`, `{STREAM}`, `{ERROR}` or `{EVIDENCE}`"
                )
            }
            Self::Inconsistent(attribute) => write!(f, "the attribute `{attribute}` contradicts the data"),
        }
    }
}

impl Event {
    /// Reads a structured CloudEvent in JSON.
    ///
    /// # Errors
    /// See [`CloudEventError`]. `id` and `source` must agree with the data: a receiver deduplicates by them.
    pub fn from_json(json: &[u8]) -> Result<Self, CloudEventError> {
        #[derive(Deserialize)]
        struct Head {
            specversion: String,
            #[serde(rename = "type")]
            kind: String,
        }
        let head: Head = read(json)?;
        if head.specversion != "1.0" {
            return Err(CloudEventError::SpecVersion(head.specversion));
        }
        match head.kind.as_str() {
            DETECTION | UPDATE => {
                let event: CloudEvent<DetectionEvent> = read(json)?;
                if event.data.update.is_some() != (event.kind == UPDATE) {
                    return Err(CloudEventError::Inconsistent("type"));
                }
                agree(&event, &event.data.id.to_string(), &source(&event.data.site, Some(&event.data.camera)))?;
                Ok(Self::Detection(event.data))
            }
            ALERT => {
                let event: CloudEvent<Alert> = read(json)?;
                agree(&event, &event.data.id.to_string(), &source(&event.data.site, event.data.camera.as_ref()))?;
                Ok(Self::Alert(Box::new(event.data)))
            }
            ALERT_UPDATE => {
                let event: CloudEvent<AlertUpdate> = read(json)?;
                agree(&event, &event.data.id.to_string(), &source(&event.data.site, event.data.camera.as_ref()))?;
                Ok(Self::AlertUpdate(event.data))
            }
            STREAM => {
                let event: CloudEvent<StreamEvent> = read(json)?;
                agree(&event, &event.data.id.to_string(), &source(&event.data.site, None))?;
                Ok(Self::Stream(event.data))
            }
            STATUS => {
                let event: CloudEvent<StatusEvent> = read(json)?;
                agree(&event, &event.data.id.to_string(), &source(&event.data.site, event.data.camera.as_ref()))?;
                Ok(Self::Status(event.data))
            }
            ERROR => {
                let event: CloudEvent<ErrorEvent> = read(json)?;
                agree(&event, &event.data.record.id.to_string(), &source(&event.data.site, None))?;
                Ok(Self::Error(event.data))
            }
            EVIDENCE => {
                let event: CloudEvent<EvidenceEvent> = read(json)?;
                agree(&event, &event.data.id.to_string(), &source(&event.data.site, event.data.camera.as_ref()))?;
                Ok(Self::Evidence(event.data))
            }
            _ => Err(CloudEventError::UnknownType(head.kind)),
        }
    }
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, CloudEventError> {
    serde_json::from_slice(json).map_err(|e| CloudEventError::Malformed(e.to_string()))
}

fn agree<D>(event: &CloudEvent<D>, id: &str, source: &str) -> Result<(), CloudEventError> {
    if event.id != id {
        return Err(CloudEventError::Inconsistent("id"));
    }
    if event.source != source {
        return Err(CloudEventError::Inconsistent("source"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "cloudevent_tests.rs"]
pub(crate) mod tests;
