//! Kubernetes service account tokens, and a mosquitto that asks for them as the broker of Azure IoT Operations does.

use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::json;

use crate::azurite::cache;

/// Who issues tokens, when nothing else is said.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// Whom tokens are meant for, when nothing else is said.
pub const AUDIENCE: &str = "aio-internal";
/// Whose tokens they are, when nothing else is said: the user's name at the broker.
pub const SUBJECT: &str = "system:serviceaccount:site:parapet";

/// What a token says.
#[derive(Debug, Clone)]
pub struct Claims<'a> {
    /// Who issued it.
    pub issuer: &'a str,
    /// Whom it is meant for.
    pub audience: &'a str,
    /// Whose it is.
    pub subject: &'a str,
    /// For how many seconds from now it is valid; negative: it has expired.
    pub seconds: i64,
}

impl Default for Claims<'_> {
    fn default() -> Self {
        Self { issuer: ISSUER, audience: AUDIENCE, subject: SUBJECT, seconds: 3600 }
    }
}

/// Issues tokens (ES256) with a key of its own.
#[derive(Debug)]
pub struct TokenIssuer(EcdsaKeyPair);

impl Default for TokenIssuer {
    fn default() -> Self {
        Self::new()
    }
}

impl TokenIssuer {
    /// With a new key.
    ///
    /// # Panics
    /// When the system has no random numbers.
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).and_then(|pkcs8| {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
                .map_err(|_| ring::error::Unspecified)
        });
        Self(made.unwrap_or_else(|e| panic!("no key could be made: {e}")))
    }

    /// The public key in PEM (RFC 5480).
    pub fn public_key(&self) -> String {
        // SubjectPublicKeyInfo of an uncompressed point on P-256; only the point differs.
        let mut der = vec![0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
        der.extend([0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00]);
        der.extend(self.0.public_key().as_ref());
        let text = STANDARD.encode(der);
        let (first, second) = text.split_at(64);
        format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n")
    }

    /// A token.
    ///
    /// # Panics
    /// When the system has no random numbers.
    pub fn token(&self, claims: &Claims<'_>) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        let payload = json!({
            "iss": claims.issuer, "aud": [claims.audience], "sub": claims.subject,
            "iat": now, "nbf": now, "exp": now + claims.seconds, "jti": uuid::Uuid::new_v4(),
        });
        let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "ES256", "typ": "JWT"})), part(&payload));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.unwrap_or_else(|e| panic!("the token can't be signed: {e}"));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Replaces a token as kubelet does: the file is a link, and the link is put in another's place, so that no reader meets half a token.
    ///
    /// # Panics
    /// When the folder can't be written.
    pub fn project(&self, folder: &Path, claims: &Claims<'_>) -> PathBuf {
        let (file, version, next) =
            (folder.join("broker-sat"), folder.join(format!("..{}", uuid::Uuid::new_v4())), folder.join("..next"));
        let written = std::fs::write(&version, self.token(claims))
            .and_then(|()| std::os::unix::fs::symlink(&version, &next))
            .and_then(|()| std::fs::rename(&next, &file));
        written.unwrap_or_else(|e| panic!("the token can't be written below {}: {e}", folder.display()));
        file
    }
}

/// The lines of mosquitto's configuration that make it ask for tokens. The public key of the issuer is `sat.pub` in its folder.
///
/// # Panics
/// When the plugin was not built.
pub fn lines() -> Vec<String> {
    let plugin = cache().join("mosquitto-k8s-sat/k8s_sat.so");
    assert!(plugin.exists(), "mosquitto's plugin is not built: script/bootstrap builds what tests need");
    vec![
        "allow_anonymous false".to_owned(),
        format!("plugin {}", plugin.display()),
        "plugin_opt_key_file {folder}/sat.pub".to_owned(),
        format!("plugin_opt_issuer {ISSUER}"),
        format!("plugin_opt_audience {AUDIENCE}"),
    ]
}
