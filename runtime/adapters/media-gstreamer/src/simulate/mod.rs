//! A camera that is simulated: an RTSP server that plays a video over and over, without decoding it.
//!
//! Each client gets the video from its beginning, a stream of its own that never ends: at the end of the file it goes on with
//! the first frame, with timestamps that keep growing. So a test sees the same pictures at the same time each run.

mod faults;
mod feed;
mod reader;
mod server;

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    sync::Arc,
};

use parapet_contracts::{camera::Credentials, ports::media::MediaError};

use feed::Control;
use server::Server;

/// What the camera shows.
#[derive(Debug, Clone, PartialEq)]
pub enum SimSource {
    /// Videos of H.264, H.265 or JPEG, all of the same codec, one after the other; they may differ in size.
    Files(Vec<PathBuf>),
    /// A pattern of GStreamer's `videotestsrc`, encoded as H.264 with a keyframe each second.
    Pattern {
        /// GStreamer's name of the pattern: `smpte`, `ball`, …
        pattern: String,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Frames per second, whole.
        fps: u32,
    },
}

impl From<&Path> for SimSource {
    fn from(path: &Path) -> Self {
        Self::Files(vec![path.to_owned()])
    }
}

impl From<PathBuf> for SimSource {
    fn from(path: PathBuf) -> Self {
        Self::Files(vec![path])
    }
}

/// How the camera is reached and how it behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct SimOptions {
    /// The address to listen on. 127.0.0.1 by default.
    pub bind: IpAddr,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// The path of the stream, with its slash. `/stream` by default.
    pub path: String,
    /// So many times as fast as the video was recorded: frames per second and timestamps alike. 1.0 by default.
    pub speed: f64,
    /// Begin again at the end. True by default; otherwise the stream ends.
    pub repeat: bool,
    /// Who may watch; nobody is asked when this is empty.
    pub users: Vec<Credentials>,
    /// Ask for the password with digest (RFC 2617) rather than basic authentication.
    pub digest: bool,
    /// Speak TLS only (`rtsps://`), with the certificate and the private key in this PEM file.
    pub tls: Option<PathBuf>,
    /// Which share of the RTP packets is lost on the way, 0.0 to 1.0.
    pub loss: f64,
    /// Which share of the RTP packets is damaged on the way, 0.0 to 1.0: a few bytes of their payload are changed.
    pub damage: f64,
    /// Where the random numbers for loss and damage begin; the same seed does the same to the same packets.
    pub seed: u64,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            path: "/stream".into(),
            speed: 1.0,
            repeat: true,
            users: Vec::new(),
            digest: false,
            tls: None,
            loss: 0.0,
            damage: 0.0,
            seed: 1,
        }
    }
}

/// A running simulated camera. Dropping it closes its clients' connections and frees the port.
pub struct RtspSimulator {
    server: Server,
    control: Arc<Control>,
    url: String,
}

impl RtspSimulator {
    /// Starts to listen. [`crate::GstMedia::new`] need not have been called.
    ///
    /// # Errors
    /// When a file is missing or holds no video of a codec that can be sent, when an option makes no sense, or when the port
    /// is taken.
    pub fn start(source: impl Into<SimSource>, options: &SimOptions) -> Result<Self, MediaError> {
        crate::GstMedia::new()?;
        let source = source.into();
        let control = Arc::new(Control::new(options.speed)?);
        let server = Server::start(&source, options, &control)?;
        let scheme = if options.tls.is_some() { "rtsps" } else { "rtsp" };
        let url = format!("{scheme}://{}{}", std::net::SocketAddr::new(options.bind, server.port()), options.path);
        Ok(Self { server, control, url })
    }

    /// The address of the stream, without user and password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// How many clients are connected.
    pub fn clients(&self) -> usize {
        self.server.clients()
    }

    /// Changes the speed of all streams from now on: 100.0 turns a camera of 5 frames a second into one of 500.
    ///
    /// # Errors
    /// When `speed` is not a positive number. Patterns have a fixed speed, and are not changed.
    pub fn set_speed(&self, speed: f64) -> Result<(), MediaError> {
        self.control.set_speed(speed)
    }

    /// Goes silent, or speaks again: connections stay open, and no frame is sent. Patterns are not silenced.
    pub fn hang(&self, silent: bool) {
        self.control.hang(silent);
    }

    /// Closes all connections and frees the port, as a killed server does.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for RtspSimulator {
    fn drop(&mut self) {
        self.control.stop();
        self.server.stop();
    }
}
