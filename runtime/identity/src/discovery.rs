//! Finds and fetches a provider's keys (OpenID Connect Discovery 1.0).

use std::time::Duration;

use async_trait::async_trait;
use parapet_contracts::root_cause;
use serde::Deserialize;
use url::{Host, Url};

use crate::{PublishedKeys, key_ring::KeySource};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Nobody's keys are larger.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// A provider, by its issuer.
pub struct Discovery {
    issuer: String,
    client: reqwest::Client,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

impl Discovery {
    /// Makes it; `client` decides whose certificates are trusted, and must not follow redirects.
    pub fn new(issuer: impl Into<String>, client: reqwest::Client) -> Self {
        Self { issuer: issuer.into(), client }
    }

    async fn get(&self, url: &str) -> Result<String, String> {
        safe(url)?;
        let answer = self.client.get(url).timeout(TIMEOUT).send().await;
        let mut answer = answer.map_err(|error| format!("{url}: {}", root_cause(&error)))?;
        if !answer.status().is_success() {
            return Err(format!("{url} answered {}", answer.status()));
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| format!("{url}: {}", root_cause(&error)))? {
            body.extend_from_slice(&part);
            if body.len() > LARGEST_ANSWER {
                return Err(format!("{url} answered more than {LARGEST_ANSWER} bytes"));
            }
        }
        String::from_utf8(body).map_err(|_| format!("{url} answered what is no text"))
    }
}

#[async_trait]
impl KeySource for Discovery {
    async fn fetch(&self) -> Result<PublishedKeys, String> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let text = self.get(&url).await?;
        let document: Document = serde_json::from_str(&text).map_err(|error| format!("{url}: {error}"))?;
        // As section 4.3 demands: or one provider could speak for another.
        if document.issuer != self.issuer {
            return Err(format!("{url} speaks for the issuer `{}`, not for `{}`", document.issuer, self.issuer));
        }
        let keys = self.get(&document.jwks_uri).await?;
        PublishedKeys::read(&keys).map_err(|error| format!("{}: {error}", document.jwks_uri))
    }
}

/// Keys that come without TLS could be anybody's; on this machine alone they are taken.
fn safe(url: &str) -> Result<(), String> {
    let parsed = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
    let here = match parsed.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match parsed.scheme() {
        "https" => Ok(()),
        "http" if here => Ok(()),
        _ => Err(format!("{url}: keys are fetched by https alone, or from this machine")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_are_fetched_by_https_alone_or_from_this_machine() {
        for good in [
            "https://login.example.org/keys",
            "http://127.0.0.1:8081/keys",
            "http://[::1]/keys",
            "http://localhost/keys",
        ] {
            assert_eq!(safe(good), Ok(()), "{good}");
        }
        for bad in ["http://login.example.org/keys", "file:///etc/passwd", "http://169.254.169.254/", "keys"] {
            assert!(safe(bad).is_err(), "{bad}");
        }
    }
}
