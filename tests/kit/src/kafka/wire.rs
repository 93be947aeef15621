//! A wire to a server on which much can go wrong: it is cut, it loses answers, it hangs up on who is silent. To a Kafka broker it is also what
//! Event Hubs put before theirs: requests have a bound, and answers are held back.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use parking_lot::Mutex;

/// The API key of Kafka's produce requests.
const PRODUCE: i16 = 0;
/// From this version on, produce requests have tagged fields.
const FLEXIBLE: i16 = 9;

#[derive(Default)]
struct Inner {
    target: AtomicU16,
    cut: AtomicBool,
    mute: AtomicBool,
    over: AtomicBool,
    idle_ms: AtomicU64,
    largest: AtomicU32,
    throttle_ms: AtomicU32,
    connections: AtomicU64,
    hung_up: AtomicU64,
    too_large: AtomicU64,
    held_back: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

/// The wire, on a port of the loopback. It ends with this value.
pub struct KafkaWire {
    address: SocketAddr,
    inner: Arc<Inner>,
}

impl KafkaWire {
    /// A wire that leads nowhere yet: whoever calls is hung up on.
    ///
    /// # Panics
    /// When there is no port.
    pub fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap_or_else(|e| panic!("no port: {e}"));
        let address = listener.local_addr().unwrap_or_else(|e| panic!("no address: {e}"));
        let inner = Arc::new(Inner::default());
        let serving = Arc::clone(&inner);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serving.over.load(SeqCst) {
                    return;
                }
                let to = serving.target.load(SeqCst);
                if to == 0 || serving.cut.load(SeqCst) {
                    continue;
                }
                // A server that is away hangs up.
                if let Ok(server) = TcpStream::connect(("127.0.0.1", to)) {
                    drop(lay(client, server, &serving));
                }
            }
        });
        Self { address, inner }
    }

    /// A wire to a port of the loopback.
    ///
    /// # Panics
    /// When there is no port.
    pub fn to(port: u16) -> Self {
        let wire = Self::new();
        wire.lead_to(port);
        wire
    }

    /// Where it leads from now on.
    pub fn lead_to(&self, port: u16) {
        self.inner.target.store(port, SeqCst);
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Hangs up on everybody, and on whoever calls, until it is [mended](Self::mend).
    pub fn cut(&self) {
        self.inner.cut.store(true, SeqCst);
        for stream in self.inner.open.lock().drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// It works again.
    pub fn mend(&self) {
        self.inner.cut.store(false, SeqCst);
    }

    /// From now on answers are lost, or are not.
    pub fn mute(&self, mute: bool) {
        self.inner.mute.store(mute, SeqCst);
    }

    /// Hangs up on connections that were silent for so long. Holds for those that come.
    pub fn hang_up_after(&self, silence: Duration) {
        self.inner.idle_ms.store(u64::try_from(silence.as_millis()).unwrap_or(u64::MAX), SeqCst);
    }

    /// Hangs up on who sends a larger request of Kafka's protocol. Holds for connections that come; they must be open ones.
    pub fn largest_request(&self, bytes: u32) {
        self.inner.largest.store(bytes, SeqCst);
    }

    /// Holds each answer to a produce request back for so long, and says so in it. As [`largest_request`](Self::largest_request), which it needs.
    pub fn throttle(&self, time: Duration) {
        self.inner.throttle_ms.store(u32::try_from(time.as_millis()).unwrap_or(u32::MAX), SeqCst);
    }

    /// Connections that came.
    pub fn connections(&self) -> u64 {
        self.inner.connections.load(SeqCst)
    }

    /// Connections that it hung up on since they were silent.
    pub fn hung_up(&self) -> u64 {
        self.inner.hung_up.load(SeqCst)
    }

    /// Requests that were too large.
    pub fn too_large(&self) -> u64 {
        self.inner.too_large.load(SeqCst)
    }

    /// Answers that were held back.
    pub fn held_back(&self) -> u64 {
        self.inner.held_back.load(SeqCst)
    }
}

impl Default for KafkaWire {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for KafkaWire {
    fn drop(&mut self) {
        self.inner.over.store(true, SeqCst);
        self.cut();
        // The listener learns of it with the next connection.
        drop(TcpStream::connect(self.address));
    }
}

/// Requests whose answers are awaited: their correlation ids, with the versions of those that are produce requests.
type Awaited = Arc<Mutex<BTreeMap<i32, i16>>>;

fn lay(client: TcpStream, server: TcpStream, inner: &Arc<Inner>) -> io::Result<()> {
    inner.connections.fetch_add(1, SeqCst);
    let idle = inner.idle_ms.load(SeqCst);
    if idle > 0 {
        client.set_read_timeout(Some(Duration::from_millis(idle)))?;
    }
    inner.open.lock().extend([client.try_clone()?, server.try_clone()?]);
    let (up, down) = ((client.try_clone()?, server.try_clone()?), (server, client));
    let framed = inner.largest.load(SeqCst) > 0;
    let awaited = Awaited::default();
    for (upwards, (mut from, mut to)) in [(true, up), (false, down)] {
        let (inner, awaited) = (Arc::clone(inner), Arc::clone(&awaited));
        std::thread::spawn(move || {
            let carried = match (framed, upwards) {
                (false, _) => bytes(&mut from, &mut to, &inner, upwards),
                (true, true) => requests(&mut from, &mut to, &inner, &awaited),
                (true, false) => answers(&mut from, &mut to, &inner, &awaited),
            };
            let silent = |e: &io::Error| matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
            if carried.is_err_and(|e| silent(&e)) {
                inner.hung_up.fetch_add(1, SeqCst);
            }
            drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
        });
    }
    Ok(())
}

/// Carries bytes until either side ends; answers that come while it is mute are lost.
fn bytes(from: &mut TcpStream, to: &mut TcpStream, inner: &Inner, upwards: bool) -> io::Result<()> {
    let mut buffer = [0; 16_384];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        if upwards || !inner.mute.load(SeqCst) {
            to.write_all(&buffer[..count])?;
        }
    }
}

/// One message of Kafka's protocol without its length; an error of a size that is too large is none of silence.
fn message(from: &mut TcpStream, largest: u32) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > largest {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "too large"));
    }
    let mut body = vec![0; length as usize];
    from.read_exact(&mut body)?;
    Ok(body)
}

fn write(to: &mut TcpStream, body: &[u8]) -> io::Result<()> {
    to.write_all(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes())?;
    to.write_all(body)
}

fn requests(from: &mut TcpStream, to: &mut TcpStream, inner: &Inner, awaited: &Awaited) -> io::Result<()> {
    loop {
        let body = message(from, inner.largest.load(SeqCst)).inspect_err(|e| {
            if e.kind() == io::ErrorKind::InvalidData {
                inner.too_large.fetch_add(1, SeqCst);
            }
        })?;
        // A request begins with its API key, its version and its correlation id.
        if let [k0, k1, v0, v1, c0, c1, c2, c3, ..] = body[..]
            && i16::from_be_bytes([k0, k1]) == PRODUCE
        {
            awaited.lock().insert(i32::from_be_bytes([c0, c1, c2, c3]), i16::from_be_bytes([v0, v1]));
        }
        write(to, &body)?;
    }
}

fn answers(from: &mut TcpStream, to: &mut TcpStream, inner: &Inner, awaited: &Awaited) -> io::Result<()> {
    loop {
        let mut body = message(from, u32::MAX)?;
        let produced = body.first_chunk().and_then(|id| awaited.lock().remove(&i32::from_be_bytes(*id)));
        let time = inner.throttle_ms.load(SeqCst);
        if let Some(version) = produced.filter(|_| time > 0) {
            // The time is the last field, before the tagged ones.
            let end = body.len() - usize::from(version >= FLEXIBLE);
            body[end - 4..end].copy_from_slice(&time.to_be_bytes());
            std::thread::sleep(Duration::from_millis(u64::from(time)));
            inner.held_back.fetch_add(1, SeqCst);
        }
        if !inner.mute.load(SeqCst) {
            write(to, &body)?;
        }
    }
}
