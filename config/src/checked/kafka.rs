//! Kafka, Event Hubs, and who a site is there.

use std::time::Duration;

use parapet_contracts::Secret;

use super::{EntraConfig, TlsConfig};

/// Brokers of Kafka, or Event Hubs.
#[derive(Debug, Clone, PartialEq)]
pub struct KafkaSinkConfig {
    /// Hosts and ports to begin with.
    pub brokers: Vec<(String, u16)>,
    /// The topic; `{site}` and `{kind}` stand in it.
    pub topic: String,
    /// TLS; `None`: the connection is open.
    pub tls: Option<TlsConfig>,
    /// Who the site is.
    pub login: KafkaLogin,
    /// Whether a CloudEvent is the value as a whole, and not headers and data.
    pub structured: bool,
    /// How batches are compressed.
    pub compression: KafkaCompression,
    /// The largest record in bytes, with its headers.
    pub max_message: u64,
    /// How long an acknowledgement may take.
    pub timeout: Duration,
    /// The client's id; the site's and the uploader's when absent.
    pub client_id: Option<String>,
}

/// How a site shows brokers who it is.
#[derive(Debug, Clone, PartialEq)]
pub enum KafkaLogin {
    /// Not at all.
    None,
    /// User and password.
    Password {
        /// How they are shown.
        mechanism: KafkaMechanism,
        /// The user.
        username: Secret,
        /// The password.
        password: Secret,
    },
    /// Tokens of Entra ID.
    Entra {
        /// Who asks for them.
        entra: EntraConfig,
        /// What they are for.
        scope: String,
    },
}

/// How a user and a password are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaMechanism {
    /// As they are.
    Plain,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-512.
    ScramSha512,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaCompression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// LZ4.
    Lz4,
    /// Snappy.
    Snappy,
}
