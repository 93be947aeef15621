//! Forged, stale and foreign tokens, one test each.
#![allow(clippy::unwrap_used)]

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::json;

use super::*;
use crate::{KeySource, PublishedKeys};

const ISSUER: &str = "https://login.example.org/realms/plant";

/// A provider with one key.
struct Provider {
    pair: EcdsaKeyPair,
}

struct Fixed(String);

#[async_trait]
impl KeySource for Fixed {
    async fn fetch(&self) -> Result<PublishedKeys, String> {
        PublishedKeys::read(&self.0)
    }
}

impl Provider {
    fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self { pair: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap() }
    }

    fn keys(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "x": BASE64.encode(x), "y": BASE64.encode(y)}]})
    }

    fn verifier(&self) -> Verifier {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let settings = OidcSettings {
            issuer: ISSUER.into(),
            audience: "parapet".into(),
            roles_claim: ClaimPath::new("realm_access.roles"),
            roles: BTreeMap::from([(Role::Viewer, names(&["guard"])), (Role::Admin, names(&["chief"]))]),
            cameras_claim: Some(ClaimPath::new("cameras")),
        };
        Verifier::new(settings, KeyRing::new(Arc::new(Fixed(self.keys().to_string())), |_| {}))
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64.encode(signature))
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

fn header() -> Value {
    json!({"alg": "ES256", "typ": "JWT", "kid": "k1"})
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": ["parapet", "account"], "sub": "7", "exp": now() + 300, "preferred_username": "ann",
        "realm_access": {"roles": ["guard", "offline_access"]}, "cameras": ["gate"],
    })
}

fn with(mut value: Value, key: &str, new: Value) -> Value {
    value[key] = new;
    value
}

fn without(mut value: Value, key: &str) -> Value {
    value.as_object_mut().unwrap().remove(key);
    value
}

async fn seen(header: Value, claims: Value) -> Result<Caller, Refusal> {
    let provider = Provider::new();
    provider.verifier().verify(&provider.sign(&header, &claims)).await
}

#[tokio::test]
async fn a_good_token_says_who_with_which_role_for_which_cameras() {
    let caller = seen(header(), claims()).await.unwrap();
    assert_eq!((caller.name.as_str(), caller.role, caller.via), ("ann", Role::Viewer, Via::Token));
    assert_eq!(caller.cameras, Cameras::Only(BTreeSet::from(["gate".into()])));
    let chief = with(claims(), "realm_access", json!({"roles": ["guard", "chief"]}));
    let caller = seen(header(), chief).await.unwrap();
    assert_eq!((caller.role, caller.cameras), (Role::Admin, Cameras::All), "the highest role counts");
    let nowhere = seen(header(), without(claims(), "cameras")).await.unwrap();
    assert_eq!(nowhere.cameras, Cameras::Only(BTreeSet::new()), "a claim that is not there names no camera");
    seen(with(header(), "typ", json!("at+jwt")), claims()).await.unwrap();
}

#[tokio::test]
async fn an_unsigned_token_is_refused() {
    let provider = Provider::new();
    for algorithm in ["none", "None", "nOnE"] {
        let header = BASE64.encode(json!({"alg": algorithm}).to_string());
        let token = format!("{header}.{}.", BASE64.encode(claims().to_string()));
        let refused = provider.verifier().verify(&token).await.unwrap_err();
        assert!(matches!(refused, Refusal::Algorithm | Refusal::Malformed), "{algorithm}: {refused:?}");
    }
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    // RS256 → HS256 and ES256 → HS256: what everybody can read must not be what signs.
    let provider = Provider::new();
    let public = [provider.keys().to_string().into_bytes(), provider.pair.public_key().as_ref().to_vec()];
    for secret in public {
        let head = BASE64.encode(json!({"alg": "HS256", "kid": "k1"}).to_string());
        let message = format!("{head}.{}", BASE64.encode(claims().to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        let token = format!("{message}.{}", BASE64.encode(tag));
        assert_eq!(provider.verifier().verify(&token).await, Err(Refusal::Algorithm));
    }
}

#[tokio::test]
async fn a_token_never_brings_its_own_key() {
    let provider = Provider::new();
    let attacker = Provider::new();
    let jwk = attacker.keys()["keys"][0].clone();
    for (name, value) in [
        ("jku", json!("https://evil.example.org/keys")),
        ("x5u", json!("https://evil.example.org/cert")),
        ("jwk", jwk),
        ("crit", json!(["b64"])),
    ] {
        let token = attacker.sign(&with(header(), name, value), &claims());
        let refused = provider.verifier().verify(&token).await.unwrap_err();
        assert!(matches!(refused, Refusal::OwnKey | Refusal::Malformed), "{name}: {refused:?}");
    }
    let token = attacker.sign(&header(), &claims());
    assert_eq!(provider.verifier().verify(&token).await, Err(Refusal::Signature));
    let token = attacker.sign(&with(header(), "kid", json!("../../dev/null")), &claims());
    assert_eq!(provider.verifier().verify(&token).await, Err(Refusal::UnknownKey));
}

#[tokio::test]
async fn another_algorithm_than_the_keys_is_refused() {
    // Signed by an Ed25519 key, and said to be by the key of the curve P-256.
    let provider = Provider::new();
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let head = BASE64.encode(json!({"alg": "EdDSA", "kid": "k1"}).to_string());
    let message = format!("{head}.{}", BASE64.encode(claims().to_string()));
    let token = format!("{message}.{}", BASE64.encode(pair.sign(message.as_bytes())));
    assert_eq!(provider.verifier().verify(&token).await, Err(Refusal::UnknownKey));
}

#[tokio::test]
async fn claims_that_were_changed_are_refused() {
    let provider = Provider::new();
    let token = provider.sign(&header(), &claims());
    let mut parts = token.split('.');
    let (head, _, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let more = with(claims(), "realm_access", json!({"roles": ["chief"]}));
    let forged = format!("{head}.{}.{signature}", BASE64.encode(more.to_string()));
    assert_eq!(provider.verifier().verify(&forged).await, Err(Refusal::Signature));
}

#[tokio::test]
async fn other_issuers_and_audiences_are_refused() {
    for issuer in ["https://login.example.org/realms/other", "https://login.example.org/realms/plant/", ""] {
        assert_eq!(seen(header(), with(claims(), "iss", json!(issuer))).await, Err(Refusal::Issuer), "{issuer}");
    }
    for audience in [json!("account"), json!(["a", "b"]), json!("Parapet")] {
        assert_eq!(seen(header(), with(claims(), "aud", audience)).await, Err(Refusal::Audience));
    }
    seen(header(), with(claims(), "aud", json!("parapet"))).await.unwrap();
}

#[tokio::test]
async fn a_token_has_its_time_give_or_take_a_minute() {
    assert_eq!(seen(header(), with(claims(), "exp", json!(now() - 120))).await, Err(Refusal::Expired));
    seen(header(), with(claims(), "exp", json!(now() - 30))).await.unwrap();
    assert_eq!(seen(header(), with(claims(), "nbf", json!(now() + 120))).await, Err(Refusal::NotYet));
    seen(header(), with(claims(), "nbf", json!(now() + 30))).await.unwrap();
    for odd in [json!("later"), json!(null), json!({})] {
        let refused = seen(header(), with(claims(), "exp", odd.clone())).await.unwrap_err();
        assert!(matches!(refused, Refusal::MissingClaim | Refusal::Malformed | Refusal::Expired), "{odd}: {refused:?}");
        assert!(seen(header(), with(claims(), "nbf", odd.clone())).await.is_err() || odd.is_null(), "{odd}");
    }
}

#[tokio::test]
async fn claims_that_must_be_there_must_be_there() {
    for claim in ["exp", "iss", "aud", "sub"] {
        let refused = seen(header(), without(claims(), claim)).await.unwrap_err();
        assert!(matches!(refused, Refusal::MissingClaim | Refusal::Malformed), "{claim}: {refused:?}");
    }
}

#[tokio::test]
async fn who_has_no_role_here_is_known_and_not_let_in() {
    for roles in [json!({"roles": ["offline_access"]}), json!({}), json!("guard")] {
        assert_eq!(seen(header(), with(claims(), "realm_access", roles)).await, Err(Refusal::NoRole));
    }
}

#[tokio::test]
async fn what_is_no_token_is_said_to_be_none() {
    let provider = Provider::new();
    let long = format!("a.{}.b", "x".repeat(LONGEST));
    for odd in ["", ".", "..", "a.b.c", "a.b.c.d", "Bearer x", "\u{0}", "💥.💥.💥", long.as_str()] {
        let refused = provider.verifier().verify(odd).await.unwrap_err();
        assert_eq!(refused, Refusal::Malformed, "{:?}", &odd[..odd.len().min(20)]);
        assert!(!refused.to_string().contains("💥"));
    }
}
