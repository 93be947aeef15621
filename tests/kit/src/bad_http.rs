//! An HTTP server that behaves badly when told to: it is slow, hangs up, refuses, asks for patience, sends elsewhere. It keeps what came.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;

use crate::{serving::Serving, wait::until};

/// What it does with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// Answers with this status and these header lines (each ends with `\r\n`).
    Answer(u16, String),
    /// Reads the request, and hangs up without an answer.
    HangUp,
    /// Hangs up before it has read anything.
    Refuse,
    /// Answers nothing until the server ends.
    Silence,
    /// Sends half a status line, and hangs up.
    HalfAnAnswer,
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// `POST /hook HTTP/1.1`.
    pub line: String,
    /// The header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Received {
    /// The value of a header field; empty when it has none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Decides by what came; `None`: as usual.
type Judge = Box<dyn Fn(&Received) -> Option<Manner> + Send + Sync>;

#[derive(Default)]
struct Inner {
    manners: Mutex<VecDeque<Manner>>,
    usual: Mutex<Option<Manner>>,
    judge: Mutex<Option<Judge>>,
    pause: Mutex<Duration>,
    received: Mutex<Vec<Received>>,
}

/// The server, on a port of the loopback. It answers `204` unless it is told otherwise. It ends with this value.
pub struct BadHttp {
    serving: Serving,
    inner: Arc<Inner>,
}

impl BadHttp {
    /// Starts it.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start() -> Self {
        let inner = Arc::new(Inner::default());
        let shared = Arc::clone(&inner);
        let serving = Serving::start(move |stream, over| serve(stream, &shared, over));
        Self { serving, inner }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.serving.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// What it does with the next requests, in their order.
    pub fn next(&self, manners: impl IntoIterator<Item = Manner>) {
        self.inner.manners.lock().extend(manners);
    }

    /// What it does with those for which nothing else was said; `None`: it answers `204`.
    pub fn usually(&self, manner: Option<Manner>) {
        *self.inner.usual.lock() = manner;
    }

    /// What it does with a request that this knows, unless something was said about the next ones.
    pub fn judge(&self, judge: impl Fn(&Received) -> Option<Manner> + Send + Sync + 'static) {
        *self.inner.judge.lock() = Some(Box::new(judge));
    }

    /// How long it takes its time before each answer.
    pub fn pause(&self, pause: Duration) {
        *self.inner.pause.lock() = pause;
    }

    /// What has come since the last call, in order; it is not kept.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.inner.received.lock())
    }

    /// How many requests have come and were not taken.
    pub fn waiting(&self) -> usize {
        self.inner.received.lock().len()
    }

    /// What has come, in order.
    pub fn received(&self) -> Vec<Received> {
        self.inner.received.lock().clone()
    }

    /// Waits until so many requests have come.
    ///
    /// # Panics
    /// After `limit`.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<Received> {
        until(&format!("{count} requests have come"), limit, || self.inner.received.lock().len() >= count);
        self.received()
    }
}

fn serve(stream: TcpStream, inner: &Inner, over: &AtomicBool) {
    let Ok(mut out) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    // Several requests on one connection, until the client leaves.
    loop {
        let refuses = inner.manners.lock().front() == Some(&Manner::Refuse);
        if refuses {
            inner.manners.lock().pop_front();
            return;
        }
        let Some(request) = read(&mut reader) else { return };
        let next = inner.manners.lock().pop_front();
        let judged = || inner.judge.lock().as_ref().and_then(|judge| judge(&request));
        let manner = next.or_else(judged).or_else(|| inner.usual.lock().clone());
        let pause = *inner.pause.lock();
        inner.received.lock().push(request);
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
        match manner.unwrap_or_else(|| Manner::Answer(204, String::new())) {
            Manner::Answer(status, headers) => {
                let answer = format!("HTTP/1.1 {status} X\r\n{headers}content-length: 0\r\n\r\n");
                if out.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
            Manner::HangUp | Manner::Refuse => return,
            Manner::HalfAnAnswer => {
                drop(out.write_all(b"HTTP/1.1 20"));
                return;
            }
            Manner::Silence => {
                while !over.load(Ordering::Acquire) {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }
}

/// The next request of a connection.
pub(crate) fn read(reader: &mut impl BufRead) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok().filter(|count| *count > 0)?;
        let Some((name, value)) = field.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Received { line: line.trim_end().to_owned(), headers, body: String::from_utf8_lossy(&body).into_owned() })
}
