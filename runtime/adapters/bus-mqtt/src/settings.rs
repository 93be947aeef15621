//! What a connection to a broker needs to know.

use std::{fmt, path::PathBuf, time::Duration};

use parapet_contracts::{camera::Credentials, ports::bus::BusMessage};

/// A broker, and how to be its client.
#[derive(Debug, Clone)]
pub struct BusSettings {
    /// Host name or address of the broker.
    pub host: String,
    /// Its port: 1883 by convention, 8883 with TLS.
    pub port: u16,
    /// With TLS, and how. `None`: in plain text.
    pub tls: Option<TlsSettings>,
    /// User and password.
    pub credentials: Option<Credentials>,
    /// The file of a Kubernetes service account token, in the place of user and password: the method `K8S-SAT`.
    pub token_file: Option<PathBuf>,
    /// The client's id. Two clients with one id throw each other out.
    pub client_id: String,
    /// How long the broker shall keep the session after a connection is lost: what is published for this client's subscriptions meanwhile
    /// comes when it is back. Zero: not at all. A session does not outlive the bus.
    pub session_expiry: Duration,
    /// A ping after this much silence; 5 s at least. A broker that does not answer is given up after twice as long.
    pub keep_alive: Duration,
    /// How long a connection may take until the broker has accepted it.
    pub connect_timeout: Duration,
    /// A connection on which an acknowledgement takes longer than this is given up.
    pub ack_timeout: Duration,
    /// What the broker publishes, with QoS 1, when this client vanishes without a word.
    pub last_will: Option<BusMessage>,
    /// What is published first, with QoS 1, on each connection.
    pub birth: Option<BusMessage>,
    /// The largest packet in bytes, both ways. A broker may ask for less.
    pub max_packet_size: u32,
    /// The most publishes that wait for their acknowledgement at a time. A broker may ask for less.
    pub in_flight: u16,
    /// How long to wait before connecting again.
    pub backoff: Backoff,
}

impl BusSettings {
    /// A connection in plain text with the defaults: keep-alive 20 s, connect timeout 10 s, acknowledgement timeout 30 s,
    /// packets of 1 MiB, 100 in flight, no session, backoff from 0.25 s to 10 s.
    pub fn new(host: impl Into<String>, port: u16, client_id: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            tls: None,
            credentials: None,
            token_file: None,
            client_id: client_id.into(),
            session_expiry: Duration::ZERO,
            keep_alive: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(10),
            ack_timeout: Duration::from_secs(30),
            last_will: None,
            birth: None,
            max_packet_size: 1 << 20,
            in_flight: 100,
            backoff: Backoff::default(),
        }
    }

    /// `host:port`, for people.
    pub fn address(&self) -> Address<'_> {
        Address(self)
    }
}

/// Shows where a broker is, without user or password.
pub struct Address<'a>(&'a BusSettings);

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(s) = self;
        let scheme = if s.tls.is_some() { "mqtts" } else { "mqtt" };
        if s.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", s.host, s.port)
        } else {
            write!(f, "{scheme}://{}:{}", s.host, s.port)
        }
    }
}

/// TLS 1.2 or 1.3. Files are read at each connection, so a renewed certificate needs no restart.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Certificates (PEM) that the broker's must descend from. `None`: those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate chain (PEM) and its key (PEM), for a broker that asks for one.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Waits that double from `first` to `longest`. Half of each is random, so that many sites do not come back at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// No wait is longer.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(250), longest: Duration::from_secs(10) }
    }
}

impl Backoff {
    /// The wait after `failures` failures in a row (from 1), for a `random` number from 0 to 1.
    pub fn delay(&self, failures: u32, random: f64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(31)));
        doubled.min(self.longest).mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_half_of_each_is_random() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(8) };
        let seconds: Vec<f64> = (1..=6).map(|n| backoff.delay(n, 1.0).as_secs_f64()).collect();
        assert_eq!(seconds, [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]);
        assert_eq!(backoff.delay(3, 0.0), Duration::from_secs(2));
        assert_eq!(backoff.delay(u32::MAX, 1.0), Duration::from_secs(8));
    }

    #[test]
    fn neither_debug_nor_the_address_shows_a_password() {
        let mut settings = BusSettings::new("::1", 1883, "site");
        settings.credentials = Some(Credentials {
            username: parapet_contracts::Secret::new("canary"),
            password: parapet_contracts::Secret::new("canary"),
        });
        assert!(!format!("{settings:?} {}", settings.address()).contains("canary"));
        assert_eq!(settings.address().to_string(), "mqtt://[::1]:1883");
    }
}
