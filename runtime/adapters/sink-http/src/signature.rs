//! Signatures of requests as <https://www.standardwebhooks.com> (1.0) says: HMAC-SHA256 over `id.timestamp.body`, in base64, so that any
//! of its libraries checks them. The timestamp is signed, so that a receiver can refuse what was recorded and sent again later.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use parapet_contracts::Secret;
use ring::hmac;

/// What such secrets begin with when they are base64.
const PREFIX: &str = "whsec_";

/// Signs requests. The key never shows.
pub(crate) struct Signer(hmac::Key);

impl Signer {
    /// A signer with this secret: `whsec_` and base64, or any other text as it is.
    ///
    /// # Errors
    /// When what stands behind `whsec_` is no base64.
    pub(crate) fn new(secret: &Secret) -> Result<Self, String> {
        let bytes = match secret.expose().trim().strip_prefix(PREFIX) {
            Some(coded) => STANDARD
                .decode(coded)
                .map_err(|_| format!("what stands behind `{PREFIX}` in the secret is no base64"))?,
            None => secret.expose().as_bytes().to_vec(),
        };
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The value of `webhook-signature`; `timestamp` in seconds since 1970.
    pub(crate) fn sign(&self, id: &str, timestamp: u64, body: &str) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn the_signature_is_the_one_that_others_make() {
        let signer = Signer::new(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_of_another_form_is_taken_as_it_is_and_a_broken_one_is_not_shown() {
        let plain = Signer::new(&Secret::new("canary")).unwrap();
        assert_ne!(plain.sign("1", 1, "x"), plain.sign("1", 2, "x"), "the time is signed");
        let error = Signer::new(&Secret::new("whsec_can!ary")).err().unwrap();
        assert!(!error.contains("can!ary"), "{error}");
    }
}
