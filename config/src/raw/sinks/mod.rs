//! Where an uploader can send to: one file a kind of sink.

mod file;
mod http;
mod kafka;
mod mqtt;
mod object_store;
mod smtp;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use file::*;
pub(crate) use http::*;
pub(crate) use kafka::*;
pub(crate) use mqtt::*;
pub(crate) use object_store::*;
pub(crate) use smtp::*;

/// Where an uploader sends to: one kind of sink.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSink {
    /// JSON Lines in a file.
    pub file: Option<RawFileSink>,
    /// A webhook: each event is sent by POST, as a CloudEvent in JSON.
    pub http: Option<RawHttpSink>,
    /// Apache Kafka, or Azure Event Hubs.
    pub kafka: Option<Box<RawKafkaSink>>,
    /// A bridge to another MQTT 5 broker, with QoS 1.
    pub mqtt: Option<RawMqttSink>,
    /// Object storage: S3, Azure Blob Storage, or a folder.
    pub object_store: Option<RawObjectStoreSink>,
    /// E-mail.
    pub smtp: Option<RawSmtpSink>,
}
