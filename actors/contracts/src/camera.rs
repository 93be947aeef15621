//! What a camera is: where its pictures come from, and what people know of it.

use std::{fmt, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::Secret;

/// Where pictures come from. `Debug` and `Display` never show credentials: they are not part of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Location {
    /// `rtsp://` or `rtsps://`, without user and password.
    Rtsp {
        /// The address.
        url: String,
    },
    /// `http://` or `https://`: MJPEG or MP4, without user and password.
    Http {
        /// The address.
        url: String,
    },
    /// A video file.
    File {
        /// Its path.
        path: PathBuf,
        /// How fast it is read.
        pace: Pace,
        /// Begin again at the end.
        repeat: bool,
    },
    /// A V4L2 device such as `/dev/video0`.
    Device {
        /// Its path.
        path: PathBuf,
    },
    /// A folder of JPEG and PNG pictures, in the order of their names.
    Images {
        /// The folder.
        path: PathBuf,
        /// Pictures per second.
        fps: f64,
        /// How fast they are read.
        pace: Pace,
        /// Begin again at the end.
        repeat: bool,
    },
    /// `test://PATTERN`: a picture that the machine makes, live.
    Test {
        /// GStreamer's name of the pattern: `smpte`, `ball`, `snow`, `black`, …
        pattern: String,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Frames per second.
        fps: f64,
    },
}

impl Location {
    /// True when an end of the stream is a failure, since the source never ends by itself.
    pub fn is_live(&self) -> bool {
        match self {
            Self::Rtsp { .. } | Self::Device { .. } | Self::Test { .. } => true,
            // An MP4 behind HTTP ends; an MJPEG camera does not. Both are watched and opened again.
            Self::Http { .. } => true,
            Self::File { repeat, .. } | Self::Images { repeat, .. } => *repeat,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtsp { url } | Self::Http { url } => f.write_str(url),
            Self::File { path, .. } | Self::Device { path } | Self::Images { path, .. } => {
                write!(f, "{}", path.display())
            }
            Self::Test { pattern, .. } => write!(f, "test://{pattern}"),
        }
    }
}

/// How fast a recorded source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// As its timestamps say.
    RealTime,
    /// As fast as whoever takes the frames can.
    Fast,
}

/// User and password of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Credentials {
    /// The user's name.
    pub username: Secret,
    /// The password.
    pub password: Secret,
}

/// How RTP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Interleaved in the RTSP connection. The default.
    #[default]
    Tcp,
    /// UDP, unicast.
    Udp,
}

/// All that the media port needs to know to open a source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSpec {
    /// Where.
    pub location: Location,
    /// With which user and password.
    pub credentials: Option<Credentials>,
    /// Frames per second that are wanted at most; the rest is dropped before it is converted. `None`: all.
    pub max_fps: Option<f64>,
    /// How RTP travels.
    pub transport: Transport,
    /// RTP jitter buffer.
    pub latency: Duration,
}

impl SourceSpec {
    /// A source with the defaults: no credentials, every frame, TCP, 150 ms of jitter buffer.
    pub fn new(location: Location) -> Self {
        Self {
            location,
            credentials: None,
            max_fps: None,
            transport: Transport::Tcp,
            latency: Duration::from_millis(150),
        }
    }

    /// True when an end of the stream is a failure, since the source never ends by itself.
    pub fn is_live(&self) -> bool {
        self.location.is_live()
    }
}

/// How a camera reaches the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// Private or public 5G.
    #[serde(rename = "5G")]
    FiveG,
    /// 4G.
    #[serde(rename = "4G")]
    FourG,
    /// LTE.
    #[serde(rename = "LTE")]
    Lte,
    /// Wi-Fi.
    #[serde(rename = "Wi-Fi")]
    WiFi,
    /// A cable.
    #[serde(rename = "wired")]
    Wired,
}

/// Where a camera hangs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// WGS 84 latitude in degrees, −90 to 90.
    pub latitude: Option<f64>,
    /// WGS 84 longitude in degrees, −180 to 180.
    pub longitude: Option<f64>,
    /// Floor, as people there call it.
    pub floor: Option<String>,
}
