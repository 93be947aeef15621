//! Certificates for a test: an authority of its own, and a server that it vouches for.

use std::{fs, path::Path};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};

/// PEM texts.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The certificate to trust.
    pub ca: String,
    /// The server's certificate, for `localhost` and 127.0.0.1.
    pub server: String,
    /// The server's key, PKCS #8.
    pub key: String,
}

impl Certificates {
    /// New ones.
    ///
    /// # Panics
    /// When none can be made.
    pub fn make() -> Self {
        fn made<T>(result: Result<T, rcgen::Error>) -> T {
            result.unwrap_or_else(|e| panic!("no certificate: {e}"))
        }
        let mut authority = made(CertificateParams::new([]));
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "authority of a test");
        let issuer = made(CertifiedIssuer::self_signed(authority, made(KeyPair::generate())));
        let mut server = made(CertificateParams::new(["localhost".to_owned()]));
        server.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        let key = made(KeyPair::generate());
        let signed = made(server.signed_by(&key, &issuer));
        Self { ca: issuer.pem(), server: signed.pem(), key: key.serialize_pem() }
    }

    /// Writes `ca.pem`, and `server.pem` with key and certificate.
    pub(super) fn write(&self, folder: &Path) {
        for (name, text) in [("ca.pem", self.ca.clone()), ("server.pem", format!("{}{}", self.key, self.server))] {
            fs::write(folder.join(name), text).unwrap_or_else(|e| panic!("{name} can't be written: {e}"));
        }
    }
}
