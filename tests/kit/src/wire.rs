//! A wire to a server on loopback, which can be cut, lose answers, and remember what went over it.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;

/// The most bytes that it remembers.
const MEMORY: usize = 4 << 20;

/// A port that leads to another one. Connections end with their ends, not with this value.
#[derive(Debug, Clone)]
pub struct Wire {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    mute: AtomicBool,
    cut: AtomicBool,
    sent: Mutex<Vec<u8>>,
    streams: Mutex<Vec<TcpStream>>,
}

impl Wire {
    /// A wire to this port on 127.0.0.1. A server that is away hangs up.
    ///
    /// # Panics
    /// When there is no port left.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("no port on 127.0.0.1: {e}"));
        let port = listener.local_addr().map_or(0, |address| address.port());
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !shared.cut.load(Ordering::Acquire) {
                    // A server that is away hangs up, as this does.
                    connect(client, server, &shared).ok();
                }
            }
        });
        Self { port, state }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Loses what the server answers (true), or not (false). The server still gets everything.
    pub fn mute(&self, mute: bool) {
        self.state.mute.store(mute, Ordering::Release);
    }

    /// Cuts every connection, and lets none through until [`mend`](Self::mend).
    pub fn cut(&self) {
        self.state.cut.store(true, Ordering::Release);
        for stream in self.state.streams.lock().drain(..) {
            // One that has ended by itself is cut enough.
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.state.cut.store(false, Ordering::Release);
    }

    /// How often this text has gone to the server, in the first 4 MiB.
    pub fn sent(&self, text: &str) -> usize {
        let sent = self.state.sent.lock();
        sent.windows(text.len().max(1)).filter(|window| *window == text.as_bytes()).count()
    }
}

fn connect(client: TcpStream, server: u16, state: &Arc<State>) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", server))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    state.streams.lock().extend([client.try_clone()?, server.try_clone()?]);
    let (up, down) = ((client.try_clone()?, server.try_clone()?), (server, client));
    let (to_server, to_client) = (Arc::clone(state), Arc::clone(state));
    std::thread::spawn(move || {
        carry(up.0, up.1, |bytes| {
            let mut sent = to_server.sent.lock();
            if sent.len() < MEMORY {
                sent.extend_from_slice(bytes);
            }
            true
        });
    });
    std::thread::spawn(move || carry(down.0, down.1, |_| !to_client.mute.load(Ordering::Acquire)));
    Ok(())
}

fn carry(mut from: TcpStream, mut to: TcpStream, passes: impl Fn(&[u8]) -> bool) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if passes(&buffer[..count]) && to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}
