//! The provider's keys as they are known here: fetched when they are needed, kept through an outage.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jsonwebtoken::{Algorithm, DecodingKey};
use parking_lot::RwLock;
use tokio::{sync::Mutex, time::Instant};

use crate::{PublishedKeys, Refusal};

/// At least this long lies between two requests for keys, whatever tokens come.
const COOL_DOWN: Duration = Duration::from_secs(60);
/// Keys that are older are fetched anew when a token comes, so that one that was taken back is not used for long.
const FRESH: Duration = Duration::from_secs(600);
/// How long keys are used that can't be fetched anew. Beyond that nobody is let in.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Where keys come from.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// Fetches them.
    async fn fetch(&self) -> Result<PublishedKeys, String>;
}

/// See the module.
pub struct KeyRing {
    source: Arc<dyn KeySource>,
    known: RwLock<Known>,
    /// Who fetches; others wait for what comes.
    fetching: Mutex<()>,
    /// Told of each failure to fetch.
    failed: Box<dyn Fn(&str) + Send + Sync>,
}

#[derive(Default)]
struct Known {
    keys: PublishedKeys,
    /// When they were fetched.
    since: Option<Instant>,
    tried: Option<Instant>,
}

impl KeyRing {
    /// A ring without keys; `failed` is told why keys could not be fetched.
    pub fn new(source: Arc<dyn KeySource>, failed: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { source, known: RwLock::default(), fetching: Mutex::new(()), failed: Box::new(failed) }
    }

    /// The key by which a signature is to be checked.
    pub(crate) async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, Refusal> {
        let now = Instant::now();
        let (found, fresh) = self.look(id, algorithm, now);
        if fresh && let Some(key) = found {
            return Ok(key);
        }
        self.fetch().await;
        let known = self.known.read();
        let usable = known.since.is_some_and(|since| since.elapsed() < KEPT);
        if !usable {
            return Err(Refusal::KeysUnavailable);
        }
        known.keys.find(id, algorithm).ok_or(Refusal::UnknownKey)
    }

    fn look(&self, id: Option<&str>, algorithm: Algorithm, now: Instant) -> (Option<DecodingKey>, bool) {
        let known = self.known.read();
        let fresh = known.since.is_some_and(|since| now.duration_since(since) < FRESH);
        (known.keys.find(id, algorithm), fresh)
    }

    /// Fetches the keys, unless that was tried a moment ago, by whomever.
    async fn fetch(&self) {
        let _turn = self.fetching.lock().await;
        let now = Instant::now();
        {
            let mut known = self.known.write();
            if known.tried.is_some_and(|tried| now.duration_since(tried) < COOL_DOWN) {
                return;
            }
            known.tried = Some(now);
        }
        match self.source.fetch().await {
            // A set without a usable key is an answer that says nothing: better the keys from before.
            Ok(keys) if keys.is_empty() => (self.failed)("the identity provider publishes no key for signatures"),
            Ok(keys) => {
                let mut known = self.known.write();
                (known.keys, known.since) = (keys, Some(Instant::now()));
            }
            Err(error) => (self.failed)(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;

    #[derive(Default)]
    struct Provider {
        asked: AtomicUsize,
        /// The id of its key; none while it is away.
        key: RwLock<Option<String>>,
    }

    #[async_trait]
    impl KeySource for Arc<Provider> {
        async fn fetch(&self) -> Result<PublishedKeys, String> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let id = self.key.read().clone().ok_or("connection refused")?;
            let key = json!({
                "kty": "EC", "crv": "P-256", "kid": id,
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            });
            PublishedKeys::read(&json!({"keys": [key]}).to_string())
        }
    }

    fn ring(key: Option<&str>) -> (KeyRing, Arc<Provider>) {
        let provider = Arc::new(Provider::default());
        *provider.key.write() = key.map(str::to_owned);
        (KeyRing::new(Arc::new(Arc::clone(&provider)), |_| {}), provider)
    }

    async fn find(ring: &KeyRing, id: &str) -> Result<(), Refusal> {
        ring.find(Some(id), Algorithm::ES256).await.map(|_| ())
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_key_is_fetched_once_and_unknown_ones_cost_one_request_a_minute() {
        let (ring, provider) = ring(Some("one"));
        assert_eq!(find(&ring, "one").await, Ok(()));
        for _ in 0..100 {
            assert_eq!(find(&ring, "forged").await, Err(Refusal::UnknownKey));
            assert_eq!(find(&ring, "one").await, Ok(()));
        }
        assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
        *provider.key.write() = Some("two".into());
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(find(&ring, "two").await, Ok(()));
        assert_eq!(find(&ring, "one").await, Err(Refusal::UnknownKey), "what was taken back is not used any more");
        assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_good_keys_stay_through_an_outage_and_not_for_ever() {
        let (ring, provider) = ring(Some("one"));
        assert_eq!(find(&ring, "one").await, Ok(()));
        *provider.key.write() = None;
        for _ in 0..120 {
            tokio::time::advance(Duration::from_secs(30)).await;
            assert_eq!(find(&ring, "one").await, Ok(()), "an hour without the provider");
        }
        let asked = provider.asked.load(Ordering::SeqCst);
        assert!((40..=61).contains(&asked), "at most once a minute: {asked}");
        tokio::time::advance(Duration::from_secs(24 * 3600)).await;
        assert_eq!(find(&ring, "one").await, Err(Refusal::KeysUnavailable));
        *provider.key.write() = Some("one".into());
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(find(&ring, "one").await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn without_keys_nobody_is_let_in() {
        let (ring, provider) = ring(None);
        for _ in 0..10 {
            assert_eq!(find(&ring, "one").await, Err(Refusal::KeysUnavailable));
        }
        assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn many_at_once_ask_once() {
        let (ring, provider) = ring(Some("one"));
        let ring = Arc::new(ring);
        let all: Vec<_> = (0..50)
            .map(|_| Arc::clone(&ring))
            .map(|ring| tokio::spawn(async move { find(&ring, "one").await }))
            .collect();
        for one in all {
            assert_eq!(one.await.unwrap(), Ok(()));
        }
        assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    }
}
