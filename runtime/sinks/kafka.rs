//! A Kafka sink from an uploader's file.

use std::sync::Arc;

use parapet_config::{KafkaCompression, KafkaLogin, KafkaMechanism, KafkaSinkConfig, UploadFormat, Uploader};
use parapet_contracts::SiteId;
use parapet_entra::EntraTokens;
use parapet_sink_kafka::{Content, KafkaSettings, KafkaTls, Login};

use crate::entra::identity;

/// The settings of a sink; `name` is the client's id when the file has none.
///
/// # Errors
/// When the environment does not say who a workload is.
pub(super) fn settings(
    config: &KafkaSinkConfig,
    uploader: &Uploader,
    site: &SiteId,
    name: String,
) -> Result<KafkaSettings, String> {
    let brokers = config.brokers.iter().map(|(host, port)| format!("{host}:{port}")).collect();
    let client_id = config.client_id.clone().unwrap_or(name);
    Ok(KafkaSettings {
        default_key: site.to_string(),
        tls: config.tls.as_ref().map(|tls| KafkaTls { ca: tls.ca.clone(), client: tls.client.clone() }),
        login: login(&config.login)?,
        content: match (uploader.format, config.structured) {
            // The check lets the accelerator's form go to brokers of MQTT alone.
            (UploadFormat::Data | UploadFormat::Accelerator, _) => Content::Data,
            (UploadFormat::CloudEvents, true) => Content::Structured,
            (UploadFormat::CloudEvents, false) => Content::Binary,
        },
        compression: match config.compression {
            KafkaCompression::None => "none",
            KafkaCompression::Gzip => "gzip",
            KafkaCompression::Lz4 => "lz4",
            KafkaCompression::Snappy => "snappy",
        },
        max_message: config.max_message,
        timeout: config.timeout,
        ..KafkaSettings::new(brokers, config.topic.replace("{site}", site.as_str()), client_id)
    })
}

fn login(login: &KafkaLogin) -> Result<Login, String> {
    Ok(match login.clone() {
        KafkaLogin::None => Login::None,
        KafkaLogin::Password { mechanism, username, password } => {
            let mechanism = match mechanism {
                KafkaMechanism::Plain => "PLAIN",
                KafkaMechanism::ScramSha256 => "SCRAM-SHA-256",
                KafkaMechanism::ScramSha512 => "SCRAM-SHA-512",
            };
            Login::Password { mechanism, username, password }
        }
        KafkaLogin::Entra { entra, scope } => Login::Token(Arc::new(EntraTokens::new(identity(entra)?, scope)?)),
    })
}
