//! The keys that a provider publishes (JWK Set, RFC 7517).

use std::str::FromStr;

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde_json::Value;

use crate::crypto::PINNED;

/// Keys by which signatures of tokens can be checked.
#[derive(Clone, Default)]
pub struct PublishedKeys(Vec<Published>);

#[derive(Clone)]
struct Published {
    id: Option<String>,
    /// What the key may be used with.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl std::fmt::Debug for PublishedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| (&key.id, &key.algorithms))).finish()
    }
}

impl PublishedKeys {
    /// Reads a set. Keys that are not for signatures (`use: enc`), that are secrets, or of a kind that is not known are passed over.
    ///
    /// # Errors
    /// When it is no set of keys.
    pub fn read(text: &str) -> Result<Self, String> {
        let set: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let Some(keys) = set.get("keys").and_then(Value::as_array) else {
            return Err("no set of keys: it has no list `keys`".into());
        };
        Ok(Self(keys.iter().filter_map(published).collect()))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key with this id that may be used with an algorithm. A token without an id fits where there is one such key alone.
    pub(crate) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let mut fitting = self.0.iter().filter(|key| key.algorithms.contains(&algorithm));
        let found = match id {
            Some(id) => fitting.find(|key| key.id.as_deref() == Some(id)),
            None => {
                let only = fitting.next();
                only.filter(|_| fitting.next().is_none())
            }
        };
        found.map(|key| key.key.clone())
    }
}

fn published(key: &Value) -> Option<Published> {
    let key: Jwk = serde_json::from_value(key.clone()).ok()?;
    if key.common.public_key_use.as_ref().is_some_and(|used| *used != PublicKeyUse::Signature) {
        return None;
    }
    let mut algorithms = of_kind(&key.algorithm);
    if let Some(named) = key.common.key_algorithm {
        let named = Algorithm::from_str(&named.to_string()).ok()?;
        algorithms.retain(|algorithm| *algorithm == named);
    }
    algorithms.retain(|algorithm| PINNED.contains(algorithm));
    if algorithms.is_empty() {
        return None;
    }
    Some(Published { id: key.common.key_id.clone(), algorithms, key: DecodingKey::from_jwk(&key).ok()? })
}

fn of_kind(parameters: &AlgorithmParameters) -> Vec<Algorithm> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    match parameters {
        AlgorithmParameters::RSA(_) => vec![RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => vec![ES256],
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P384 => vec![ES384],
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => vec![EdDSA],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn keys(keys: &Value) -> PublishedKeys {
        PublishedKeys::read(&json!({ "keys": keys }).to_string()).unwrap()
    }

    #[test]
    fn keys_that_are_not_for_signatures_are_passed_over() {
        let found = keys(&json!([
            {"kty": "EC", "crv": "P-256", "kid": "good", "x": X, "y": Y},
            {"kty": "EC", "crv": "P-256", "kid": "enc", "use": "enc", "x": X, "y": Y},
            {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
            {"kty": "EC", "crv": "P-521", "kid": "long", "x": X, "y": Y},
            {"kty": "AKP", "kid": "later", "alg": "ML-DSA-44"},
            "nonsense",
        ]));
        assert_eq!(found.len(), 1);
        assert!(found.find(Some("good"), Algorithm::ES256).is_some());
        assert!(found.find(Some("good"), Algorithm::RS256).is_none(), "a key has its algorithm");
        assert!(found.find(Some("good"), Algorithm::HS256).is_none());
        assert!(found.find(Some("other"), Algorithm::ES256).is_none());
    }

    #[test]
    fn a_token_without_an_id_fits_where_there_is_one_key_alone() {
        let key = |id: &str| json!({"kty": "EC", "crv": "P-256", "kid": id, "x": X, "y": Y});
        assert!(keys(&json!([key("a")])).find(None, Algorithm::ES256).is_some());
        assert!(keys(&json!([key("a"), key("b")])).find(None, Algorithm::ES256).is_none());
    }

    #[test]
    fn what_is_no_set_is_told() {
        assert!(PublishedKeys::read("<html>").unwrap_err().contains("JSON"));
        assert!(PublishedKeys::read("{}").unwrap_err().contains("keys"));
    }
}
