//! `sink: {kafka: …}`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    raw::{OneOrMany, RawEntra, RawTls, SecretText, Text},
    units::{Size, Span},
};

/// Apache Kafka, or Azure Event Hubs, which speaks its protocol. A record's key is the camera, so that order holds for each; nothing counts as
/// sent before all replicas in sync have it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawKafkaSink {
    /// Brokers to begin with, `HOST[:PORT]`; they tell the others. Without a port 9093, or 9092 with `security: plaintext`.
    #[schemars(extend("examples" = ["sites.servicebus.windows.net"]))]
    pub brokers: Option<OneOrMany>,
    /// The connection string of an event hub or of its namespace, instead of `brokers`, user and password.
    pub connection_string: Option<SecretText>,
    /// The topic. `{site}` stands for the site's id, `{kind}` for `alerts`, `events`, `journal` or `evidence`. It must be there, or the brokers
    /// must make it. That of the connection string (`EntityPath`) when absent.
    #[schemars(extend("examples" = ["parapet-{kind}"]))]
    pub topic: Option<Text>,
    /// How the connection is protected.
    #[serde(default)]
    pub security: RawSecurity,
    /// TLS.
    pub tls: Option<RawTls>,
    /// How `username` and `password` are shown to the brokers.
    #[serde(default)]
    pub mechanism: RawMechanism,
    /// The user at the brokers.
    pub username: Option<SecretText>,
    /// The password at the brokers.
    pub password: Option<SecretText>,
    /// Logs in with tokens of Microsoft Entra ID (OAUTHBEARER), as Event Hubs take them.
    pub entra: Option<RawEntra>,
    /// What the tokens are for; `https://HOST/.default` of the first broker when absent. Only with `entra`.
    pub scope: Option<Text>,
    /// How CloudEvents are written.
    #[serde(default)]
    pub mode: RawMode,
    /// How batches are compressed on the way. Event Hubs take `gzip` alone.
    #[serde(default)]
    pub compression: RawCompression,
    /// A record that is bigger, with its headers, goes to the dead letters. Event Hubs take 1,046,528 bytes, Kafka a little more by default.
    #[serde(default = "largest")]
    #[schemars(extend("x-min" = "10kB", "x-max" = "100MB"))]
    pub max_message: Size,
    /// What is not acknowledged for so long is sent again over a new connection.
    #[serde(default = "patience")]
    #[schemars(extend("x-min" = "1s", "x-max" = "10m"))]
    pub timeout: Span,
    /// The client's id at the brokers; `parapet-`, the site's id and the uploader's when absent.
    pub client_id: Option<Text>,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawSecurity {
    /// By TLS.
    #[default]
    Tls,
    /// Not at all: for brokers on this machine.
    Plaintext,
}

/// How a user and a password are shown to brokers (SASL).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawMechanism {
    /// As they are.
    #[default]
    Plain,
    /// By a proof that they are known, with SHA-256.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// By a proof that they are known, with SHA-512.
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

/// How CloudEvents are written into records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawMode {
    /// The data is the value, everything else are headers (`ce_id`, `ce_type`, …).
    #[default]
    Binary,
    /// The whole CloudEvent is the value, in JSON: for those who can't read headers.
    Structured,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawCompression {
    /// Not at all.
    #[default]
    None,
    /// The smallest, with the most work.
    Gzip,
    /// Little work.
    Lz4,
    /// Little work.
    Snappy,
}

fn largest() -> Size {
    Size(1_046_528)
}

fn patience() -> Span {
    Span(Duration::from_secs(30))
}
