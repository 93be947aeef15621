//! The sink port over HTTP: a webhook. Each item is a POST of its own, a CloudEvent in JSON.
//!
//! It promises: an item is acknowledged only by an answer with a status of 2xx; what may succeed later (no connection, no answer in
//! time, 408, 425, 429, 5xx) is tried again by whoever calls, in order; any other answer rejects the item for good. Redirects are
//! not followed: an alert goes where it was sent, or nowhere. No header's value is in an error.
//!
//! The header `idempotency-key` is the item's id, so that a receiver knows what came twice. TLS is
//! rustls with the process's provider, ring unless another was installed.

use std::time::Duration;

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
    header::{CONTENT_TYPE as CONTENT_TYPE_HEADER, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};

/// See the module.
pub struct HttpSink {
    client: Client,
    url: String,
    shown: String,
}

impl HttpSink {
    /// A sink that posts to `url`, with these header fields, and waits for each answer at most `timeout`.
    ///
    /// # Errors
    /// When a header's value can't be sent, or there can be no client.
    pub fn new(url: &str, headers: &[(String, Secret)], timeout: Duration) -> Result<Self, String> {
        let mut fields = HeaderMap::new();
        for (name, value) in headers {
            let wrong = |what: &str| format!("the header field `{name}` {what}");
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("has no usable name"))?;
            let mut value =
                HeaderValue::from_str(value.expose()).map_err(|_| wrong("has a value that can't be sent"))?;
            value.set_sensitive(true);
            fields.insert(key, value);
        }
        fields.insert(CONTENT_TYPE_HEADER, HeaderValue::from_static(CONTENT_TYPE));
        // The process has one provider of cryptography: whoever came first has chosen it.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder()
            .timeout(timeout)
            .redirect(Policy::none())
            .default_headers(fields)
            .build()
            .map_err(|error| format!("there can be no HTTP client: {error}"))?;
        // The query of a webhook may be its password.
        let shown = url.split(['?', '#']).next().unwrap_or_default().to_owned();
        Ok(Self { client, url: url.to_owned(), shown })
    }

    async fn post(&self, item: &OutboxItem) -> Result<(), SinkError> {
        let request = self.client.post(&self.url).header("idempotency-key", item.id.to_string());
        let answer = request.body(item.payload.clone()).send().await.map_err(|error| {
            let why = if error.is_timeout() { "no answer in time".to_owned() } else { root_cause(&error) };
            SinkError { kind: ErrorKind::Retry, code: "disconnected", text: format!("{}: {why}", self.shown) }
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let text = format!("{} answers {status}", self.shown);
        Err(match status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                SinkError { kind: ErrorKind::Retry, code: "busy", text }
            }
            status if status.is_server_error() => SinkError { kind: ErrorKind::Retry, code: "busy", text },
            _ => SinkError { kind: ErrorKind::Reject, code: "refused", text },
        })
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Arc, Mutex};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    fn item(n: u128) -> OutboxItem {
        let (kind, topic) = ("alert".to_owned(), "t".to_owned());
        OutboxItem { id: uuid::Uuid::from_u128(n), kind, topic, payload: format!("{{\"n\":{n}}}") }
    }

    /// A receiver on the loopback that answers with these statuses, one after the other, and keeps what came.
    async fn receiver(statuses: &'static [&'static str]) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?token=canary", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            for status in statuses {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut text = String::new();
                let mut buffer = [0; 4096];
                while !text.ends_with('}') {
                    let read = stream.read(&mut buffer).await.unwrap();
                    text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
                }
                kept.lock().unwrap().push(text);
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (url, requests)
    }

    #[tokio::test]
    async fn each_item_is_a_post_and_the_answer_decides() {
        let (url, requests) = receiver(&["204 No Content", "410 Gone", "503 Service Unavailable"]).await;
        let headers = [("authorization".to_owned(), Secret::new("Bearer canary"))];
        let sink = HttpSink::new(&url, &headers, Duration::from_secs(10)).unwrap();
        let fates = sink.send(&[item(1), item(2), item(3), item(4)]).await;
        let kinds: Vec<_> = fates.iter().map(|fate| fate.as_ref().map_err(|error| error.kind)).collect();
        assert_eq!(kinds, [Ok(&()), Err(ErrorKind::Reject), Err(ErrorKind::Retry)], "what follows waits");
        assert!(!format!("{fates:?}").contains("canary"), "{fates:?}");
        let requests = requests.lock().unwrap();
        assert!(requests[0].starts_with("POST /hook?token=canary HTTP/1.1\r\n") && requests[0].ends_with("{\"n\":1}"));
        for field in ["authorization: Bearer canary", "content-type: application/cloudevents+json", "idempotency-key: "]
        {
            assert!(requests[0].contains(field), "{field} in {}", requests[0]);
        }
    }

    #[tokio::test]
    async fn a_receiver_that_is_away_or_silent_is_tried_again() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let sink = HttpSink::new(&format!("http://{gone}/"), &[], Duration::from_secs(10)).unwrap();
        let fates = sink.send(&[item(1), item(2)]).await;
        assert_eq!((fates.len(), fates[0].as_ref().unwrap_err().kind), (1, ErrorKind::Retry));
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap());
        let sink = HttpSink::new(&url, &[], Duration::from_millis(50)).unwrap();
        let error = sink.send(&[item(1)]).await.remove(0).unwrap_err();
        assert_eq!((error.kind, error.text.contains("no answer in time")), (ErrorKind::Retry, true), "{error:?}");
    }

    #[test]
    fn a_value_that_cannot_be_sent_is_told_without_it() {
        let headers = [("x".to_owned(), Secret::new("can\nary"))];
        let error = HttpSink::new("http://127.0.0.1/", &headers, Duration::from_secs(1)).err().unwrap();
        assert!(error.contains('x') && !error.contains("ary"), "{error}");
    }
}
