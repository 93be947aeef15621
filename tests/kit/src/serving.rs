//! What servers of the kit have in common: a port of the loopback, a thread for each connection, and an end.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Serves connections until it is dropped.
pub(crate) struct Serving {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Serving {
    /// Begins; `serve` has a thread of its own for each connection, and is told when all is over.
    ///
    /// # Panics
    /// When there is no port.
    pub(crate) fn start(serve: impl Fn(TcpStream, &AtomicBool) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap_or_else(|e| panic!("no port: {e}"));
        let address = listener.local_addr().unwrap_or_else(|e| panic!("no address: {e}"));
        let over = Arc::new(AtomicBool::new(false));
        let (ends, serve) = (Arc::clone(&over), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ends.load(Ordering::Acquire) {
                    return;
                }
                let (serve, ends) = (Arc::clone(&serve), Arc::clone(&ends));
                std::thread::spawn(move || serve(stream, &ends));
            }
        });
        Self { address, over }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // The listener learns of it with the next connection.
        drop(TcpStream::connect(self.address));
    }
}
