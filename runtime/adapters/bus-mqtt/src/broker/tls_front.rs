//! TLS before the broker: what comes in is decrypted and goes on to a listener of the broker's that only this machine reaches.
//!
//! rmqtt's own TLS would bring a second library of cryptography; this is rustls with ring, as everywhere here. It promises: a client that is
//! slow to shake hands, or never does, keeps nobody else waiting; there are at most so many connections.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// A pause after a connection could not be taken: the process may have too many files open.
const BREATH: Duration = Duration::from_millis(100);

/// TLS of the embedded broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// The certificate chain, PEM.
    pub cert_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
    /// Clients must show a certificate that descends from these, PEM.
    pub client_ca_file: Option<PathBuf>,
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// A text that names the file and what is wrong with it; it never holds the file's content.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, String> {
        let chain = certificates(&self.cert_file)?;
        let key = PrivateKeyDer::from_pem_file(&self.key_file)
            .map_err(|e| format!("{}: no private key in PEM could be read: {e}", self.key_file.display()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = match &self.client_ca_file {
            None => WebPkiClientVerifier::no_client_auth(),
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(file)? {
                    roots
                        .add(certificate)
                        .map_err(|e| format!("{}: not usable as a CA certificate: {e}", file.display()))?;
                }
                WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
                    .build()
                    .map_err(|e| format!("{}: not usable as CA certificates: {e}", file.display()))?
            }
        };
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| format!("TLS can't be set up: {e}"))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|e| {
                format!("{} and {} are no usable pair: {e}", self.cert_file.display(), self.key_file.display())
            })?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn certificates(file: &PathBuf) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("{}: no certificate in PEM could be read: {e}", file.display());
    let found: Vec<_> =
        CertificateDer::pem_file_iter(file).map_err(|e| wrong(&e))?.collect::<Result<_, _>>().map_err(|e| wrong(&e))?;
    if found.is_empty() { Err(wrong(&"it holds none")) } else { Ok(found) }
}

/// Takes connections for ever, and leads each to `broker`.
pub(super) async fn serve(listener: TcpListener, acceptor: TlsAcceptor, broker: SocketAddr, most: usize) {
    let room = Arc::new(Semaphore::new(most));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => {
                tracing::warn!(%error, "bus: the embedded broker could not take a connection");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = lead(client, &acceptor, broker).await {
                tracing::debug!(%error, "bus: a connection to the embedded broker ended");
            }
            drop(permit);
        });
    }
}

async fn lead(client: TcpStream, acceptor: &TlsAcceptor, broker: SocketAddr) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut client = timeout(HANDSHAKE, acceptor.accept(client)).await??;
    let mut broker = TcpStream::connect(broker).await?;
    broker.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut broker).await.map(drop)
}
