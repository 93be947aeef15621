//! Certificates for tests: an authority, and what it issues. Keys are P-256; nothing here is a secret.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};

/// A certificate and its key, in PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its private key (PKCS #8).
    pub key: String,
}

/// An authority that issues certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// When the system has no random numbers.
    pub fn new(name: &str) -> Self {
        let mut params = params(&[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(fine(CertifiedIssuer::self_signed(params, fine(KeyPair::generate()))))
    }

    /// Its own certificate, in PEM.
    pub fn certificate(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server that is reached by these names or addresses.
    ///
    /// # Panics
    /// When one of them can be no name.
    pub fn server(&self, names: &[&str]) -> Issued {
        self.issue(names, names.first().copied().unwrap_or("server"), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client of this name (the CN).
    ///
    /// # Panics
    /// When it can be no name.
    pub fn client(&self, name: &str) -> Issued {
        self.issue(&[name], name, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, names: &[&str], common: &str, usage: ExtendedKeyUsagePurpose) -> Issued {
        let mut params = params(names);
        params.distinguished_name.push(DnType::CommonName, common);
        params.extended_key_usages = vec![usage];
        let key = fine(KeyPair::generate());
        Issued { certificate: fine(params.signed_by(&key, &self.0)).pem(), key: key.serialize_pem() }
    }
}

fn params(names: &[&str]) -> CertificateParams {
    fine(CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()))
}

fn fine<T>(made: Result<T, rcgen::Error>) -> T {
    made.unwrap_or_else(|e| panic!("no certificate could be made: {e}"))
}
