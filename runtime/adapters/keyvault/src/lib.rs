//! Secrets of Azure Key Vault, by its REST interface.
//!
//! It promises: a token is asked for only once the vault has said what for, and only for the vault's own domain; what is refused for want of a valid
//! token is asked for once more with a new one; `Retry-After` is told to whoever asks. No value and no token is in an error. It keeps nothing: whoever
//! asks keeps what it needs. See `docs/decisions/0013-entra-tokens.md` for why this is no SDK.
//!
//! <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret>

mod challenge;

use std::time::{Duration, SystemTime};

use parapet_contracts::{ErrorKind, Secret, root_cause};
use parapet_entra::{EntraTokens, Identity};
use reqwest::{
    Client, Response, StatusCode,
    header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE},
    redirect::Policy,
};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

/// The version of the interface.
pub const API_VERSION: &str = "2025-07-01";

/// A secret is at most 25 kB: an answer that is much longer is none.
const MOST_BYTES: usize = 256 << 10;

/// A vault, and who the site is there.
pub struct KeyVault {
    client: Client,
    url: Url,
    identity: Identity,
    /// Known once the vault has said what the tokens are for.
    tokens: Mutex<Option<EntraTokens>>,
}

/// Why there is no value. The text holds none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultError {
    /// `Retry`: the vault is away or asks for patience; `Fatal`: it refuses, until somebody mends the identity or what it may do; `Reject`: there is no
    /// such secret.
    pub kind: ErrorKind,
    /// A stable word: `disconnected`, `throttled`, `busy`, `unauthorised`, `forbidden`, `not_found`, `malformed`.
    pub code: &'static str,
    /// For people.
    pub text: String,
    /// Not before this long, as the vault asks.
    pub retry_after: Option<Duration>,
}

impl VaultError {
    fn new(kind: ErrorKind, code: &'static str, text: impl Into<String>) -> Self {
        Self { kind, code, text: text.into(), retry_after: None }
    }
}

/// What a vault answers with.
#[derive(Deserialize)]
struct Bundle {
    value: String,
}

/// What it answers with when it refuses.
#[derive(Deserialize)]
struct Refusal {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    message: String,
}

impl KeyVault {
    /// A vault at `https://NAME.vault.azure.net`. Nothing is asked yet.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub fn new(url: Url, identity: Identity, timeout: Duration) -> Result<Self, String> {
        // The process has one provider of cryptography: whoever came first has chosen it.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder()
            .timeout(timeout)
            // A token goes where it was sent, or nowhere.
            .redirect(Policy::none())
            .build()
            .map_err(|error| format!("there can be no HTTP client: {error}"))?;
        Ok(Self { client, url, identity, tokens: Mutex::default() })
    }

    /// The newest version of a secret, or the version that `NAME/VERSION` names.
    ///
    /// # Errors
    /// When there is none, or the vault can't be asked.
    pub async fn secret(&self, name: &str) -> Result<Secret, VaultError> {
        let mut tokens = self.tokens.lock().await;
        let mut answer = match tokens.as_ref() {
            None => self.get(name, None).await?,
            Some(known) => self.with_token(name, known).await?,
        };
        if answer.status() == StatusCode::UNAUTHORIZED {
            // Without a token, or with one that has ended before its time: what the vault says holds from now on.
            let header = text_of(&answer, WWW_AUTHENTICATE);
            let scope = challenge::scope(&header, &self.url)
                .map_err(|why| VaultError::new(ErrorKind::Fatal, "unauthorised", why))?;
            let fresh = EntraTokens::new(self.identity.clone(), scope)
                .map_err(|why| VaultError::new(ErrorKind::Fatal, "unauthorised", why))?;
            answer = self.with_token(name, &fresh).await?;
            *tokens = (answer.status() != StatusCode::UNAUTHORIZED).then_some(fresh);
        }
        drop(tokens);
        self.read(answer, name).await
    }

    async fn with_token(&self, name: &str, tokens: &EntraTokens) -> Result<Response, VaultError> {
        let token = tokens.token().await.map_err(|error| VaultError {
            kind: error.kind,
            code: error.code,
            text: error.text,
            retry_after: None,
        })?;
        self.get(name, Some(&token.value)).await
    }

    async fn get(&self, name: &str, token: Option<&Secret>) -> Result<Response, VaultError> {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("secrets").extend(name.split('/'));
        }
        url.query_pairs_mut().append_pair("api-version", API_VERSION);
        let request = self.client.get(url);
        let request = match token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        };
        request.send().await.map_err(|error| self.away(&error))
    }

    async fn read(&self, answer: Response, name: &str) -> Result<Secret, VaultError> {
        let status = answer.status();
        let pause = retry_after(&text_of(&answer, RETRY_AFTER), SystemTime::now());
        let body = answer.bytes().await.map_err(|error| self.away(&error))?;
        if status.is_success() {
            let bundle = Some(&body).filter(|body| body.len() <= MOST_BYTES);
            let bundle = bundle.and_then(|body| serde_json::from_slice::<Bundle>(body).ok());
            let none = || {
                VaultError::new(
                    ErrorKind::Retry,
                    "malformed",
                    format!("{} answers something that is no secret", self.shown()),
                )
            };
            return bundle.map(|bundle| Secret::new(bundle.value)).ok_or_else(none);
        }
        let said = serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.error.message).unwrap_or_default();
        let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let text = |what: String| format!("{} {what}{said}", self.shown());
        let error = match status {
            StatusCode::NOT_FOUND => {
                VaultError::new(ErrorKind::Reject, "not_found", text(format!("has no secret `{name}`")))
            }
            StatusCode::UNAUTHORIZED => VaultError::new(
                ErrorKind::Fatal,
                "unauthorised",
                text("does not take the site's token: is it the vault's directory?".to_owned()),
            ),
            StatusCode::FORBIDDEN => {
                let help = format!(
                    "does not let the site read `{name}`: it needs the role \"Key Vault Secrets User\", and the secret must be enabled"
                );
                VaultError::new(ErrorKind::Fatal, "forbidden", text(help))
            }
            StatusCode::TOO_MANY_REQUESTS => {
                VaultError::new(ErrorKind::Retry, "throttled", text("asks for patience".to_owned()))
            }
            status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                VaultError::new(ErrorKind::Retry, "busy", text(format!("answers {status}")))
            }
            status => VaultError::new(ErrorKind::Fatal, "refused", text(format!("answers {status}"))),
        };
        Err(VaultError { retry_after: pause, ..error })
    }

    fn away(&self, error: &reqwest::Error) -> VaultError {
        let why = if error.is_timeout() { "no answer in time".to_owned() } else { root_cause(error) };
        VaultError::new(ErrorKind::Retry, "disconnected", format!("{}: {why}", self.shown()))
    }

    fn shown(&self) -> String {
        format!("the vault {}", self.url.host_str().unwrap_or_default())
    }
}

fn text_of(answer: &Response, name: HeaderName) -> String {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let seconds = value.parse::<u64>().ok().map(Duration::from_secs);
    seconds.or_else(|| httpdate::parse_http_date(value).ok().map(|at| at.duration_since(now).unwrap_or_default()))
}
