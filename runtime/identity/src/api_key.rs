//! Keys for machines. The site keeps their hashes alone.
//!
//! A key is 256 bits of chance, so a plain SHA-256 of it tells nobody anything: there is nothing to guess, as there is with
//! passwords. It is looked up by its hash, so how long that takes tells nothing either.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use parapet_contracts::hex;
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

use crate::{Caller, Cameras, Refusal, Role, Via};

/// By which a key is told from a token, and found by those who look for secrets that leaked.
const PREFIX: &str = "parapet_";

/// What a site knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Whose it is.
    pub name: String,
    /// [`hash_of`] the key.
    pub sha256: String,
    /// What it may do.
    pub role: Role,
    /// To which cameras.
    pub cameras: Cameras,
    /// Until when, in seconds since 1970; for ever when absent.
    pub expires: Option<i64>,
}

/// The keys of a site.
#[derive(Debug, Clone, Default)]
pub struct ApiKeys(HashMap<String, ApiKey>);

impl ApiKeys {
    /// Makes them.
    pub fn new(keys: impl IntoIterator<Item = ApiKey>) -> Self {
        Self(keys.into_iter().map(|key| (key.sha256.to_ascii_lowercase(), key)).collect())
    }

    /// Whether what somebody shows is meant to be a key, and not a token.
    pub fn is_key(shown: &str) -> bool {
        shown.starts_with(PREFIX)
    }

    /// Who shows this key, at a time in seconds since 1970.
    ///
    /// # Errors
    /// When nobody has it, or its time is over.
    pub fn who(&self, shown: &str, now: i64) -> Result<Caller, Refusal> {
        let key = self.0.get(&hash_of(shown)).ok_or(Refusal::NoSuchKey)?;
        if key.expires.is_some_and(|expires| expires <= now) {
            return Err(Refusal::KeyExpired);
        }
        Ok(Caller { name: key.name.clone(), role: key.role, cameras: key.cameras.clone(), via: Via::Key })
    }
}

/// Makes a key; `None` when the machine has no chance to give.
pub fn new_key() -> Option<String> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// The SHA-256 of a key, 64 hexadecimal digits: what the site's file has of it.
pub fn hash_of(key: &str) -> String {
    hex(&Sha256::digest(key))
}

/// Whether a text is such a hash.
pub fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_is_known_by_its_hash_until_it_expires() {
        let shown = new_key().unwrap();
        assert!(ApiKeys::is_key(&shown) && shown.len() > 40 && shown != new_key().unwrap());
        let key = ApiKey {
            name: "wall".into(),
            sha256: hash_of(&shown).to_uppercase(),
            role: Role::Viewer,
            cameras: Cameras::All,
            expires: Some(1_000),
        };
        assert!(is_hash(&key.sha256) && !is_hash(&shown) && !is_hash("12"));
        let keys = ApiKeys::new([key]);
        assert_eq!(keys.who(&shown, 999).unwrap().name, "wall");
        assert_eq!(keys.who(&shown, 1_000), Err(Refusal::KeyExpired));
        assert_eq!(keys.who(&format!("{shown}x"), 0), Err(Refusal::NoSuchKey));
        assert_eq!(keys.who(&hash_of(&shown), 0), Err(Refusal::NoSuchKey), "its hash is no key");
    }
}
