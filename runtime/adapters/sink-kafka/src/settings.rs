//! What a sink needs to know, and how librdkafka is told.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use parapet_contracts::Secret;
use parapet_entra::EntraTokens;
use rdkafka::ClientConfig;

/// Bytes of a request that are no record: its head, the topic's name, the batch's head.
pub(crate) const REQUEST_HEAD: u64 = 1024;
/// Event Hubs close a connection that was silent for 240 s, without a word that every firewall lets through.
const IDLE: Duration = Duration::from_secs(180);
/// How long a broker may wait for its replicas; Event Hubs want 60 s.
const REPLICAS: Duration = Duration::from_secs(60);
/// How long librdkafka waits for a topic that the brokers do not know: one may have been made just now.
const TOPIC_APPEARS: Duration = Duration::from_secs(5);
/// How often librdkafka tells how long it was held back.
const STATISTICS: Duration = Duration::from_secs(5);

/// What a sink needs to know.
#[derive(Debug, Clone)]
pub struct KafkaSettings {
    /// Brokers to begin with, `HOST:PORT`.
    pub brokers: Vec<String>,
    /// The topic; `{kind}` in it stands for `alerts`, `events`, `journal` or `evidence`.
    pub topic: String,
    /// The key of what is about no camera, so that order holds among it, too.
    pub default_key: String,
    /// TLS; `None`: the connection is open.
    pub tls: Option<KafkaTls>,
    /// How brokers learn who this is.
    pub login: Login,
    /// What records hold.
    pub content: Content,
    /// `none`, `gzip`, `lz4` or `snappy`.
    pub compression: &'static str,
    /// The largest record in bytes, with its headers and the head of its request.
    pub max_message: u64,
    /// How long an acknowledgement may take before all that waits for one is sent again.
    pub timeout: Duration,
    /// The client's id at the brokers.
    pub client_id: String,
}

impl KafkaSettings {
    /// An open connection to brokers that ask for nothing, with the bounds of Event Hubs and 30 s for an acknowledgement.
    pub fn new(brokers: Vec<String>, topic: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            brokers,
            topic: topic.into(),
            default_key: "site".to_owned(),
            tls: None,
            login: Login::None,
            content: Content::Binary,
            compression: "none",
            max_message: 1_046_528,
            timeout: Duration::from_secs(30),
            client_id: client_id.into(),
        }
    }
}

/// The files of TLS, PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KafkaTls {
    /// Certificates to trust; the system's when absent.
    pub ca: Option<PathBuf>,
    /// The client's certificate chain and key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// How brokers learn who this is.
#[derive(Clone)]
pub enum Login {
    /// They do not ask.
    None,
    /// By user and password.
    Password {
        /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
        mechanism: &'static str,
        /// The user.
        username: Secret,
        /// The password.
        password: Secret,
    },
    /// By tokens (OAUTHBEARER).
    Token(Arc<EntraTokens>),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Password { mechanism, .. } => write!(f, "Password({mechanism})"),
            Self::Token(_) => f.write_str("Token"),
        }
    }
}

impl Login {
    /// What must never show.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let Self::Password { password, .. } = self else { return Vec::new() };
        // Of a connection string the key alone gives it away, too.
        let parts =
            password.expose().split(';').filter_map(|part| part.split_once('=')).filter(|(_, value)| value.len() > 8);
        let keys = parts
            .filter(|(name, _)| name.to_ascii_lowercase().starts_with("sharedaccess"))
            .map(|(_, key)| Secret::new(key));
        std::iter::once(password.clone()).chain(keys).collect()
    }
}

/// What records hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A CloudEvent in binary mode: its data as value, its attributes as headers.
    Binary,
    /// A CloudEvent in structured mode: as a whole, in JSON.
    Structured,
    /// Data alone.
    Data,
}

/// How a producer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// In batches of at most so many bytes. When a batch is refused, nothing that follows it is written.
    Batches(u64),
    /// One record a request, so that a refusal is about that very one.
    Alone,
}

/// The settings of a producer, in librdkafka's words.
pub(crate) fn client_config(settings: &KafkaSettings, manner: Manner) -> ClientConfig {
    let mut config = ClientConfig::new();
    let ms = |duration: Duration| duration.as_millis().to_string();
    let largest = settings.max_message.saturating_sub(REQUEST_HEAD / 2);
    config
        .set("bootstrap.servers", settings.brokers.join(","))
        .set("client.id", &settings.client_id)
        // All replicas in sync, and no record twice or out of order because of librdkafka's own retries.
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // The outbox owns time: librdkafka never gives a record up by itself, and lets none overtake it.
        .set("message.timeout.ms", "0")
        .set("request.timeout.ms", ms(REPLICAS))
        .set("topic.metadata.propagation.max.ms", ms(TOPIC_APPEARS))
        // Where Java's producers would put a key.
        .set("partitioner", "murmur2_random")
        .set("compression.type", settings.compression)
        .set("message.max.bytes", largest.to_string())
        .set("connections.max.idle.ms", ms(IDLE))
        .set("metadata.max.age.ms", ms(IDLE))
        .set("topic.metadata.refresh.interval.ms", ms(IDLE))
        .set("socket.keepalive.enable", "true")
        .set("statistics.interval.ms", ms(STATISTICS));
    match manner {
        Manner::Batches(bytes) => {
            // A refused batch leaves a gap, over which nothing may be written: the producer stops, and another one takes over.
            config.set("enable.gapless.guarantee", "true").set("batch.size", bytes.min(largest).to_string());
            // A window is handed over as a whole: nothing else will come along.
            config.set("linger.ms", "0");
        }
        Manner::Alone => {
            config.set("batch.num.messages", "1").set("linger.ms", "0");
        }
    }
    if let Some(tls) = &settings.tls {
        let file = |path: &PathBuf| path.display().to_string();
        if let Some(ca) = &tls.ca {
            config.set("ssl.ca.location", file(ca));
        }
        if let Some((chain, key)) = &tls.client {
            config.set("ssl.certificate.location", file(chain)).set("ssl.key.location", file(key));
        }
    }
    config.set(
        "security.protocol",
        match (&settings.login, &settings.tls) {
            (Login::None, None) => "plaintext",
            (Login::None, Some(_)) => "ssl",
            (_, None) => "sasl_plaintext",
            (_, Some(_)) => "sasl_ssl",
        },
    );
    match &settings.login {
        Login::None => {}
        Login::Password { mechanism, username, password } => {
            config.set("sasl.mechanism", *mechanism);
            config.set("sasl.username", username.expose()).set("sasl.password", password.expose());
        }
        Login::Token(_) => {
            config.set("sasl.mechanism", "OAUTHBEARER");
        }
    }
    config
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn librdkafka_is_told_what_event_hubs_want() {
        let mut settings = KafkaSettings::new(vec!["a:1".into(), "b:2".into()], "t", "c");
        settings.tls = Some(KafkaTls { ca: Some("/ca.pem".into()), client: None });
        settings.login = Login::Password {
            mechanism: "PLAIN",
            username: Secret::new("$ConnectionString"),
            password: Secret::new("p"),
        };
        let config = client_config(&settings, Manner::Batches(500_000));
        for (key, value) in [
            ("bootstrap.servers", "a:1,b:2"),
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "$ConnectionString"),
            ("ssl.ca.location", "/ca.pem"),
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("connections.max.idle.ms", "180000"),
            ("metadata.max.age.ms", "180000"),
            ("socket.keepalive.enable", "true"),
            ("request.timeout.ms", "60000"),
            ("message.max.bytes", "1046016"),
            ("batch.size", "500000"),
        ] {
            assert_eq!(config.get(key), Some(value), "{key}");
        }
        assert_eq!(client_config(&settings, Manner::Alone).get("batch.num.messages"), Some("1"));
        for manner in [Manner::Batches(u64::MAX), Manner::Alone] {
            client_config(&settings, manner).create_native_config().unwrap();
        }
    }

    #[test]
    fn the_key_of_a_connection_string_is_a_secret_of_its_own() {
        let text = "Endpoint=sb://x/;SharedAccessKeyName=send;SharedAccessKey=canary7f3a+canary=";
        let login = Login::Password { mechanism: "PLAIN", username: Secret::new("u"), password: Secret::new(text) };
        let secrets: Vec<String> = login.secrets().iter().map(|secret| secret.expose().to_owned()).collect();
        assert_eq!(secrets, [text, "canary7f3a+canary="]);
        assert!(!format!("{login:?}").contains("canary"));
    }
}
