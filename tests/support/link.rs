//! A link that can be cut: forwards TCP connections of the loopback to a port, until it is told that the line is down.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::{
    io,
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

#[derive(Default)]
struct Line {
    up: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

/// See the module.
pub struct Link {
    port: u16,
    line: Arc<Line>,
}

impl Link {
    /// A link to a port of the loopback; it is up.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let own = listener.local_addr().unwrap().port();
        let line = Arc::new(Line { up: AtomicBool::new(true), ..Line::default() });
        let forwards = Arc::clone(&line);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // While the line is down, whoever connects is hung up on.
                if forwards.up.load(Ordering::Acquire)
                    && let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                {
                    forwards.join(&near, &far).ok();
                }
            }
        });
        Self { port: own, line }
    }

    /// Its near end.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts it: what is on the way is lost.
    pub fn cut(&self) {
        self.line.up.store(false, Ordering::Release);
        for stream in self.line.open.lock().unwrap().drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    /// Mends it.
    pub fn mend(&self) {
        self.line.up.store(true, Ordering::Release);
    }
}

impl Line {
    fn join(&self, near: &TcpStream, far: &TcpStream) -> io::Result<()> {
        self.open.lock().unwrap().extend([near.try_clone()?, far.try_clone()?]);
        for (mut from, mut to) in [(near.try_clone()?, far.try_clone()?), (far.try_clone()?, near.try_clone()?)] {
            std::thread::spawn(move || {
                io::copy(&mut from, &mut to).ok();
                to.shutdown(Shutdown::Both).ok();
            });
        }
        Ok(())
    }
}
