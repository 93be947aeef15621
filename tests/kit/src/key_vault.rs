//! Azure Key Vault for tests: each request is checked as the REST reference states it, and what is wrong with one is kept.
//!
//! <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret>,
//! <https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses>,
//! <https://learn.microsoft.com/azure/key-vault/general/overview-throttling>

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufReader, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{
    bad_http::{self, Received},
    entra::TENANT,
    serving::Serving,
};

/// What its tokens are for.
pub const RESOURCE: &str = "https://vault.azure.net";
const VERSION: &str = "2025-07-01";

#[derive(Default)]
struct Inner {
    secrets: Mutex<BTreeMap<String, (String, bool)>>,
    wrong: Mutex<Vec<String>>,
    asked: Mutex<Vec<String>>,
    throttle: Mutex<Vec<u64>>,
    /// Tokens that were shown, and those of them that are taken no more.
    shown: Mutex<BTreeSet<String>>,
    revoked: Mutex<BTreeSet<String>>,
    away: AtomicBool,
}

/// The vault, on a port of the loopback. It ends with this value.
pub struct KeyVaultServer {
    serving: Serving,
    inner: Arc<Inner>,
}

impl KeyVaultServer {
    /// Starts an empty one.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start() -> Self {
        let inner = Arc::<Inner>::default();
        let shared = Arc::clone(&inner);
        let serving = Serving::start(move |stream, _| serve(stream, &shared));
        Self { serving, inner }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.serving.address())
    }

    /// Puts a secret there, or a new version of it.
    pub fn put(&self, name: &str, value: &str) {
        self.inner.secrets.lock().insert(name.to_owned(), (value.to_owned(), true));
    }

    /// Disables a secret.
    pub fn disable(&self, name: &str) {
        if let Some((_, enabled)) = self.inner.secrets.lock().get_mut(name) {
            *enabled = false;
        }
    }

    /// From now on it hangs up on everybody, or answers again.
    pub fn away(&self, away: bool) {
        self.inner.away.store(away, Ordering::Release);
    }

    /// The next requests with a token are answered `429`, each with so many seconds of `Retry-After`.
    pub fn throttle(&self, seconds: &[u64]) {
        self.inner.throttle.lock().extend(seconds);
    }

    /// Takes no token any more that was shown until now, as when an identity was revoked and restored.
    pub fn revoke_all_so_far(&self) {
        let shown = self.inner.shown.lock().clone();
        self.inner.revoked.lock().extend(shown);
    }

    /// The secrets that were asked for with a good token, in order.
    pub fn asked(&self) -> Vec<String> {
        self.inner.asked.lock().clone()
    }

    /// What was wrong with the requests that were refused, but for a token that is missing, as the first one's is.
    pub fn wrong(&self) -> Vec<String> {
        self.inner.wrong.lock().clone()
    }
}

fn serve(stream: TcpStream, inner: &Inner) {
    let Ok(mut out) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(request) = bad_http::read(&mut reader) {
        if inner.away.load(Ordering::Acquire) {
            return;
        }
        let (status, fields, body) = inner.answer(&request);
        let body = body.to_string();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json; charset=utf-8\r\n{fields}");
        if out.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).is_err() {
            return;
        }
    }
}

/// A status, header lines, a body.
type Answer = (u16, String, Value);

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    (status, String::new(), json!({ "error": { "code": code, "message": message } }))
}

impl Inner {
    fn answer(&self, request: &Received) -> Answer {
        let mut line = request.line.split(' ');
        let (method, target) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if let Some(wrong) = self.token_is_wrong(request) {
            let error = if wrong { ", error=\"invalid_token\"" } else { "" };
            let told = format!(
                "www-authenticate: Bearer authorization=\"https://login.microsoftonline.com/{TENANT}\", resource=\"{RESOURCE}\"{error}\r\n"
            );
            let (_, _, body) = refusal(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.");
            return (401, told, body);
        }
        if method != "GET" {
            return self.bad(format!("{method} is no request of a reader"));
        }
        if query != format!("api-version={VERSION}") {
            return self.bad(format!("the query is `{query}`, and not api-version={VERSION}"));
        }
        let Some(name) = path.strip_prefix("/secrets/").filter(|name| is_name(name)) else {
            return self.bad(format!("there is nothing at {path}"));
        };
        if let Some(seconds) = self.throttle.lock().pop() {
            let (status, _, body) =
                refusal(429, "Throttled", "Request was not processed because too many requests were received.");
            return (status, format!("retry-after: {seconds}\r\n"), body);
        }
        self.asked.lock().push(name.to_owned());
        match self.secrets.lock().get(name) {
            None => refusal(
                404,
                "SecretNotFound",
                &format!("A secret with (name/id) {name} was not found in this key vault."),
            ),
            Some((_, false)) => refusal(403, "Forbidden", "Operation get is not allowed on a disabled secret."),
            Some((value, true)) => {
                let id = format!("https://test.vault.azure.net/secrets/{name}/0123456789abcdef0123456789abcdef");
                let attributes = json!({ "enabled": true, "created": 1_700_000_000, "updated": 1_700_000_000, "recoveryLevel": "Recoverable+Purgeable" });
                (200, String::new(), json!({ "value": value, "id": id, "attributes": attributes }))
            }
        }
    }

    fn bad(&self, why: String) -> Answer {
        let answer = refusal(400, "BadParameter", &why);
        self.wrong.lock().push(why);
        answer
    }

    /// `None` when the token is a good one; else whether there is one.
    fn token_is_wrong(&self, request: &Received) -> Option<bool> {
        let Some(token) = request.header("authorization").strip_prefix("Bearer ") else { return Some(false) };
        let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims: Value = claims.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        let good = claims["aud"] == RESOURCE
            && claims["exp"].as_u64().is_some_and(|ends| ends > now)
            && !self.revoked.lock().contains(token);
        self.shown.lock().insert(token.to_owned());
        if !good && !self.revoked.lock().contains(token) {
            self.wrong.lock().push(format!("the token is not good: {claims}"));
        }
        (!good).then_some(true)
    }
}

/// `NAME` or `NAME/VERSION`.
fn is_name(path: &str) -> bool {
    let part =
        |part: &str| (1..=127).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    path.split('/').count() <= 2 && path.split('/').all(part)
}
