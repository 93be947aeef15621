//! Servers and streams that are broken: the stream fails or goes on, and the process lives (fault 13).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use common::*;
use gstreamer::{self as gst, prelude::*};
use parapet_contracts::{
    camera::{Location, SourceSpec, Transport},
    stats::DropReason,
};
use parapet_media_gstreamer::simulate::{RtspSimulator, SimOptions};

/// What a broken server does.
#[derive(Clone)]
struct Script {
    /// Sent instead of any answer.
    raw: Option<Vec<u8>>,
    sdp: Vec<u8>,
    /// Sent after PLAY.
    media: Vec<u8>,
}

fn serve(script: Script) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/x", listener.local_addr().unwrap());
    let script = Arc::new(script);
    thread::spawn(move || {
        for connection in listener.incoming().take(8).flatten() {
            let script = Arc::clone(&script);
            thread::spawn(move || talk(connection, &script));
        }
    });
    url
}

fn talk(mut connection: TcpStream, script: &Script) -> Option<()> {
    connection.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let mut lines = BufReader::new(connection.try_clone().ok()?);
    loop {
        let mut request = Vec::new();
        loop {
            let mut line = String::new();
            if lines.by_ref().take(4096).read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.trim().is_empty() {
                break;
            }
            request.push(line.trim().to_owned());
        }
        if let Some(raw) = &script.raw {
            return connection.write_all(raw).ok();
        }
        let method = request.first()?.split(' ').next()?.to_owned();
        let seq = request.iter().find_map(|l| l.strip_prefix("CSeq: ")).unwrap_or("0").to_owned();
        let (extra, body): (String, &[u8]) = match method.as_str() {
            "OPTIONS" => ("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n".into(), b""),
            "DESCRIBE" => {
                (format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", script.sdp.len()), &script.sdp)
            }
            "SETUP" => ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n".into(), b""),
            _ => ("Session: 1\r\n".into(), b""),
        };
        let head = format!("RTSP/1.0 200 OK\r\nCSeq: {seq}\r\n{extra}\r\n");
        connection.write_all(&[head.as_bytes(), body].concat()).ok()?;
        if method == "PLAY" {
            connection.write_all(&script.media).ok()?;
        }
    }
}

fn sdp(media: &str) -> Vec<u8> {
    format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\na=control:*\r\n{media}").into_bytes()
}

const H264: &str =
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:streamid=0\r\n";

/// Numbers that look random, the same each time.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
        .collect()
}

/// Interleaved RTP packets whose headers are right and whose payload is `payload`.
fn packets(count: u16, payload: impl Fn(u16) -> Vec<u8>) -> Vec<u8> {
    (0..count)
        .flat_map(|n| {
            let body = payload(n);
            let mut packet = vec![0x80, 96 | (u8::from(n % 3 == 2) << 7)];
            packet.extend(n.to_be_bytes());
            packet.extend((u32::from(n) / 3 * 3000).to_be_bytes());
            packet.extend(7u32.to_be_bytes());
            packet.extend(body);
            let mut framed = vec![b'$', 0];
            framed.extend((packet.len() as u16).to_be_bytes());
            framed.extend(packet);
            framed
        })
        .collect()
}

fn spec(url: &str) -> SourceSpec {
    SourceSpec::new(Location::Rtsp { url: url.to_owned() })
}

#[test]
fn servers_that_talk_nonsense_are_survived() {
    let raw = |bytes: Vec<u8>| Script { raw: Some(bytes), sdp: vec![], media: vec![] };
    let with = |sdp: Vec<u8>| Script { raw: None, sdp, media: vec![] };
    let playing = |media| Script { raw: None, sdp: sdp(H264), media };
    let unit = |kind: u8, n: u16| [vec![0x60 | kind], noise(u64::from(n) + 1, 200)].concat();
    let cases: Vec<(&str, Script)> = vec![
        ("noise for an answer", raw(noise(1, 5000))),
        ("a header without end", raw([b"RTSP/1.0 200 OK\r\nX: ".to_vec(), vec![b'a'; 300_000]].concat())),
        ("a negative length", raw(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: -5\r\n\r\n".to_vec())),
        ("a huge length", raw(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 99999999999999\r\n\r\n".to_vec())),
        ("HTTP", raw(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())),
        ("nothing", raw(vec![])),
        ("an empty SDP", with(vec![])),
        ("noise for an SDP", with(noise(2, 3000))),
        ("an SDP without media", with(sdp(""))),
        ("an SDP with sound only", with(sdp("m=audio 0 RTP/AVP 0\r\na=control:streamid=0\r\n"))),
        ("a payload type that is not mapped", with(sdp("m=video 0 RTP/AVP 99\r\na=control:streamid=0\r\n"))),
        (
            "a codec that nobody knows",
            with(sdp("m=video 0 RTP/AVP 96\r\na=rtpmap:96 NONSENSE/90000\r\na=control:a\r\n")),
        ),
        ("a clock rate of nought", with(sdp("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/0\r\na=control:a\r\n"))),
        (
            "parameter sets that are noise",
            with(sdp(&format!("{H264}a=fmtp:96 packetization-mode=1;sprop-parameter-sets=!!!!,AAAA\r\n"))),
        ),
        ("noise for media", playing(noise(3, 60_000))),
        ("packets of noise", playing(packets(300, |n| noise(u64::from(n), 400)))),
        ("packets without payload", playing(packets(300, |_| vec![]))),
        ("NAL units of noise", playing(packets(300, |n| unit((n % 24) as u8, n)))),
        ("parameter sets of noise", playing(packets(300, |n| unit(if n % 2 == 0 { 7 } else { 8 }, n)))),
        (
            "fragments without beginning",
            playing(packets(300, |n| [vec![0x7c, 0x05], noise(u64::from(n), 300)].concat())),
        ),
        (
            "aggregates that lie about their sizes",
            playing(packets(300, |n| [vec![0x78, 0xff, 0xff], noise(u64::from(n), 50)].concat())),
        ),
        ("cut-off packets", playing(packets(300, |n| noise(u64::from(n), 400))[..7_777].to_vec())),
    ];
    for (name, script) in cases {
        let url = serve(script);
        let sink = Collector::new();
        let stream = open(&spec(&url), &sink);
        let until = Instant::now() + Duration::from_millis(1500);
        wait(5, || sink.failure().is_some() || Instant::now() > until, || name.into());
        if let Some(error) = sink.failure() {
            assert!(!error.text.is_empty() && error.text.contains("127.0.0.1"), "{name}: {error:?}");
        }
        assert_eq!(sink.frames(), 0, "{name}");
        let began = Instant::now();
        drop(stream);
        assert!(began.elapsed() < Duration::from_secs(2), "{name}: the drop took {:?}", began.elapsed());
    }
    // And a good camera plays as if nothing had been.
    let camera = RtspSimulator::start(shared("videos/ahmetozlu_vehicle.mp4"), &SimOptions::default()).unwrap();
    let sink = Collector::new();
    let _stream = open(&spec(camera.url()), &sink);
    sink.wait_frames(10, 15);
}

#[test]
fn lost_and_damaged_packets_degrade_a_camera_and_no_more() {
    let video = shared("videos/ahmetozlu_vehicle.mp4");
    for (loss, damage, transport) in
        [(0.05, 0.0, Transport::Udp), (0.0, 0.05, Transport::Tcp), (0.05, 0.05, Transport::Tcp)]
    {
        let options = SimOptions { loss, damage, speed: 4.0, ..SimOptions::default() };
        let camera = RtspSimulator::start(video.clone(), &options).unwrap();
        let sink = Collector::new();
        let mut spec = spec(camera.url());
        spec.transport = transport;
        let stream = open(&spec, &sink);
        sink.wait_frames(150, 40);
        let stats = stream.stats();
        assert!(sink.failure().is_none(), "{}", sink.words());
        let hurt = dropped(stream.as_ref(), DropReason::Corrupt);
        assert!(hurt > 0, "with 5 % of the packets hurt, some frame must be lost: {stats:?}");
    }
}

#[test]
fn a_stream_that_begins_between_keyframes_waits_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.mp4");
    media();
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc num-buffers=60 pattern=ball ! video/x-raw,format=I420,width=320,height=180,framerate=30/1 \
         ! x264enc speed-preset=ultrafast key-int-max=15 bframes=0 ! h264parse name=parse ! mp4mux ! filesink location={}",
        cut.display()
    ))
    .unwrap();
    // The first keyframe is lost, the parameter sets are not.
    let parse = pipeline.downcast_ref::<gst::Bin>().unwrap().by_name("parse").unwrap();
    let lost = std::sync::atomic::AtomicBool::new(false);
    parse.static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        if lost.swap(true, std::sync::atomic::Ordering::Relaxed) {
            gst::PadProbeReturn::Ok
        } else {
            gst::PadProbeReturn::Handled
        }
    });
    run_to_end(&pipeline);
    let (sink, stream) = play(&cut);
    let stats = stream.stats();
    assert_eq!(dropped(stream.as_ref(), DropReason::AwaitingKeyframe), 14, "{stats:?} {}", sink.words());
    assert_eq!((stats.frames_in, stats.frames_wanted), (45, 45), "{stats:?}");
}
