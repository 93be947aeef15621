//! A broker in the process, for a site on one box: rmqtt, on threads of its own.
//!
//! It promises to be there when [`EmbeddedBroker::start`] returns, or to say why not; to bind to loopback unless told
//! otherwise; to let nobody in from elsewhere without a user; and to leave nothing behind when it stops. MQTT 5, 3.1.1 and
//! 3.1 share one port. Why rmqtt: `docs/decisions/0003-embedded-broker.md`.
//!
//! Its limits:
//! - Retained messages, sessions and queues live in memory only.
//! - A subscriber that lags by more than 10,000 messages misses some, also with QoS 1.
//! - No TLS here, and every user may read everything. A site that others reach over a network wants a broker of its own.

use std::{fmt, io, net::SocketAddr, num::NonZeroU16, sync::mpsc, thread::JoinHandle, time::Duration};

use async_trait::async_trait;
use parapet_contracts::{ErrorKind, ports::bus::BusError};
use rmqtt::{
    context::ServerContext,
    hook::Type,
    net::{Builder, Listener},
    retain::{DefaultRetainStorage, RetainStorage},
    server::MqttServer,
    types::{Retain, TopicFilter, TopicName},
};
use tokio::sync::oneshot;

mod access;

pub use access::EmbeddedUser;
use access::Users;

/// Messages that wait for one subscriber at most.
const LAG: usize = 10_000;
/// Messages of one client that wait for their acknowledgement, in each direction.
const IN_FLIGHT: NonZeroU16 = NonZeroU16::MIN.saturating_add(255);
/// How long a client may take to send its CONNECT packet.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long connections may take to end.
const STOP: Duration = Duration::from_secs(2);

/// How to run the broker.
#[derive(Debug, Clone)]
pub struct BrokerSettings {
    /// Where it listens. Port 0: any free one. Default: 127.0.0.1:1883.
    pub listen: SocketAddr,
    /// Who may connect. Empty: everybody who reaches it.
    pub users: Vec<EmbeddedUser>,
    /// Allow an address that is not loopback without users: for a network that is closed by other means.
    pub anonymous_beyond_loopback: bool,
    /// Sessions at a time.
    pub max_connections: usize,
    /// The largest packet in bytes; clients are told.
    pub max_packet_size: u32,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 1883)),
            users: Vec::new(),
            anonymous_beyond_loopback: false,
            max_connections: 256,
            max_packet_size: 2 << 20,
        }
    }
}

/// A running broker. Dropping it stops it.
pub struct EmbeddedBroker {
    address: SocketAddr,
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
        guard(settings)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("parapet-broker")
            .enable_all()
            .build()
            .map_err(|e| fatal(format!("the embedded broker has no runtime: {e}")))?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::sync_channel(1);
        let settings = settings.clone();
        let thread = std::thread::Builder::new()
            .name("parapet-broker".to_owned())
            .spawn(move || {
                runtime.block_on(run(&settings, &tell, stopped));
                // Ends every connection's task, and with it its socket.
                runtime.shutdown_timeout(STOP);
            })
            .map_err(|e| fatal(format!("the embedded broker has no thread: {e}")))?;
        match told.recv() {
            Ok(Ok(address)) => {
                tracing::info!(%address, "bus: the embedded broker listens");
                Ok(Self { address, stop: Some(stop), thread: Some(thread) })
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(fatal("the embedded broker ended while it started".to_owned())),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// False when it has ended by itself: it must be started again.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Closes its listener and every connection, and waits for that.
    pub fn stop(mut self) {
        self.halt();
    }

    fn halt(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error says that the thread has ended already.
            stop.send(()).unwrap_or_default();
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(address = %self.address, "bus: the embedded broker had panicked");
        }
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.halt();
    }
}

/// Runs the broker until it is told to stop. Tells the address once it is bound: connections wait in the kernel from then on.
async fn run(
    settings: &BrokerSettings,
    tell: &mpsc::SyncSender<Result<SocketAddr, BusError>>,
    stopped: oneshot::Receiver<()>,
) {
    let (server, address) = match prepare(settings).await {
        Ok(prepared) => prepared,
        Err(error) => {
            // Nobody listens only when the one who starts it is gone.
            tell.send(Err(error)).unwrap_or_default();
            return;
        }
    };
    if tell.send(Ok(address)).is_err() {
        return;
    }
    tokio::select! {
        ended = server.run() => tracing::error!(%address, ?ended, "bus: the embedded broker ended by itself"),
        _ = stopped => {}
    }
}

async fn prepare(settings: &BrokerSettings) -> Result<(MqttServer, SocketAddr), BusError> {
    // A busy machine is the normal case at a site: no client is turned away for the load.
    let context = ServerContext::new()
        .busy_check_enable(false)
        .mqtt_max_sessions(isize::try_from(settings.max_connections).unwrap_or(isize::MAX))
        .build()
        .await;
    *context.extends.retain_mut().await = Box::new(Retained(DefaultRetainStorage::new()));
    if !settings.users.is_empty() {
        let hooks = context.extends.hook_mgr().register();
        for kind in [Type::ClientAuthenticate, Type::MessagePublishCheckAcl] {
            hooks.add(kind, Box::new(Users::new(&settings.users))).await;
        }
        hooks.start().await;
    }
    let (listener, address) = bind(settings).map_err(|e| fatal(why_not_bound(settings.listen, &e)))?;
    Ok((MqttServer::new(context).listener_by_id(listener, 1).build(), address))
}

fn bind(settings: &BrokerSettings) -> rmqtt::Result<(Listener, SocketAddr)> {
    let listener = Builder::new()
        .name("embedded")
        .laddr(settings.listen)
        // So that it can start again at once; it does not allow two listeners on one port.
        .reuseaddr(Some(true))
        .nodelay(true)
        .allow_anonymous(settings.users.is_empty())
        .max_packet_size(settings.max_packet_size)
        .max_inflight(IN_FLIGHT)
        .max_mqueue_len(LAG)
        .handshake_timeout(HANDSHAKE)
        // Zero: what is retained stays until it is replaced.
        .message_expiry_interval(Duration::ZERO)
        .bind()?
        .tcp()?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn fatal(text: String) -> BusError {
    BusError { kind: ErrorKind::Fatal, code: "refused", text }
}

/// Nobody from elsewhere gets in without a user.
fn guard(settings: &BrokerSettings) -> Result<(), BusError> {
    let address = settings.listen;
    if address.ip().is_loopback() || !settings.users.is_empty() || settings.anonymous_beyond_loopback {
        return Ok(());
    }
    Err(fatal(format!(
        "the embedded broker would let everybody in at {address}: give it users, or bind it to 127.0.0.1, or allow anonymous clients explicitly"
    )))
}

fn why_not_bound(address: SocketAddr, error: &rmqtt::Error) -> String {
    let what = match error.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::AddrInUse) => format!(
            "the port is in use. Stop what listens there (`ss -ltnp 'sport = :{}'` shows it), choose another port, or use that broker by its address",
            address.port()
        ),
        Some(io::ErrorKind::PermissionDenied) => "ports below 1024 need privileges; choose another port".to_owned(),
        Some(io::ErrorKind::AddrNotAvailable) => "this machine doesn't have that address".to_owned(),
        _ => error.to_string(),
    };
    format!("the embedded broker can't listen at {address}: {what}")
}

/// Retained messages in memory: rmqtt has the tree, but leaves using it to a plugin.
struct Retained(DefaultRetainStorage);

#[async_trait]
impl RetainStorage for Retained {
    fn enable(&self) -> bool {
        true
    }

    async fn set(&self, topic: &TopicName, retain: Retain, expiry: Option<Duration>) -> rmqtt::Result<()> {
        self.0.set_with_timeout(topic, retain, expiry.filter(|expiry| !expiry.is_zero())).await
    }

    async fn get(&self, filter: &TopicFilter) -> rmqtt::Result<Vec<(TopicName, Retain)>> {
        self.0.get_message(filter).await
    }

    async fn count(&self) -> isize {
        self.0.count().await
    }

    async fn max(&self) -> isize {
        self.0.max().await
    }
}
