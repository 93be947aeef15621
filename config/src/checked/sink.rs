//! Where uploaders send to.

use std::{path::PathBuf, time::Duration};

use parapet_contracts::Secret;

use super::{KafkaSinkConfig, SmtpSinkConfig, TlsConfig};

/// Where an uploader sends to.
#[derive(Debug, Clone, PartialEq)]
pub enum Sink {
    /// JSON Lines in a file, rotated by size.
    File {
        /// The file.
        path: PathBuf,
        /// Rotate when it is bigger than this many bytes.
        rotate_bytes: u64,
        /// Keep this many rotated files.
        keep: usize,
    },
    /// Each event in a request of its own (POST).
    Http(HttpSinkConfig),
    /// Kafka, or Event Hubs.
    Kafka(Box<KafkaSinkConfig>),
    /// A bridge to another broker.
    Mqtt(MqttSinkConfig),
    /// Object storage.
    ObjectStore(ObjectStoreSinkConfig),
    /// E-mail.
    Smtp(SmtpSinkConfig),
}

impl Sink {
    /// The key in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Http(_) => "http",
            Self::Kafka(_) => "kafka",
            Self::Mqtt(_) => "mqtt",
            Self::ObjectStore(_) => "object_store",
            Self::Smtp(_) => "smtp",
        }
    }
}

/// A webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpSinkConfig {
    /// Where to.
    pub url: url::Url,
    /// Header fields that are added; the values are secret.
    pub headers: Vec<(String, Secret)>,
    /// Signs each request.
    pub secret: Option<Secret>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// The largest event in bytes.
    pub max_body: u64,
}

/// Another broker.
#[derive(Debug, Clone, PartialEq)]
pub struct MqttSinkConfig {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS, when the address is `mqtts://`.
    pub tls: Option<TlsConfig>,
    /// User and password.
    pub credentials: Option<(Secret, Secret)>,
    /// The file of a Kubernetes service account token, in their place.
    pub token_file: Option<PathBuf>,
    /// The client's id; the site's and the uploader's when absent.
    pub client_id: Option<String>,
    /// What stands before each topic.
    pub prefix: String,
    /// The most events without an acknowledgement.
    pub in_flight: u16,
    /// How long an acknowledgement may take.
    pub timeout: Duration,
}

/// Object storage.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectStoreSinkConfig {
    /// Where to.
    pub place: ObjectPlace,
    /// What stands before each key; empty for none.
    pub prefix: String,
    /// How long one object may take.
    pub timeout: Duration,
}

/// A service that keeps objects, and a place in it.
#[derive(Debug, Clone, PartialEq)]
pub enum ObjectPlace {
    /// S3, or what speaks like it.
    S3 {
        /// The bucket.
        bucket: String,
        /// Its region.
        region: String,
        /// The service's address, when it is not Amazon's.
        endpoint: Option<url::Url>,
        /// Access key and secret key.
        credentials: Option<(Secret, Secret)>,
    },
    /// Azure Blob Storage.
    Azure {
        /// The storage account.
        account: String,
        /// The container.
        container: String,
        /// The service's address with the account, when it is not the usual one.
        endpoint: Option<url::Url>,
        /// The account's key.
        key: Option<Secret>,
    },
    /// A folder.
    Folder(PathBuf),
}
