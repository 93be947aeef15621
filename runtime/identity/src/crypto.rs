//! Signatures of tokens, checked by ring, as all other cryptography here.

use std::sync::Once;

use jsonwebtoken::DecodingKeyKind;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
};
use ring::signature as checks;
use signature::Verifier;

/// The algorithms that are taken: public keys alone, and no key below 2048 bits (RSA) or 256 (elliptic curves).
pub(crate) const PINNED: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes ring what tokens are checked by, once a process.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Only a second provider could be refused, and there is none.
        let _already = PROVIDER.install_default();
    });
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if !PINNED.contains(algorithm) {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(Check { algorithm: *algorithm, key: key.clone() }))
}

struct Check {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let checked = match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => match rsa(self.algorithm) {
                Some(how) => checks::RsaPublicKeyComponents { n, e }.verify(how, message, signature),
                None => Err(ring::error::Unspecified),
            },
            DecodingKeyKind::SecretOrDer(bytes) => match curve(self.algorithm) {
                Some(how) => checks::UnparsedPublicKey::new(how, bytes).verify(message, signature),
                None => Err(ring::error::Unspecified),
            },
        };
        checked.map_err(|_| signature::Error::new())
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static checks::RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Some(&checks::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&checks::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&checks::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&checks::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&checks::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&checks::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

fn curve(algorithm: Algorithm) -> Option<&'static dyn checks::VerificationAlgorithm> {
    match algorithm {
        Algorithm::ES256 => Some(&checks::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Some(&checks::ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => Some(&checks::ED25519),
        _ => None,
    }
}
