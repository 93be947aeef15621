//! Microsoft Entra ID for tests, and the endpoints of a machine's identity: each request is checked as the REST reference states it, and what
//! is wrong with one is kept. Tokens are real: signed with a key that `/discovery/v2.0/keys` gives.
//!
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use std::{
    collections::BTreeMap,
    io::{BufReader, Write},
    net::TcpStream,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use crate::{
    bad_http::{self, Received},
    serving::Serving,
};

/// The directory that it has.
pub const TENANT: &str = "7f3a0000-0000-4000-8000-000000000001";
/// The application that it knows.
pub const CLIENT: &str = "7f3a0000-0000-4000-8000-000000000002";
/// The application's secret.
pub const SECRET: &str = "canary-7f3a~secret of/the+application";
/// The token of the other issuer that it takes for the application's.
pub const ASSERTION: &str = "eyJ.canary-7f3a.assertion";
/// What the agent of Azure Arc wants to see.
const PROOF: &str = "canary-7f3a-proof";
/// What App Service wants to see.
pub const HEADER: &str = "canary-7f3a-header";

struct Inner {
    key: EcdsaKeyPair,
    proof: PathBuf,
    issued: AtomicU64,
    lives: AtomicU64,
    away: AtomicBool,
    wrong: Mutex<Vec<String>>,
    scopes: Mutex<Vec<String>>,
}

/// The server, on a port of the loopback. It ends with this value.
pub struct EntraServer {
    serving: Serving,
    inner: Arc<Inner>,
    folder: tempfile::TempDir,
}

impl EntraServer {
    /// Starts it. Its tokens live for an hour.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("no temporary folder: {e}"));
        let proof = folder.path().join("1.key");
        std::fs::write(&proof, PROOF).unwrap_or_else(|e| panic!("no proof: {e}"));
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .unwrap_or_else(|_| panic!("no key"));
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
            .unwrap_or_else(|_| panic!("no key"));
        let inner = Arc::new(Inner {
            key,
            proof,
            issued: AtomicU64::new(0),
            lives: AtomicU64::new(3600),
            away: AtomicBool::new(false),
            wrong: Mutex::default(),
            scopes: Mutex::default(),
        });
        let shared = Arc::clone(&inner);
        let serving = Serving::start(move |stream, _| serve(stream, &shared));
        Self { serving, inner, folder }
    }

    /// Where it is: the authority, and the origin of a machine's endpoints.
    pub fn url(&self) -> String {
        format!("http://{}", self.serving.address())
    }

    /// Where the keys are that its tokens are signed with.
    pub fn keys_url(&self) -> String {
        format!("{}/{TENANT}/discovery/v2.0/keys", self.url())
    }

    /// Who has issued its tokens.
    pub fn issuer(&self) -> String {
        format!("{}/{TENANT}/v2.0", self.url())
    }

    /// The address of the agent of Azure Arc, and the folder of its proofs.
    pub fn arc(&self) -> (String, PathBuf) {
        (format!("{}/arc/token", self.url()), self.folder.path().to_owned())
    }

    /// The address of App Service's endpoint.
    pub fn app_service(&self) -> String {
        format!("{}/msi/token", self.url())
    }

    /// How long its next tokens live, in seconds.
    pub fn lives(&self, seconds: u64) {
        self.inner.lives.store(seconds, Ordering::Release);
    }

    /// From now on it answers 503 to everything but for its keys, or answers again.
    pub fn away(&self, away: bool) {
        self.inner.away.store(away, Ordering::Release);
    }

    /// Tokens that it has given.
    pub fn issued(&self) -> u64 {
        self.inner.issued.load(Ordering::Acquire)
    }

    /// What they were given for.
    pub fn scopes(&self) -> Vec<String> {
        self.inner.scopes.lock().clone()
    }

    /// What was wrong with the requests that were refused.
    pub fn wrong(&self) -> Vec<String> {
        self.inner.wrong.lock().clone()
    }

    /// A token as it gives them, for a test that has no client.
    pub fn token(&self, audience: &str) -> String {
        self.inner.token(&self.issuer(), audience)
    }
}

fn serve(stream: TcpStream, inner: &Inner) {
    let Ok(mut out) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(request) = bad_http::read(&mut reader) {
        let (status, fields, body) = inner.answer(&request);
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{fields}content-length: {}\r\n\r\n{body}",
            body.to_string().len()
        );
        if out.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// A status, header lines, a body.
type Answer = (u16, String, Value);

impl Inner {
    fn answer(&self, request: &Received) -> Answer {
        let mut line = request.line.split(' ');
        let (method, target) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = pairs(query);
        if path.ends_with("/discovery/v2.0/keys") {
            return (200, String::new(), json!({ "keys": [self.public_key()] }));
        }
        if self.away.load(Ordering::Acquire) {
            return (503, String::new(), json!({}));
        }
        let fate = match (method, path) {
            ("POST", path) if path.ends_with("/oauth2/v2.0/token") => self.credentials(path, request),
            ("GET", "/metadata/identity/oauth2/token") => self.machine(request, &query, "2018-02-01"),
            ("GET", "/msi/token") if request.header("x-identity-header") != HEADER => {
                Err("X-IDENTITY-HEADER is not the one".to_owned())
            }
            ("GET", "/msi/token") => resource(&query, "2019-08-01"),
            ("GET", "/arc/token") if request.header("authorization").is_empty() => {
                let told = format!("www-authenticate: Basic realm={}\r\n", self.proof.display());
                return (401, told, json!({}));
            }
            ("GET", "/arc/token") if request.header("authorization") != format!("Basic {PROOF}") => {
                Err("Authorization is not the proof".to_owned())
            }
            ("GET", "/arc/token") => self.machine(request, &query, "2020-06-01"),
            _ => Err(format!("there is nothing at {path}")),
        };
        match fate {
            Ok(audience) => self.give(request, &audience),
            Err(why) => {
                let told = json!({ "error": "invalid_request", "error_description": format!("AADSTS900000: {why}\r\nTrace ID: 1") });
                self.wrong.lock().push(why);
                (if method == "POST" { 401 } else { 400 }, String::new(), told)
            }
        }
    }

    /// Checks a request of client credentials; its audience.
    fn credentials(&self, path: &str, request: &Received) -> Result<String, String> {
        let form = pairs(&request.body);
        let is = |key: &str, value: &str| match form.get(key) {
            Some(given) if given == value => Ok(()),
            Some(_) => Err(format!("{key} is not the one")),
            None => Err(format!("{key} is missing")),
        };
        if path != format!("/{TENANT}/oauth2/v2.0/token") {
            return Err("this directory is not known".to_owned());
        }
        if request.header("content-type") != "application/x-www-form-urlencoded" {
            return Err("the body is no form".to_owned());
        }
        is("grant_type", "client_credentials")?;
        is("client_id", CLIENT)?;
        if form.contains_key("client_assertion") {
            is("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")?;
            is("client_assertion", ASSERTION)?;
        } else {
            is("client_secret", SECRET)?;
        }
        let scope = form.get("scope").ok_or("scope is missing")?;
        let audience = scope.strip_suffix("/.default").ok_or("the scope of client credentials ends with /.default")?;
        Ok(audience.to_owned())
    }

    /// Checks a request to the metadata service; its audience.
    fn machine(&self, request: &Received, query: &BTreeMap<String, String>, version: &str) -> Result<String, String> {
        if request.header("metadata") != "true" {
            return Err("the header `Metadata: true` is missing".to_owned());
        }
        resource(query, version)
    }

    fn give(&self, request: &Received, audience: &str) -> Answer {
        let issuer = format!("http://{}/{TENANT}/v2.0", request.header("host"));
        let (token, life) = (self.token(&issuer, audience), self.lives.load(Ordering::Acquire));
        self.issued.fetch_add(1, Ordering::AcqRel);
        self.scopes.lock().push(audience.to_owned());
        let body = if request.line.starts_with("POST") {
            json!({ "token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token })
        } else {
            json!({ "token_type": "Bearer", "expires_on": (now() + life).to_string(), "resource": audience, "access_token": token })
        };
        (200, String::new(), body)
    }

    fn token(&self, issuer: &str, audience: &str) -> String {
        let life = self.lives.load(Ordering::Acquire);
        let head = json!({ "typ": "JWT", "alg": "ES256", "kid": "1" });
        let claims =
            json!({ "iss": issuer, "aud": audience, "sub": CLIENT, "iat": now(), "nbf": now(), "exp": now() + life });
        let signed = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature =
            self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap_or_else(|_| panic!("no signature"));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn public_key(&self) -> Value {
        // 4, then x and y of 32 bytes each (SEC 1, 2.3.3).
        let point = self.key.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
        json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1", "x": x, "y": y })
    }
}

/// The audience of a request that names a resource.
fn resource(query: &BTreeMap<String, String>, version: &str) -> Result<String, String> {
    if query.get("api-version").is_none_or(|given| given != version) {
        return Err(format!("api-version is not {version}"));
    }
    query
        .get("resource")
        .filter(|resource| !resource.ends_with("/.default"))
        .cloned()
        .ok_or("resource is missing".to_owned())
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
