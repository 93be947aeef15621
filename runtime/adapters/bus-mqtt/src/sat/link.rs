//! A connection to a broker on which AUTH packets can be sent: see the module's picture.
//!
//! It promises: packets of either side pass unchanged and in order; an AUTH packet stands between two of them, never within one; what it
//! holds is at most one packet each way; it ends when either side does, or when the broker believes a token no more, and then says why.

use std::{
    os::linux::net::SocketAddrExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parapet_contracts::Secret;
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    net::{TcpStream, UnixListener, UnixStream},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use tokio_rustls::TlsConnector;

use super::{
    frames::Frames,
    packet::{self, Auth},
    token::Watch,
};
use crate::{BusSettings, tls};

/// How often a broker may ask on, in one exchange.
const CHALLENGES: u32 = 3;
/// How long an orderly end may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// Room for the header and the properties of a packet with the largest payload, a token among them.
const MARGIN: usize = 4096 + packet::LARGEST_TOKEN;

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A running link. Dropping it cuts both sides.
#[derive(Debug)]
pub(crate) struct Link {
    address: String,
    why: Arc<Mutex<Option<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    /// Connects to the broker, and waits for the client library at [`address`](Self::address). `token` is what CONNECT will hold. Each token
    /// that the broker believes later adds one to `renewals`.
    ///
    /// # Errors
    /// Why there is no connection.
    pub(crate) async fn open(
        settings: &BusSettings,
        file: PathBuf,
        token: Secret,
        renewals: Arc<AtomicU64>,
    ) -> Result<Self, String> {
        let broker = connect(settings).await?;
        // A name in the kernel, not in a file system; nobody can guess it, and nobody else is let in.
        let name = format!("parapet-bus-{:032x}", rand::random::<u128>());
        let listener = listen(&name).map_err(|e| format!("no socket within the process: {e}"))?;
        let why = Arc::new(Mutex::new(None));
        let largest = settings.max_packet_size as usize + MARGIN;
        let patience = settings.ack_timeout;
        let told = Arc::clone(&why);
        let task = tokio::spawn(async move {
            let ended = match accept(&listener).await {
                Ok(local) => {
                    drop(listener);
                    let watch = Watch::new(file, token);
                    carry(local, broker, largest, |desk| tend(desk, watch, patience, renewals)).await
                }
                Err(e) => Some(format!("no socket within the process: {e}")),
            };
            *told.lock() = ended;
        });
        Ok(Self { address: format!("\0{name}"), why, task })
    }

    /// Where the client library finds it, as the path of a Unix socket.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Why it ended, when it was for another reason than that a side hung up.
    pub(crate) fn why(&self) -> Option<String> {
        self.why.lock().clone()
    }

    /// Waits until what the client library has sent last is out.
    pub(crate) async fn finish(mut self) {
        // Too late: then the rest is cut off, and the broker sends the last will.
        timeout(GOODBYE, &mut self.task).await.ok();
    }
}

async fn connect(settings: &BusSettings) -> Result<Box<dyn Wire>, String> {
    let address = settings.address();
    let tcp = TcpStream::connect((settings.host.as_str(), settings.port))
        .await
        .map_err(|e| format!("no connection to the broker {address}: {e}"))?;
    tcp.set_nodelay(true).map_err(|e| format!("no connection to the broker {address}: {e}"))?;
    let Some(settings_tls) = &settings.tls else { return Ok(Box::new(tcp)) };
    let config = tls::client_config(settings_tls)?;
    let name = ServerName::try_from(settings.host.clone())
        .map_err(|_| format!("`{}` is no name that a certificate could have", settings.host))?;
    let secured = TlsConnector::from(config).connect(name, tcp).await;
    Ok(Box::new(secured.map_err(|e| format!("no TLS connection to the broker {address}: {e}"))?))
}

fn listen(name: &str) -> std::io::Result<UnixListener> {
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    let listener = std::os::unix::net::UnixListener::bind_addr(&address)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// The first connection of this very process.
async fn accept(listener: &UnixListener) -> std::io::Result<UnixStream> {
    loop {
        let (stream, _) = listener.accept().await?;
        if stream.peer_cred()?.pid().is_some_and(|pid| u32::try_from(pid) == Ok(std::process::id())) {
            return Ok(stream);
        }
    }
}

/// What `tend` learns of the broker, and what it wants to be sent.
struct Desk {
    seen: mpsc::Receiver<Seen>,
    send: mpsc::Sender<Bytes>,
}

impl Desk {
    async fn show(&self, reason: u8, watch: &Watch) {
        // When nobody sends any more, the connection is about to end.
        self.send.send(packet::encode(reason, watch.known().expose().as_bytes())).await.ok();
    }
}

enum Seen {
    Accepted,
    Auth(Auth),
}

/// Carries packets until a side ends. Gives the reason, when a side did not just hang up.
async fn carry<F: Future<Output = String>>(
    local: UnixStream,
    broker: Box<dyn Wire>,
    largest: usize,
    tend: impl FnOnce(Desk) -> F,
) -> Option<String> {
    let (from_local, to_local) = tokio::io::split(local);
    let (from_broker, to_broker) = tokio::io::split(broker);
    let (seen, seen_rx) = mpsc::channel(8);
    let (send, send_rx) = mpsc::channel(2);
    tokio::select! {
        ended = up(from_local, to_broker, send_rx, largest) => ended,
        ended = down(from_broker, to_local, seen, largest) => ended,
        why = tend(Desk { seen: seen_rx, send }) => Some(why),
    }
}

async fn up(
    mut from: ReadHalf<UnixStream>,
    mut to: WriteHalf<Box<dyn Wire>>,
    mut auths: mpsc::Receiver<Bytes>,
    largest: usize,
) -> Option<String> {
    let mut frames = Frames::new(largest);
    loop {
        tokio::select! {
            read = from.read_buf(frames.buffer()) => match read {
                Ok(1..) => {
                    loop {
                        match frames.next() {
                            Ok(Some(packet)) => to.write_all(&packet).await.ok()?,
                            Ok(None) => break,
                            Err(e) => return Some(format!("the client library broke the connection: {e}")),
                        }
                    }
                    to.flush().await.ok()?;
                }
                Ok(0) | Err(_) => {
                    // The client library has said goodbye, or hung up; the broker shall see which.
                    to.shutdown().await.ok();
                    return None;
                }
            },
            Some(auth) = auths.recv() => {
                to.write_all(&auth).await.ok()?;
                to.flush().await.ok()?;
            }
        }
    }
}

async fn down(
    mut from: ReadHalf<Box<dyn Wire>>,
    mut to: WriteHalf<UnixStream>,
    seen: mpsc::Sender<Seen>,
    largest: usize,
) -> Option<String> {
    let mut frames = Frames::new(largest);
    loop {
        // An end without a TLS goodbye is an end, too.
        if matches!(from.read_buf(frames.buffer()).await, Ok(0) | Err(_)) {
            return None;
        }
        loop {
            let packet = match frames.next() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(e) => return Some(format!("the connection to the broker was given up: {e}")),
            };
            match packet.first().map_or(0, |first| first & 0xF0) {
                packet::AUTH => match packet::decode(&packet) {
                    Ok(auth) => seen.send(Seen::Auth(auth)).await.ok()?,
                    Err(e) => return Some(format!("the connection to the broker was given up: it sent {e}")),
                },
                kind => {
                    to.write_all(&packet).await.ok()?;
                    if kind == packet::CONNACK {
                        seen.send(Seen::Accepted).await.ok()?;
                    }
                }
            }
        }
    }
}

/// Shows the broker each new token. Returns only when it believes none, with the reason.
async fn tend(mut desk: Desk, mut watch: Watch, patience: Duration, renewals: Arc<AtomicU64>) -> String {
    let mut accepted = false;
    let mut challenges = 0;
    let mut answer_by: Option<Instant> = None;
    loop {
        let deadline = answer_by.unwrap_or_else(Instant::now);
        tokio::select! {
            () = watch.changed(), if accepted && answer_by.is_none() => {
                challenges = 0;
                answer_by = Some(Instant::now() + patience);
                desk.show(packet::REAUTHENTICATE, &watch).await;
            }
            Some(seen) = desk.seen.recv() => match seen {
                Seen::Accepted => accepted = true,
                Seen::Auth(Auth { reason: packet::SUCCESS, .. }) => {
                    answer_by = None;
                    renewals.fetch_add(1, Ordering::Relaxed);
                    tracing::info!("bus: the broker has taken the new service account token");
                }
                Seen::Auth(Auth { reason: packet::CONTINUE, .. }) if challenges < CHALLENGES => {
                    challenges += 1;
                    desk.show(packet::CONTINUE, &watch).await;
                }
                Seen::Auth(Auth { text, .. }) => {
                    let said = text.map(|text| format!(": {text:.200}")).unwrap_or_default();
                    return format!("the broker does not believe the service account token{said}");
                }
            },
            () = sleep_until(deadline), if answer_by.is_some() => {
                return "the broker did not answer to a new service account token in time".to_owned();
            }
        }
    }
}
