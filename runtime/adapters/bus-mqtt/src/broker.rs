//! A broker in the process, for a site on one box: rumqttd, on threads of its own.
//!
//! It promises to be there when [`EmbeddedBroker::start`] returns, or to say why not; to bind to loopback unless told
//! otherwise; and to let nobody in from elsewhere without a user. It keeps retained messages and sessions in memory only.
//!
//! It is good for one box and for a demo. Its limits, which are rumqttd's (`docs/decisions/0003-embedded-broker.md`):
//! - One protocol version a port: MQTT 5 on `listen`, MQTT 3.1.1 on `listen_v4` when that is given.
//! - Wrong credentials close the connection without a reason.
//! - No TLS here and no permissions per topic: whoever may connect may publish anywhere.
//! - A subscriber that lags by more than the log holds (16 MiB a filter) misses messages that were acknowledged.
//! - A new subscriber gets at most 100 retained messages for one filter.
//! - After [`stop`](EmbeddedBroker::stop), one idle thread of rumqttd's remains until the process ends.

use std::{
    collections::HashMap,
    fmt, io,
    net::{SocketAddr, TcpListener, TcpStream},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parapet_contracts::{ErrorKind, Secret, ports::bus::BusError};
use rumqttd::{
    ConnectionSettings, LinkType, Router, RouterConfig, Server, ServerSettings,
    protocol::{Protocol, v4::V4, v5::V5},
};
use tokio::sync::oneshot;

/// How long the listener may take to come up.
const START: Duration = Duration::from_secs(5);
/// How long a client may take to send its CONNECT packet, in milliseconds.
const CONNECT_MS: u16 = 5_000;

/// How to run the broker.
#[derive(Debug, Clone)]
pub struct BrokerSettings {
    /// Where MQTT 5 is spoken. Port 0: any free one. Default: 127.0.0.1:1883.
    pub listen: SocketAddr,
    /// Where MQTT 3.1.1 is spoken, if at all.
    pub listen_v4: Option<SocketAddr>,
    /// Who may connect. Empty: everybody who reaches it.
    pub users: Vec<EmbeddedUser>,
    /// Allow an address that is not loopback without users: for a network that is closed by other means.
    pub anonymous_beyond_loopback: bool,
    /// Clients at a time.
    pub max_connections: usize,
    /// The largest packet in bytes.
    pub max_packet_size: u32,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 1883)),
            listen_v4: None,
            users: Vec::new(),
            anonymous_beyond_loopback: false,
            max_connections: 256,
            max_packet_size: 2 << 20,
        }
    }
}

/// Somebody who may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedUser {
    /// The user's name.
    pub name: String,
    /// The password.
    pub password: Secret,
}

/// A running broker. Dropping it stops it.
pub struct EmbeddedBroker {
    address: SocketAddr,
    address_v4: Option<SocketAddr>,
    listeners: Vec<Listener>,
    router: Box<dyn Fn() -> bool + Send + Sync>,
}

struct Listener {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedBroker").field("address", &self.address).finish_non_exhaustive()
    }
}

impl EmbeddedBroker {
    /// Starts the broker and returns when it accepts connections. Blocks for some milliseconds.
    ///
    /// # Errors
    /// `Fatal` when the address is taken or isn't this machine's, or when it is not loopback and there are no users.
    pub fn start(settings: &BrokerSettings) -> Result<Self, BusError> {
        let addresses = [Some(settings.listen), settings.listen_v4];
        for address in addresses.into_iter().flatten() {
            guard(settings, address)?;
        }
        let address = free(settings.listen)?;
        let address_v4 = settings.listen_v4.map(free).transpose()?;

        let router = Router::new(
            0,
            RouterConfig {
                max_connections: settings.max_connections,
                max_outgoing_packet_count: 200,
                max_segment_size: 2 << 20,
                max_segment_count: 8,
                ..RouterConfig::default()
            },
        );
        let link = router.spawn();
        let watched = link.clone();
        let mut broker =
            Self { address, address_v4, listeners: Vec::new(), router: Box::new(move || !watched.is_disconnected()) };
        broker
            .listeners
            .push(listen(Server::new(server("mqtt5", address, settings), link.clone(), V5), "parapet-mqtt5")?);
        if let Some(v4) = address_v4 {
            broker.listeners.push(listen(Server::new(server("mqtt311", v4, settings), link, V4), "parapet-mqtt311")?);
        }
        for address in [Some(address), address_v4].into_iter().flatten() {
            broker.await_listener(address)?;
        }
        tracing::info!(%address, "bus: the embedded broker listens");
        Ok(broker)
    }

    /// Where it listens for MQTT 5.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for MQTT 3.1.1.
    pub fn address_v4(&self) -> Option<SocketAddr> {
        self.address_v4
    }

    /// False when one of its threads has ended by itself: it must be started again.
    pub fn is_running(&self) -> bool {
        (self.router)() && self.listeners.iter().all(|l| l.thread.as_ref().is_some_and(|t| !t.is_finished()))
    }

    /// Closes its listeners and every connection, and waits for that.
    pub fn stop(mut self) {
        self.halt();
    }

    fn halt(&mut self) {
        for listener in &mut self.listeners {
            if let Some(stop) = listener.stop.take() {
                // An error says that the thread has ended already.
                stop.send(()).unwrap_or_default();
            }
            if let Some(thread) = listener.thread.take()
                && thread.join().is_err()
            {
                tracing::error!(address = %self.address, "bus: a thread of the embedded broker had panicked");
            }
        }
    }

    fn await_listener(&self, address: SocketAddr) -> Result<(), BusError> {
        let deadline = Instant::now() + START;
        let reachable = reachable(address);
        loop {
            match TcpStream::connect_timeout(&reachable, Duration::from_millis(200)) {
                Ok(_) if self.is_running() => return Ok(()),
                Err(e) if self.is_running() && Instant::now() < deadline => {
                    tracing::debug!(%address, error = %e, "bus: the embedded broker is not up yet");
                    std::thread::sleep(Duration::from_millis(2));
                }
                Ok(_) | Err(_) => return Err(fatal(format!("the embedded broker did not come up at {address}"))),
            }
        }
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.halt();
    }
}

fn fatal(text: String) -> BusError {
    BusError { kind: ErrorKind::Fatal, code: "refused", text }
}

/// Nobody from elsewhere gets in without a user.
fn guard(settings: &BrokerSettings, address: SocketAddr) -> Result<(), BusError> {
    if address.ip().is_loopback() || !settings.users.is_empty() || settings.anonymous_beyond_loopback {
        return Ok(());
    }
    Err(fatal(format!(
        "the embedded broker would let everybody in at {address}: give it users, or bind it to 127.0.0.1, or allow anonymous clients explicitly"
    )))
}

/// Finds out whether an address can be bound before rumqttd tries, which would only log it; and chooses the port for port 0.
/// Another process may still take the port in between: then the broker does not come up, and that is told.
fn free(address: SocketAddr) -> Result<SocketAddr, BusError> {
    let bound = TcpListener::bind(address).and_then(|listener| listener.local_addr());
    bound.map_err(|e| {
        fatal(match e.kind() {
            io::ErrorKind::AddrInUse => format!(
                "the embedded broker can't listen at {address}: the port is in use. Stop what listens there (`ss -ltnp 'sport = :{}'` shows it), choose another port, or use that broker by its address",
                address.port()
            ),
            io::ErrorKind::PermissionDenied => {
                format!("the embedded broker may not listen at {address}: ports below 1024 need privileges; choose another")
            }
            io::ErrorKind::AddrNotAvailable => {
                format!("the embedded broker can't listen at {address}: this machine doesn't have that address")
            }
            _ => format!("the embedded broker can't listen at {address}: {e}"),
        })
    })
}

/// The address to reach a listener at that may be bound to all addresses.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback: std::net::IpAddr =
            if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    address
}

fn server(name: &str, listen: SocketAddr, settings: &BrokerSettings) -> ServerSettings {
    let users: HashMap<String, String> =
        settings.users.iter().map(|u| (u.name.clone(), u.password.expose().to_owned())).collect();
    ServerSettings {
        name: name.to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections: ConnectionSettings {
            connection_timeout_ms: CONNECT_MS,
            max_payload_size: settings.max_packet_size as usize,
            max_inflight_count: 500,
            auth: (!users.is_empty()).then_some(users),
            external_auth: None,
            dynamic_filters: true,
        },
    }
}

fn listen<P: Protocol + Clone + Send + 'static>(mut server: Server<P>, name: &str) -> Result<Listener, BusError> {
    let (stop, stopped) = oneshot::channel::<()>();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| fatal(format!("the embedded broker has no runtime: {e}")))?;
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    ended = server.start(LinkType::Remote) => if let Err(error) = ended {
                        tracing::error!(%error, "bus: the embedded broker ended");
                    },
                    _ = stopped => {}
                }
            });
            // Ends every connection's task, and closes its socket.
            runtime.shutdown_timeout(Duration::from_secs(2));
        })
        .map_err(|e| fatal(format!("the embedded broker has no thread: {e}")))?;
    Ok(Listener { stop: Some(stop), thread: Some(thread) })
}
