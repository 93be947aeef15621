//! The sink port over HTTP: a webhook. Each item is a POST of its own.
//!
//! It promises: an item is acknowledged only by an answer with a status of 2xx; what may succeed later (no connection, no answer in
//! time, 408, 425, 429, 5xx) is tried again by whoever calls, in order, and not before `Retry-After`; any other answer rejects the item for
//! good. A redirect is followed only to the same scheme, host and port, and only when the request stays what it is (307, 308): an alert goes
//! where it was sent, or nowhere. No header's value is in an error.
//!
//! The header `idempotency-key` is the item's id, so that a receiver knows what came twice; with a secret each request is signed, see
//! [`signature`]. TLS is rustls with the process's provider, ring unless another was installed.

mod answer;
mod signature;

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use parapet_contracts::{
    ErrorKind, Secret,
    cloudevent::CONTENT_TYPE,
    ports::{
        sink::{SinkError, SinkPort},
        store::OutboxItem,
    },
};
use reqwest::{
    Client, StatusCode,
    header::{CONTENT_TYPE as CONTENT_TYPE_HEADER, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::{Attempt, Policy},
};

use signature::Signer;

/// Redirects within one host that are followed at most.
const MOST_REDIRECTS: usize = 3;

/// What a webhook needs to know.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Where to.
    pub url: String,
    /// Header fields that are added.
    pub headers: Vec<(String, Secret)>,
    /// Signs each request.
    pub secret: Option<Secret>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// The largest body in bytes.
    pub max_body: u64,
    /// Whether the body is a CloudEvent, and not its data alone.
    pub cloudevents: bool,
}

impl HttpSettings {
    /// CloudEvents, unsigned, without headers, with 10 s for an answer and 1 MiB for a body.
    pub fn new(url: impl Into<String>) -> Self {
        let (url, headers, secret) = (url.into(), Vec::new(), None);
        Self { url, headers, secret, timeout: Duration::from_secs(10), max_body: 1 << 20, cloudevents: true }
    }
}

/// See the module.
pub struct HttpSink {
    client: Client,
    url: String,
    shown: String,
    signer: Option<Signer>,
    max_body: u64,
}

impl HttpSink {
    /// A sink that posts as `settings` says.
    ///
    /// # Errors
    /// When a header's value can't be sent, the secret is none, or there can be no client.
    pub fn new(settings: &HttpSettings) -> Result<Self, String> {
        let mut fields = HeaderMap::new();
        let body = if settings.cloudevents { CONTENT_TYPE } else { "application/json" };
        fields.insert(CONTENT_TYPE_HEADER, HeaderValue::from_static(body));
        for (name, value) in &settings.headers {
            let wrong = |what: &str| format!("the header field `{name}` {what}");
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("has no usable name"))?;
            let mut value =
                HeaderValue::from_str(value.expose()).map_err(|_| wrong("has a value that can't be sent"))?;
            value.set_sensitive(true);
            fields.insert(key, value);
        }
        // The process has one provider of cryptography: whoever came first has chosen it.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder()
            .timeout(settings.timeout)
            .redirect(Policy::custom(|attempt| if stays(&attempt) { attempt.follow() } else { attempt.stop() }))
            .default_headers(fields)
            .build()
            .map_err(|error| format!("there can be no HTTP client: {error}"))?;
        // The query of a webhook may be its password.
        let shown = settings.url.split(['?', '#']).next().unwrap_or_default().to_owned();
        let signer = settings.secret.as_ref().map(Signer::new).transpose()?;
        Ok(Self { client, url: settings.url.clone(), shown, signer, max_body: settings.max_body })
    }

    async fn post(&self, item: &OutboxItem) -> Result<(), SinkError> {
        if item.payload.len() as u64 > self.max_body {
            let text = format!("{} bytes are more than the {} that may be sent", item.payload.len(), self.max_body);
            return Err(SinkError::reject("too_large", text));
        }
        let id = item.id.to_string();
        let mut request = self.client.post(&self.url).header("idempotency-key", &id);
        if let Some(signer) = &self.signer {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
            request = request
                .header("webhook-id", &id)
                .header("webhook-timestamp", now.to_string())
                .header("webhook-signature", signer.sign(&id, now, &item.payload));
        }
        let answer = request.body(item.payload.clone()).send().await.map_err(|error| {
            let why = if error.is_timeout() { "no answer in time".to_owned() } else { root_cause(&error) };
            SinkError::retry("disconnected", format!("{}: {why}", self.shown))
        })?;
        let pause = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        answer::fate(answer.status(), pause.and_then(|text| answer::retry_after(text, SystemTime::now())), &self.shown)
    }
}

/// Whether a redirect leads to the same place and leaves the request what it is.
fn stays(attempt: &Attempt<'_>) -> bool {
    let same_request = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let same_place = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    same_request && same_place && attempt.previous().len() <= MOST_REDIRECTS
}

#[async_trait]
impl SinkPort for HttpSink {
    async fn send(&self, items: &[OutboxItem]) -> Vec<Result<(), SinkError>> {
        let mut fates = Vec::with_capacity(items.len());
        for item in items {
            let fate = self.post(item).await;
            let again = fate.as_ref().is_err_and(|error| error.kind == ErrorKind::Retry);
            fates.push(fate);
            if again {
                break;
            }
        }
        fates
    }

    async fn ready(&self) {}
}

/// What lies at the bottom of an error; it names no address with a query.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    if std::ptr::addr_eq(cause, error) { "no connection".to_owned() } else { cause.to_string() }
}
