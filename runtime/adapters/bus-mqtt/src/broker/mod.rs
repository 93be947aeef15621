//! A broker in the process, for a site on one box: rmqtt, on threads of its own.
//!
//! It promises to be there when [`EmbeddedBroker::start`] returns, or to say why not; to bind to loopback unless told
//! otherwise in words; to let nobody in from elsewhere without a user; to let a user do what was allowed and nothing else; and to leave
//! nothing behind when it stops. MQTT 5, 3.1.1 and
//! 3.1 share one port. Why rmqtt: `docs/decisions/0003-embedded-broker.md`.
//!
//! Its limits:
//! - Retained messages, sessions and queues live in memory only.
//! - A subscriber that lags by more than 10,000 messages misses some, also with QoS 1.
//! - With TLS, the broker behind it is a port of its own that programs on this machine reach without TLS; they need a user as others do.
//! - Its certificate is read when it starts, and it has no enhanced authentication.
//!
//! `docs/decisions/0003-embedded-broker.md` has what it does otherwise than the standard says.

use std::{fmt, net::SocketAddr, sync::mpsc, thread::JoinHandle, time::Duration};

use parapet_contracts::ports::bus::BusError;
use rmqtt::{context::ServerContext, hook::Type, server::MqttServer};
use tokio::{net::TcpListener, sync::oneshot};
use tokio_rustls::TlsAcceptor;

mod access;
mod listener;
mod password;
mod permission;
mod retained;
mod sharing;
mod tls_front;

pub use access::{EmbeddedUser, Password};
pub use password::{NoHash, PasswordHash};
pub use permission::Permissions;
pub use tls_front::ServerTls;

use access::Users;
use listener::{bind, fatal, guard, why_not_bound};
use retained::Retained;
use sharing::Sharing;

/// How long connections may take to end.
const STOP: Duration = Duration::from_secs(2);
/// Where the broker listens when TLS stands before it.
const BEHIND: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// How to run the broker.
#[derive(Debug, Clone)]
pub struct BrokerSettings {
    /// Where it listens. Port 0: any free one. Default: 127.0.0.1:1883.
    pub listen: SocketAddr,
    /// TLS for whoever comes there.
    pub tls: Option<ServerTls>,
    /// Who may connect. Empty: everybody who reaches it, and everything.
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
            tls: None,
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
    inside: SocketAddr,
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
            Ok(Ok((address, inside))) => {
                tracing::info!(%address, tls = inside != address, "bus: the embedded broker listens");
                Ok(Self { address, inside, stop: Some(stop), thread: Some(thread) })
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(fatal("the embedded broker ended while it started".to_owned())),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where this process finds it without TLS; on this machine alone when it has TLS, else as [`address`](Self::address).
    pub fn inside(&self) -> SocketAddr {
        self.inside
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

/// Runs the broker until it is told to stop. Tells the addresses once they are bound: connections wait in the kernel from then on.
async fn run(
    settings: &BrokerSettings,
    tell: &mpsc::SyncSender<Result<(SocketAddr, SocketAddr), BusError>>,
    stopped: oneshot::Receiver<()>,
) {
    let Prepared { server, front, inside } = match prepare(settings).await {
        Ok(prepared) => prepared,
        Err(error) => {
            // Nobody listens only when the one who starts it is gone.
            tell.send(Err(error)).unwrap_or_default();
            return;
        }
    };
    let address = front.as_ref().map_or(inside, |front| front.address);
    if tell.send(Ok((address, inside))).is_err() {
        return;
    }
    let tls = async {
        match front {
            Some(front) => tls_front::serve(front.listener, front.acceptor, inside, settings.max_connections).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = server.run() => tracing::error!(%address, ?ended, "bus: the embedded broker ended by itself"),
        () = tls => tracing::error!(%address, "bus: TLS before the embedded broker ended by itself"),
        _ = stopped => {}
    }
}

struct Prepared {
    server: MqttServer,
    front: Option<Front>,
    /// Where the broker itself listens.
    inside: SocketAddr,
}

/// TLS before the broker.
struct Front {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    address: SocketAddr,
}

async fn prepare(settings: &BrokerSettings) -> Result<Prepared, BusError> {
    let front = match &settings.tls {
        Some(tls) => Some(front(settings, tls).await?),
        None => None,
    };
    // A busy machine is the normal case at a site: no client is turned away for the load.
    let context = ServerContext::new()
        .busy_check_enable(false)
        .mqtt_max_sessions(isize::try_from(settings.max_connections).unwrap_or(isize::MAX))
        .build()
        .await;
    *context.extends.retain_mut().await = Box::new(Retained::new());
    *context.extends.shared_subscription_mut().await = Box::new(Sharing::default());
    if !settings.users.is_empty() {
        let hooks = context.extends.hook_mgr().register();
        let users = Users::new(&settings.users);
        for kind in [Type::ClientAuthenticate, Type::MessagePublishCheckAcl, Type::ClientSubscribeCheckAcl] {
            hooks.add(kind, Box::new(users.clone())).await;
        }
        hooks.start().await;
    }
    let listen = if front.is_some() { SocketAddr::from(BEHIND) } else { settings.listen };
    let (listener, inside) = bind(settings, listen)?;
    Ok(Prepared { server: MqttServer::new(context).listener_by_id(listener, 1).build(), front, inside })
}

async fn front(settings: &BrokerSettings, tls: &ServerTls) -> Result<Front, BusError> {
    let acceptor = tls.acceptor().map_err(|why| fatal(format!("the embedded broker has no TLS: {why}")))?;
    let untaken = |e: std::io::Error| why_not_bound(settings.listen, Some(e.kind()), &e.to_string());
    let listener = TcpListener::bind(settings.listen).await.map_err(untaken)?;
    let address = listener.local_addr().map_err(untaken)?;
    Ok(Front { listener, acceptor, address })
}
