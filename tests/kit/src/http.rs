//! The least of an HTTP client: one request, one answer. Enough to ask a site, and nothing to build.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// The head: status line and header fields.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON ({e}): {}\n{}", self.head, self.text()))
    }
}

/// Asks for `path`, which may have a query.
///
/// # Errors
/// When nobody listens, or what comes back is no answer.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    ask(address, "GET", path, "", "")
}

/// Asks for a part of what is at `path`: `bytes=0-99`.
///
/// # Errors
/// As [`get`].
pub fn get_part(address: SocketAddr, path: &str, range: &str) -> io::Result<Answer> {
    ask_with(address, "GET", path, &format!("Range: {range}\r\n"), "")
}

/// Sends a body to `path`.
///
/// # Errors
/// As [`get`].
pub fn post(address: SocketAddr, path: &str, content_type: &str, body: &str) -> io::Result<Answer> {
    ask(address, "POST", path, content_type, body)
}

/// Deletes what is at `path`.
///
/// # Errors
/// As [`get`].
pub fn delete(address: SocketAddr, path: &str) -> io::Result<Answer> {
    ask(address, "DELETE", path, "", "")
}

fn ask(address: SocketAddr, method: &str, path: &str, content_type: &str, body: &str) -> io::Result<Answer> {
    let fields = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len())
    };
    ask_with(address, method, path, &fields, body)
}

/// Asks with these header fields, a line each.
pub(crate) fn ask_with(address: SocketAddr, method: &str, path: &str, fields: &str, body: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n{fields}\r\n{body}")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(|| invalid("no head"))?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| invalid("no status"))?;
    Ok(Answer { status, head, body: bytes.split_off(end + 4) })
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
