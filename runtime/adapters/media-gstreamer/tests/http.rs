//! Cameras and files behind HTTP, served by a small server of this test's own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use common::*;
use parapet_contracts::{
    Secret, TimeSource,
    camera::{Credentials, Location, SourceSpec},
};

/// Base64 of `canary:s3cret`.
const BASIC: &str = "Basic Y2FuYXJ5OnMzY3JldA==";

struct Site {
    jpeg: Vec<u8>,
    mp4: Vec<u8>,
}

/// Serves until the process ends; gives its address.
fn serve(site: Site) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let site = Arc::new(site);
    thread::spawn(move || {
        for connection in listener.incoming().take(64).flatten() {
            let site = Arc::clone(&site);
            thread::spawn(move || answer(connection, &site));
        }
    });
    base
}

fn answer(mut connection: TcpStream, site: &Site) -> Option<()> {
    let mut lines = BufReader::new(connection.try_clone().ok()?).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let whole = |status: &str, kind: &str, body: &[u8]| {
        let mut answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        if status.starts_with("401") {
            answer = answer.replace("Connection", "WWW-Authenticate: Basic realm=\"camera\"\r\nConnection");
        }
        [answer.as_bytes(), body].concat()
    };
    match path.split('?').next()? {
        "/mjpeg" => mjpeg(&mut connection, &site.jpeg, usize::MAX),
        "/mjpeg-short" => mjpeg(&mut connection, &site.jpeg, 6),
        "/private" if !headers.iter().any(|h| h.ends_with(BASIC)) => {
            connection.write_all(&whole("401 Unauthorized", "text/plain", b"no")).ok()
        }
        "/private" => mjpeg(&mut connection, &site.jpeg, usize::MAX),
        "/clip.mp4" => connection.write_all(&whole("200 OK", "video/mp4", &site.mp4)).ok(),
        "/text" => connection.write_all(&whole("200 OK", "text/plain", &b"just a text\n".repeat(900))).ok(),
        _ => connection.write_all(&whole("404 Not Found", "text/plain", b"none")).ok(),
    }
}

fn mjpeg(connection: &mut TcpStream, jpeg: &[u8], frames: usize) -> Option<()> {
    connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n").ok()?;
    for _ in 0..frames {
        let head = format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        connection.write_all(&[head.as_bytes(), jpeg, b"\r\n"].concat()).ok()?;
        thread::sleep(Duration::from_millis(40)); // the camera's rate, not a wait
    }
    Some(())
}

fn site() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let jpeg = folder.path().join("a.jpg");
    launch(&format!(
        "videotestsrc num-buffers=1 ! video/x-raw,format=I420,width=322,height=242 ! jpegenc ! filesink location={}",
        jpeg.display()
    ));
    let mp4 = clip(folder.path(), "clip.mp4", 20, 320, 180, 20);
    let base = serve(Site { jpeg: fs::read(jpeg).unwrap(), mp4: fs::read(mp4).unwrap() });
    (folder, base)
}

fn spec(url: String) -> SourceSpec {
    SourceSpec::new(Location::Http { url })
}

#[test]
fn an_mjpeg_camera_plays_and_its_end_is_a_failure() {
    let (_folder, base) = site();
    let sink = Collector::new();
    let stream = open(&spec(format!("{base}/mjpeg")), &sink);
    sink.wait_frames(20, 15);
    let format = &sink.formats()[0];
    assert_eq!((format.width, format.height, format.codec.as_str()), (322, 242, "JPEG"));
    {
        let seen = sink.seen.lock().unwrap();
        assert!(seen.frames.iter().all(|f| f.capture.source == TimeSource::WallClock), "{:?}", seen.frames[0]);
        assert!(
            seen.frames.windows(2).all(|pair| pair[1].pts > pair[0].pts && pair[1].capture.at >= pair[0].capture.at)
        );
        assert!(seen.last.as_ref().unwrap().picture.colorimetry.full_range, "JPEG uses all values");
    }
    let began = Instant::now();
    drop(stream);
    assert!(began.elapsed().as_secs_f64() < 2.0, "the drop took {:?}", began.elapsed());

    let sink = Collector::new();
    let _stream = open(&spec(format!("{base}/mjpeg-short")), &sink);
    assert_eq!(sink.wait_failure(15).code, "ended");
    assert!(sink.frames() >= 5, "{} frames", sink.frames());
}

#[test]
fn an_mp4_behind_http_plays_in_real_time() {
    let (_folder, base) = site();
    let sink = Collector::new();
    let _stream = open(&spec(format!("{base}/clip.mp4")), &sink);
    assert_eq!(sink.wait_failure(15).code, "ended");
    let seen = sink.seen.lock().unwrap();
    assert_eq!(seen.frames.len(), 20, "{:?}", seen.events);
    let took = (seen.frames[19].at - seen.frames[0].at).as_secs_f64();
    assert!(took > 0.8, "a second of video took {took} s");
}

#[test]
fn a_password_is_asked_for_and_never_seen() {
    let (_folder, base) = site();
    let with = |password: Option<&str>| {
        let mut spec = spec(format!("{base}/private?token=canary-token"));
        spec.credentials = password.map(|p| Credentials { username: Secret::new("canary"), password: Secret::new(p) });
        let sink = Collector::new();
        let stream = open(&spec, &sink);
        (sink, stream)
    };
    let (sink, stream) = with(Some("s3cret"));
    sink.wait_frames(3, 15);
    drop(stream);
    for wrong in [Some("canary-wrong"), None] {
        let (sink, _stream) = with(wrong);
        let error = sink.wait_failure(15);
        assert_eq!(error.code, "unauthorized", "{error:?}");
        assert!(!sink.words().contains("canary"), "{}", sink.words());
    }
}

#[test]
fn what_is_not_there_is_told_in_words() {
    let (_folder, base) = site();
    let error = |url: String| {
        let sink = Collector::new();
        let _stream = open(&spec(url), &sink);
        sink.wait_failure(20)
    };
    let missing = error(format!("{base}/none"));
    assert!(missing.code == "not_found" && missing.text.contains("404"), "{missing:?}");
    let text = error(format!("{base}/text"));
    assert_eq!(text.code, "no_video", "{text:?}");
    let refused = error("http://127.0.0.1:1/x".into());
    assert!(refused.code == "unreachable" && refused.text.contains("refuses connections"), "{refused:?}");
    let unknown = error("http://no-such-host.invalid/x".into());
    assert!(unknown.code == "unreachable" && unknown.text.contains("does not resolve"), "{unknown:?}");
}
