//! What librdkafka tells of a producer while it runs: errors of its connections, fates of records, how long the brokers hold it back, and that it
//! needs a token. Called from librdkafka's threads.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::UNIX_EPOCH,
};

use parapet_contracts::Secret;
use parapet_entra::EntraTokens;
use parking_lot::Mutex;
use rdkafka::{
    ClientContext, Statistics,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryResult, ProducerContext},
};
use tokio::sync::Notify;

use crate::{refusal::steady, window::Place};

/// The name by which brokers know a client with a token is in the token: this one is looked at by nobody.
const PRINCIPAL: &str = "parapet";

/// How a producer fares.
#[derive(Default)]
pub(crate) struct Health {
    last_error: Mutex<Option<String>>,
    stopped: AtomicBool,
    told: Notify,
}

impl Health {
    /// The last error of a connection, for people; without a secret.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.last_error.lock().clone()
    }

    /// Whatever was wrong with a connection is over.
    pub(crate) fn fine(&self) {
        *self.last_error.lock() = None;
    }

    /// Whether the producer has stopped for good.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Returns when the producer has stopped for good.
    pub(crate) async fn stopped(&self) {
        loop {
            let mut told = std::pin::pin!(self.told.notified());
            told.as_mut().enable();
            if self.is_stopped() {
                return;
            }
            told.await;
        }
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.told.notify_waiters();
    }
}

/// Hears what librdkafka tells.
pub(crate) struct Ear {
    pub(crate) health: Arc<Health>,
    pub(crate) tokens: Option<Arc<EntraTokens>>,
    pub(crate) secrets: Vec<Secret>,
    /// The client's id, for the metric.
    pub(crate) client: String,
}

impl Ear {
    /// A text without what must never show, should brokers ever say it back.
    fn without_secrets(&self, text: &str) -> String {
        self.secrets
            .iter()
            .filter(|secret| !secret.expose().is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "[secret]"))
    }
}

impl ClientContext for Ear {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        // What matters of it comes as an error as well.
        tracing::debug!(client = self.client, facility, "{}", self.without_secrets(message));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        if matches!(code, Some(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::GaplessGuarantee)) {
            self.health.stop();
        }
        // That all are down says less than why one is.
        if code == Some(RDKafkaErrorCode::AllBrokersDown) && self.health.last_error.lock().is_some() {
            return;
        }
        let text = self.without_secrets(&steady(reason));
        tracing::debug!(client = self.client, "{text}");
        *self.health.last_error.lock() = Some(text);
    }

    fn stats(&self, statistics: Statistics) {
        let held_back: i64 =
            statistics.brokers.values().filter_map(|broker| broker.throttle.as_ref()).map(|window| window.sum).sum();
        if let Ok(milliseconds @ 1..) = u64::try_from(held_back) {
            metrics::counter!("parapet_kafka_throttled_milliseconds_total", "client" => self.client.clone())
                .increment(milliseconds);
        }
    }

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let tokens = self.tokens.as_ref().ok_or("nobody gives tokens here")?;
        let token = tokens.token_blocking()?;
        let ends = token.ends().duration_since(UNIX_EPOCH)?.as_millis();
        Ok(OAuthToken {
            token: token.value.expose().to_owned(),
            principal_name: PRINCIPAL.to_owned(),
            lifetime_ms: i64::try_from(ends)?,
        })
    }
}

impl ProducerContext for Ear {
    type DeliveryOpaque = Box<Place>;

    fn delivery(&self, result: &DeliveryResult<'_>, place: Box<Place>) {
        place.said(match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ear() -> Ear {
        Ear { health: Arc::default(), tokens: None, secrets: vec![Secret::new("canary")], client: "c".to_owned() }
    }

    #[test]
    fn the_cause_is_kept_and_no_secret_in_it() {
        let ear = ear();
        ear.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(ear.health.last_error().as_deref(), Some("1/1 brokers are down"));
        ear.error(KafkaError::Global(RDKafkaErrorCode::Authentication), "x: no `canary` (after 3ms in state AUTH_REQ)");
        ear.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(ear.health.last_error().as_deref(), Some("x: no `[secret]`"));
        assert!(!ear.health.is_stopped());
    }

    #[tokio::test]
    async fn a_fatal_error_stops_the_producer() {
        let ear = ear();
        let health = Arc::clone(&ear.health);
        let waiting = tokio::spawn(async move { health.stopped().await });
        tokio::task::yield_now().await;
        ear.error(KafkaError::Global(RDKafkaErrorCode::Fatal), "gap");
        assert!(tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.is_ok());
    }
}
