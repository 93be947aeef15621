//! The bus.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use parapet_contracts::Secret;

/// The bus.
#[derive(Debug, Clone, PartialEq)]
pub enum BusConfig {
    /// A broker inside the process.
    Embedded(EmbeddedConfig),
    /// A broker elsewhere.
    Broker(BrokerConfig),
}

/// A broker inside the process.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddedConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Everybody who reaches an address that is not loopback may come without being a user.
    pub anybody: bool,
    /// TLS for those who come.
    pub tls: Option<ServerTlsConfig>,
    /// Who may come. Empty: everybody who reaches it.
    pub users: Vec<BrokerUser>,
}

/// TLS of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTlsConfig {
    /// The certificate chain, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Clients must show a certificate that descends from these, PEM.
    pub client_ca: Option<PathBuf>,
}

/// A user of the embedded broker.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerUser {
    /// The name.
    pub name: String,
    /// The password's hash: `$7$…`.
    pub password_hash: Secret,
    /// What the user may subscribe to, as topic filters.
    pub subscribe: Vec<String>,
    /// What the user may publish to, as topic filters.
    pub publish: Vec<String>,
}

/// A broker elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerConfig {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS, when the address is `mqtts://`.
    pub tls: Option<TlsConfig>,
    /// User and password.
    pub credentials: Option<(Secret, Secret)>,
    /// The file of a Kubernetes service account token, in their place.
    pub token_file: Option<PathBuf>,
    /// The client's id.
    pub client_id: String,
    /// How long the broker keeps the session without a connection.
    pub session_expiry: Duration,
}

/// TLS of a client.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TlsConfig {
    /// Certificates to trust, PEM; the system's when absent.
    pub ca: Option<PathBuf>,
    /// The client's certificate chain and key, PEM.
    pub client: Option<(PathBuf, PathBuf)>,
}
