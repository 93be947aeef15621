//! Tokens of Microsoft Entra ID, for whoever asks Azure for something.
//!
//! It promises: a token is asked for once and kept until a fifth of its life, at most five minutes, is left; while asking fails, the one that is
//! kept serves for as long as it is valid, and the service is left alone for [`COOL_DOWN`] between attempts, however many ask; no secret, assertion or token is in
//! an error. Life is counted by a monotonic clock, so that a machine whose clock jumps neither uses a dead token nor asks without end.
//!
//! The identities are those that an edge site has: an application with a secret, a workload in Kubernetes (federated), and the identity of a machine
//! (a virtual machine, App Service, or a server with the agent of Azure Arc). See `docs/decisions/0013-entra-tokens.md` for why this is no SDK.

mod answer;
mod managed;
mod request;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use parapet_contracts::{ErrorKind, Secret};
use reqwest::{Client, redirect::Policy};
use tokio::{sync::Mutex, time::Instant};

pub use managed::ManagedEndpoint;

/// The authority of Azure's public cloud.
pub const PUBLIC_CLOUD: &str = "https://login.microsoftonline.com";
/// How long the service is left alone after it failed.
pub const COOL_DOWN: Duration = Duration::from_secs(10);

/// A token with less left to live is not handed out: it may end on its way.
const LEAST_LEFT: Duration = Duration::from_secs(10);
/// With less left of it a new one is asked for.
const RENEW_BEFORE: Duration = Duration::from_secs(300);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// An application with a secret.
    ClientSecret {
        /// The directory: an id or a domain.
        tenant: String,
        /// The application's id.
        client: String,
        /// The application's secret.
        secret: Secret,
        /// The authority, such as [`PUBLIC_CLOUD`].
        authority: String,
    },
    /// A workload whose token of another issuer, Kubernetes', is exchanged. The file is read anew for each request: Kubernetes rotates it.
    Workload {
        /// The directory.
        tenant: String,
        /// The application's id.
        client: String,
        /// Where the token lies.
        token_file: PathBuf,
        /// The authority.
        authority: String,
    },
    /// The identity of the machine.
    Managed {
        /// The id of one that a user has assigned; the machine's own when absent.
        client: Option<String>,
        /// Who gives it out.
        endpoint: ManagedEndpoint,
    },
}

impl Identity {
    /// A workload as its pod's environment says (`AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_FEDERATED_TOKEN_FILE`, `AZURE_AUTHORITY_HOST`),
    /// where the arguments say nothing else.
    ///
    /// # Errors
    /// When something is said nowhere.
    pub fn workload(
        tenant: Option<String>,
        client: Option<String>,
        token_file: Option<PathBuf>,
        authority: Option<String>,
    ) -> Result<Self, String> {
        let of = |value: Option<String>, name: &str| {
            let missing = || {
                format!(
                    "a workload's identity needs `{name}` in the environment, or its key in the file: it is not there"
                )
            };
            value.or_else(|| variable(name)).ok_or_else(missing)
        };
        let tenant = of(tenant, "AZURE_TENANT_ID")?;
        let client = of(client, "AZURE_CLIENT_ID")?;
        let token_file = match token_file {
            Some(file) => file,
            None => of(None, "AZURE_FEDERATED_TOKEN_FILE")?.into(),
        };
        let authority =
            authority.or_else(|| variable("AZURE_AUTHORITY_HOST")).unwrap_or_else(|| PUBLIC_CLOUD.to_owned());
        Ok(Self::Workload { tenant, client, token_file, authority })
    }
}

/// The value of a variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What is shown to the service.
    pub value: Secret,
    /// How long it is still valid.
    pub valid_for: Duration,
}

impl Token {
    /// When it ends, by the machine's clock.
    pub fn ends(&self) -> SystemTime {
        SystemTime::now() + self.valid_for
    }
}

/// Why there is no token. The text holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntraError {
    /// `Retry`: the service is away or asks for patience; `Fatal`: it refuses, and will until somebody mends the identity.
    pub kind: ErrorKind,
    /// A stable word: `disconnected`, `busy`, `unauthorised`, `io`.
    pub code: &'static str,
    /// For people.
    pub text: String,
}

impl std::error::Error for EntraError {}

impl std::fmt::Display for EntraError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl EntraError {
    pub(crate) fn new(kind: ErrorKind, code: &'static str, text: impl Into<String>) -> Self {
        Self { kind, code, text: text.into() }
    }
}

/// What is kept of one scope.
#[derive(Default)]
struct Kept {
    token: Option<(Secret, Instant, Duration)>,
    failed: Option<(Instant, EntraError)>,
}

impl Kept {
    /// The token while it has this much to live.
    fn living(&self, least: Duration) -> Option<Token> {
        let (value, asked, life) = self.token.as_ref()?;
        let left = life.saturating_sub(asked.elapsed());
        (left > least).then(|| Token { value: value.clone(), valid_for: left })
    }

    /// The token while it needs no successor yet.
    fn fresh(&self) -> Option<Token> {
        let (_, _, life) = self.token.as_ref()?;
        self.living(RENEW_BEFORE.min(*life / 5).max(LEAST_LEFT))
    }
}

/// Asks for tokens of one identity for one scope, and keeps them.
pub struct EntraTokens {
    identity: Identity,
    scope: String,
    client: Client,
    kept: Mutex<Kept>,
    asked: AtomicU64,
}

impl EntraTokens {
    /// Tokens for a scope such as `https://vault.azure.net/.default`. Nothing is asked yet.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub fn new(identity: Identity, scope: impl Into<String>) -> Result<Self, String> {
        // The process has one provider of cryptography: whoever came first has chosen it.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder()
            .timeout(PATIENCE)
            // A secret goes where it was sent, or nowhere; a proxy has no business with a machine's own endpoint.
            .redirect(Policy::none())
            // Whoever asks may do so from a runtime that ends: no connection outlives its request.
            .pool_max_idle_per_host(0);
        let client = if matches!(identity, Identity::Managed { .. }) { client.no_proxy() } else { client };
        let client = client.build().map_err(|error| format!("there can be no HTTP client: {error}"))?;
        Ok(Self { identity, scope: scope.into(), client, kept: Mutex::default(), asked: AtomicU64::new(0) })
    }

    /// A valid token: the one that is kept, or a new one.
    ///
    /// # Errors
    /// When none is kept that is still valid, and none is given.
    pub async fn token(&self) -> Result<Token, EntraError> {
        let mut kept = self.kept.lock().await;
        if let Some(token) = kept.fresh() {
            return Ok(token);
        }
        let resting =
            kept.failed.as_ref().filter(|(when, _)| when.elapsed() < COOL_DOWN).map(|(_, error)| error.clone());
        let error = match resting {
            Some(error) => error,
            None => {
                self.asked.fetch_add(1, Ordering::Relaxed);
                let before = Instant::now();
                match request::ask(&self.client, &self.identity, &self.scope).await {
                    Ok((value, life)) => {
                        *kept = Kept { token: Some((value.clone(), before, life)), failed: None };
                        return Ok(Token { value, valid_for: life });
                    }
                    Err(error) => {
                        kept.failed = Some((Instant::now(), error.clone()));
                        error
                    }
                }
            }
        };
        kept.living(LEAST_LEFT).ok_or(error)
    }

    /// As [`EntraTokens::token`], for callers that may block and know of no runtime.
    ///
    /// # Errors
    /// As [`EntraTokens::token`].
    pub fn token_blocking(&self) -> Result<Token, EntraError> {
        let io = |error: std::io::Error| {
            EntraError::new(ErrorKind::Retry, "io", format!("no thread to ask for a token: {error}"))
        };
        std::thread::scope(|scope| {
            // A thread of its own: whoever calls may be on a runtime's thread, where none can be entered.
            let asking = std::thread::Builder::new().name("entra".to_owned()).spawn_scoped(scope, || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io)?;
                runtime.block_on(self.token())
            });
            match asking.map_err(io)?.join() {
                Ok(answer) => answer,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Forgets the token, as when a service has refused it before its time. The next one is asked for at once.
    pub async fn forget(&self) {
        *self.kept.lock().await = Kept::default();
    }

    /// How often the service was asked.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn kept(life: u64, ago: u64) -> Kept {
        let asked = Instant::now().checked_sub(Duration::from_secs(ago)).unwrap();
        Kept { token: Some((Secret::new("t"), asked, Duration::from_secs(life))), failed: None }
    }

    #[test]
    fn a_token_is_renewed_before_it_ends_and_serves_until_then() {
        assert!(kept(3600, 3200).fresh().is_some());
        assert!(kept(3600, 3301).fresh().is_none() && kept(3600, 3301).living(LEAST_LEFT).is_some());
        assert!(kept(3600, 3595).living(LEAST_LEFT).is_none(), "it would end on its way");
        assert!(kept(100, 70).fresh().is_some(), "of a short life a fifth is left");
        assert!(kept(100, 81).fresh().is_none());
    }

    #[test]
    fn a_workload_without_an_environment_says_what_is_missing() {
        let told = Identity::workload(Some("t".into()), Some("c".into()), None, None);
        if std::env::var_os("AZURE_FEDERATED_TOKEN_FILE").is_none() {
            assert!(told.unwrap_err().contains("`AZURE_FEDERATED_TOKEN_FILE`"));
        }
        let told = Identity::workload(Some("t".into()), Some("c".into()), Some("/f".into()), Some("https://a".into()));
        let Ok(Identity::Workload { authority, .. }) = told else { panic!("{told:?}") };
        assert_eq!(authority, "https://a");
    }
}
