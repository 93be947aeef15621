//! Clients that send their requests drop by drop, or take nothing of what they asked for, get no more than their share: they are cut off in
//! time, and others do not notice.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use parapet_testkit::{RunningSite, SiteFolder, http};

const PARAPET: &str = env!("CARGO_BIN_EXE_parapet");
/// The head must have come within ten seconds; the machine may be busy.
const CLOSED_BY: Duration = Duration::from_secs(25);

/// Whether the other side has closed the connection. What it still said is read.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

#[test]
fn a_thousand_heads_that_come_drop_by_drop_hold_nobody_up() {
    let folder = SiteFolder::new("yard");
    let site = RunningSite::start(PARAPET, &folder);
    let begun = Instant::now();
    let mut slow: Vec<TcpStream> = (0..1_000)
        .map(|_| {
            let mut stream = TcpStream::connect(folder.http()).unwrap();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: yard\r\nX-").unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    let mut answered = 0;
    while !slow.is_empty() {
        assert!(begun.elapsed() < CLOSED_BY, "{} are still open", slow.len());
        assert_eq!(http::get(folder.http(), "/healthz").unwrap().status, 200, "others are answered meanwhile");
        answered += 1;
        slow.retain_mut(|stream| {
            // One more letter each: whoever is closed already can't take it.
            stream.write_all(b"a").ok();
            !is_closed(stream)
        });
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(answered > 3, "{answered}");
    assert_eq!(site.ask("/readyz").status, 200);
}

#[test]
fn a_body_that_does_not_come_is_told_and_one_that_is_too_large_is_refused() {
    let folder = SiteFolder::new("yard");
    let _site = RunningSite::start(PARAPET, &folder);
    let ask = |length: &str, body: &[u8]| {
        let mut stream = TcpStream::connect(folder.http()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!(
            "POST /api/v1/silences HTTP/1.1\r\nHost: yard\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut text = Vec::new();
        // A connection that is closed while there was more to come may be reset.
        stream.read_to_end(&mut text).ok();
        String::from_utf8_lossy(&text).into_owned()
    };
    let slow = ask("100", b"{");
    assert!(slow.starts_with("HTTP/1.1 408") && slow.contains("timed_out"), "{slow}");
    let large = ask("999999999", b"{");
    assert!(large.starts_with("HTTP/1.1 413"), "{large}");
}
