//! An RTSP camera that does everything wrong: nonsense instead of answers, absurd descriptions, damaged video, closed connections.
//!
//! What it does in its nth conversation follows from its seed and n alone, so a run that finds something can be had again. Within
//! [`KINDS`] conversations every kind of nonsense comes once.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use crate::Dice;

/// How many kinds of nonsense there are.
pub const KINDS: u64 = 14;
/// Conversations after which it listens no more.
const MOST: u64 = 10_000;

/// The camera. It stops to listen when this value goes.
#[derive(Debug)]
pub struct HostileCamera {
    address: SocketAddr,
    conversations: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl HostileCamera {
    /// Starts on a free port of the loopback.
    ///
    /// # Panics
    /// When it can't listen.
    pub fn start(seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.unwrap_or_else(|e| panic!("a hostile camera can't listen: {e}"));
        let address = listener.local_addr().unwrap_or_else(|e| panic!("a hostile camera has no address: {e}"));
        let (conversations, stopped) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (count, stop) = (Arc::clone(&conversations), Arc::clone(&stopped));
        let listener = std::thread::spawn(move || {
            for connection in listener.incoming().take(MOST as usize).flatten() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let n = count.fetch_add(1, Ordering::Relaxed);
                std::thread::spawn(move || Conversation::new(address, seed, n).hold(connection));
            }
        });
        Self { address, conversations, stopped, listener: Some(listener) }
    }

    /// The address of its stream.
    pub fn url(&self) -> String {
        format!("rtsp://{}/stream", self.address)
    }

    /// How many conversations there were.
    pub fn conversations(&self) -> u64 {
        self.conversations.load(Ordering::Relaxed)
    }
}

impl Drop for HostileCamera {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
        if let Some(listener) = self.listener.take() {
            drop(listener.join());
        }
    }
}

const GOOD_MEDIA: &str =
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:streamid=0\r\n";
/// Profile, constraints and level of a sequence parameter set of Main profile; what follows is made up.
const SPS: [u8; 4] = [0x67, 0x4d, 0x40, 0x1f];

fn sdp(media: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\na=control:*\r\n{media}")
}

struct Conversation {
    kind: u64,
    address: SocketAddr,
    dice: Dice,
    /// The request at which the connection is closed, for the kind that does so.
    closes_at: usize,
}

impl Conversation {
    fn new(address: SocketAddr, seed: u64, n: u64) -> Self {
        let mut dice =
            Dice::new((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (n + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9));
        let closes_at = dice.below(5);
        Self { kind: (seed + n) % KINDS, address, dice, closes_at }
    }

    /// Talks until either side has had enough.
    fn hold(mut self, mut connection: TcpStream) -> Option<()> {
        connection.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        connection.set_write_timeout(Some(Duration::from_secs(10))).ok()?;
        let mut lines = BufReader::new(connection.try_clone().ok()?);
        for request in 0..50 {
            if self.kind == 3 && request == self.closes_at {
                return None;
            }
            let (method, sequence) = next_request(&mut lines)?;
            if let Some(nonsense) = self.instead_of_an_answer() {
                return connection.write_all(&nonsense).ok();
            }
            let (head, body) = self.answer(&method, &sequence);
            connection.write_all(&[head.into_bytes(), body].concat()).ok()?;
            if method == "PLAY" {
                let video = self.video();
                connection.write_all(&video).ok()?;
                // The camera then hangs up: what it sent was all.
                return None;
            }
        }
        None
    }

    fn instead_of_an_answer(&mut self) -> Option<Vec<u8>> {
        let text = |text: &str| Some(text.as_bytes().to_vec());
        match self.kind {
            0 => {
                let length = 1 + self.dice.below(20_000);
                Some(self.dice.noise(length))
            }
            1 => Some([b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nX-Long: ".as_slice(), &vec![b'a'; 1 << 20]].concat()),
            2 => {
                let length = self.dice.pick(&["-5", "99999999999999999999", "4294967296", "1073741824", "five", ""]);
                text(&format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: {length}\r\n\r\n"))
            }
            11 => {
                // To itself, for ever; or to where no camera has business to send anybody.
                let own = format!("rtsp://{}/stream", self.address);
                let to = self.dice.pick(&[
                    &own,
                    "file:///etc/passwd",
                    "rtsp://",
                    "rtsp://127.0.0.1:1/",
                    "http://127.0.0.1:1/",
                ]);
                text(&format!("RTSP/1.0 302 Moved\r\nCSeq: 1\r\nLocation: {to}\r\n\r\n"))
            }
            12 => {
                let challenge = self.dice.pick(&[
                    "Digest",
                    "Basic realm=\"x\", Digest ,",
                    "Digest realm=\"",
                    "Basic realm=",
                    "Nonsense x=y",
                    "Digest realm=\"x\", nonce=\"\", algorithm=NO",
                ]);
                text(&format!("RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: {challenge}\r\n\r\n"))
            }
            _ => None,
        }
    }

    fn answer(&mut self, method: &str, sequence: &str) -> (String, Vec<u8>) {
        let mut body = Vec::new();
        let extra = match method {
            "OPTIONS" => "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n".to_owned(),
            "DESCRIBE" => {
                body = self.description();
                format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", body.len())
            }
            "SETUP" if self.kind == 7 => {
                let transport = self.dice.pick(&[
                    "RTP/AVP/TCP;unicast;interleaved=255-256",
                    "RTP/AVP/TCP;unicast;interleaved=-1-70000",
                    "RTP/AVP;unicast;client_port=1-99999;server_port=0-0",
                    "NONSENSE",
                    "",
                ]);
                format!("Transport: {transport}\r\nSession: ;timeout=-1\r\n")
            }
            "SETUP" => "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n".to_owned(),
            _ => "Session: 1\r\n".to_owned(),
        };
        (format!("RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n{extra}\r\n"), body)
    }

    fn description(&mut self) -> Vec<u8> {
        let good = sdp(GOOD_MEDIA);
        match self.kind {
            4 => {
                let end = self.dice.below(good.len());
                good.as_bytes()[..end].to_vec()
            }
            5 => {
                let media = self.dice.pick(&[
                    "m=video 99999 RTP/AVP 96\r\na=rtpmap:96 H264/4294967295\r\na=control:x\r\n",
                    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/0\r\na=control:x\r\n",
                    "m=video -1 RTP/AVP 300\r\na=rtpmap:300 H264/90000\r\n",
                    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=framerate:nan\r\na=framesize:96 999999999-999999999\r\na=control:x\r\n",
                    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 sprop-parameter-sets=////////,AA==;profile-level-id=zzzzzz\r\na=control:x\r\n",
                    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=fmtp:96 sprop-vps=!;sprop-sps=;sprop-pps=AAAA\r\na=control:x\r\n",
                    "a=range:npt=9999999999999999999-0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:rtsp://[::\r\n",
                ]);
                sdp(&media.repeat(if self.dice.below(4) == 0 { 2_000 } else { 1 })).into_bytes()
            }
            6 => {
                let length = self.dice.below(5_000);
                self.dice.noise(length)
            }
            13 => {
                // Right but for some bytes.
                let mut bytes = good.into_bytes();
                for _ in 0..8 {
                    let at = self.dice.below(bytes.len());
                    bytes[at] = self.dice.roll() as u8;
                }
                bytes
            }
            _ => good.into_bytes(),
        }
    }

    fn video(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for n in 0..400_u16 {
            let length = 1 + self.dice.below(600);
            let mut payload = self.dice.noise(length);
            match self.kind {
                // Units of every type, fragments and aggregates among them, filled with noise.
                8 => payload[0] = 0x60 | (n % 32) as u8,
                // A picture whose parameter sets are made up, and slices of it.
                9 => match n % 8 {
                    0 => payload = [&SPS[..], &payload].concat(),
                    1 => payload[0] = 0x68,
                    2 => payload[0] = 0x65,
                    _ => payload[0] = 0x41,
                },
                _ => {}
            }
            let mut packet = vec![0x80, 96 | (u8::from(n % 3 == 2) << 7)];
            packet.extend(n.to_be_bytes());
            packet.extend((u32::from(n) / 3 * 3000).to_be_bytes());
            packet.extend(7_u32.to_be_bytes());
            packet.extend(payload);
            // Lengths that lie, and channels that nobody set up.
            let lies = self.kind == 10 && n % 5 == 4;
            let length = if lies { self.dice.roll() as u16 } else { packet.len() as u16 };
            out.extend([b'$', if lies { self.dice.roll() as u8 } else { 0 }]);
            out.extend(length.to_be_bytes());
            out.extend(packet);
        }
        out
    }
}

/// Method and sequence number of the next request.
fn next_request(lines: &mut impl BufRead) -> Option<(String, String)> {
    let (mut method, mut sequence) = (String::new(), "0".to_owned());
    for _ in 0..100 {
        let mut line = Vec::new();
        if lines.by_ref().take(4096).read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        match line.strip_prefix("CSeq: ") {
            Some(number) => sequence = number.to_owned(),
            None if line.is_empty() => return Some((method, sequence)),
            None if method.is_empty() => method = line.split(' ').next().unwrap_or_default().to_owned(),
            None => {}
        }
    }
    None
}
