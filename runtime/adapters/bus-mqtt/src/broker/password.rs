//! Passwords of users, hashed as mosquitto 2 has them in its password files: `$7$ITERATIONS$SALT$HASH`, PBKDF2 with HMAC-SHA-512.

use std::{fmt, num::NonZeroU32};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    pbkdf2::{PBKDF2_HMAC_SHA512, derive, verify},
    rand::{SecureRandom, SystemRandom},
};

/// How often a password that is hashed here is mixed (OWASP's advice for SHA-512 is 210,000).
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(209_999);
/// More than this is a mistake, or somebody who wants to keep a processor busy.
const MOST: u32 = 10_000_000;
const SALT: usize = 16;
const HASH: usize = 64;

/// A password that can be recognised, and not be read.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// This is no hash of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no hash of a password: make one with `parapet hash-password` or `mosquitto_passwd`; it begins with `$7$`"
)]
pub struct NoHash;

impl PasswordHash {
    /// Hashes a password, with a salt of its own. Takes about a tenth of a second.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn of(password: &str) -> Result<Self, &'static str> {
        let mut salt = vec![0; SALT];
        SystemRandom::new().fill(&mut salt).map_err(|_| "the system has no random numbers")?;
        let mut hash = vec![0; HASH];
        derive(PBKDF2_HMAC_SHA512, ITERATIONS, &salt, password.as_bytes(), &mut hash);
        Ok(Self { iterations: ITERATIONS, salt, hash })
    }

    /// Reads `$7$ITERATIONS$SALT$HASH`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> Result<Self, NoHash> {
        let ["", "7", iterations, salt, hash] = text.split('$').collect::<Vec<_>>()[..] else { return Err(NoHash) };
        let iterations = iterations.parse().ok().filter(|n| *n <= MOST).and_then(NonZeroU32::new).ok_or(NoHash)?;
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| NoHash);
        let (salt, hash) = (bytes(salt)?, bytes(hash)?);
        if salt.is_empty() || hash.len() != HASH {
            return Err(NoHash);
        }
        Ok(Self { iterations, salt, hash })
    }

    /// True for the password that was hashed. The time taken does not tell how wrong another one is.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        verify(PBKDF2_HMAC_SHA512, self.iterations, &self.salt, password, &self.hash).is_ok()
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$7${}${}${}", self.iterations, STANDARD.encode(&self.salt), STANDARD.encode(&self.hash))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({} iterations)", self.iterations)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hash = PasswordHash::of("s3cret").unwrap();
        let read = PasswordHash::parse(&hash.to_string()).unwrap();
        assert_eq!(read, hash);
        assert!(read.is_of(b"s3cret") && !read.is_of(b"s3cre") && !read.is_of(b""));
        assert_ne!(PasswordHash::of("s3cret").unwrap().to_string(), hash.to_string(), "each has a salt of its own");
        assert!(!format!("{hash:?}").contains(&STANDARD.encode(&hash.hash)));
    }

    #[test]
    fn what_mosquitto_has_hashed_is_known() {
        let line = parapet_testkit::mosquitto::password_file("site", "s3cret");
        let hash = PasswordHash::parse(line.trim().strip_prefix("site:").unwrap()).unwrap();
        assert!(hash.is_of(b"s3cret") && !hash.is_of(b"S3cret"));
    }

    #[test]
    fn other_texts_are_no_hashes() {
        for text in
            ["", "s3cret", "$6$a$b", "$7$0$YWJj$YWJj", "$7$x$YWJj$YWJj", "$7$101$YWJj$YWJj", "$7$99999999$YWJj$YWJj"]
        {
            assert_eq!(PasswordHash::parse(text), Err(NoHash), "{text}");
        }
    }
}
