//! TLS for the connection: roots, the client's certificate, rustls with ring.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::TlsSettings;

/// Builds the client's TLS configuration from files.
///
/// # Errors
/// A text that names the file and what is wrong with it; it never holds the file's content.
pub(crate) fn client_config(settings: &TlsSettings) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match &settings.ca_file {
        Some(file) => {
            for certificate in certificates(file)? {
                roots
                    .add(certificate)
                    .map_err(|e| format!("{}: not usable as a CA certificate: {e}", file.display()))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err("this system has no CA certificates: install ca-certificates, or name a CA file".to_owned());
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS can't be set up: {e}"))?
        .with_root_certificates(roots);
    let config = match &settings.client {
        Some((chain, key)) => {
            let private = PrivateKeyDer::from_pem_file(key)
                .map_err(|e| format!("{}: no private key in PEM could be read: {e}", key.display()))?;
            builder
                .with_client_auth_cert(certificates(chain)?, private)
                .map_err(|e| format!("{} and {} are no usable pair: {e}", chain.display(), key.display()))?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("{}: no certificate in PEM could be read: {e}", file.display());
    let found: Vec<_> =
        CertificateDer::pem_file_iter(file).map_err(|e| wrong(&e))?.collect::<Result<_, _>>().map_err(|e| wrong(&e))?;
    if found.is_empty() { Err(wrong(&"it holds none")) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_that_is_missing_or_no_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let told = |file: &Path| {
            client_config(&TlsSettings { ca_file: Some(file.to_owned()), client: None }).map(drop).unwrap_err()
        };
        assert!(told(&file).starts_with(&file.display().to_string()), "{}", told(&file));
        std::fs::write(&file, "canary, and no certificate").unwrap();
        let text = told(&file);
        assert!(text.starts_with(&file.display().to_string()) && !text.contains("canary"), "{text}");
    }
}
