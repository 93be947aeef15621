//! `cameras/*.yaml`.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Corner, Loose, RawRecord, SecretText, Text, yes};
use crate::units::{Rate, Span};

/// A camera. The file's name is its id.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCamera {
    /// What people call it; the file's name when absent.
    pub name: Option<Text>,
    /// Where its pictures come from: `rtsp://…`, `rtsps://…`, `http(s)://…` (MJPEG or MP4), the path of a video file, of a folder of
    /// JPEG and PNG pictures or of a device such as `/dev/video0`, or `test://ball?size=640x360&fps=10` for a picture that the
    /// machine makes. Files and devices must lie below a `media` folder of `site.yaml`. No user and password here.
    #[schemars(extend("examples" = ["rtsp://192.168.1.20/stream1", "media/yard.mp4", "test://ball?size=640x360&fps=10"]))]
    #[schemars(required)]
    pub source: Option<Text>,
    /// A second stream of the same camera with smaller pictures: the models look at this one, and `source` gives the pictures of alerts. It
    /// costs what its own pictures cost; of `source` only the keyframes are decoded while nothing is followed. The same kinds of
    /// address as in `source`; user, password, `fps`, `transport`, `latency`, `pace` and `repeat` hold for both.
    #[schemars(extend("examples" = ["rtsp://192.168.1.20/stream2"]))]
    pub substream: Option<Text>,
    /// The user at the camera. Needs `password`.
    pub username: Option<SecretText>,
    /// The password at the camera. Needs `username`.
    pub password: Option<SecretText>,
    /// Frames per second that are wanted at most; the others are dropped before they cost anything. All when absent.
    pub fps: Option<Rate>,
    /// How fast a file or folder is read. `real_time` when absent.
    pub pace: Option<RawPace>,
    /// Begin a file or folder again at its end. `false` when absent.
    pub repeat: Option<bool>,
    /// How RTP travels, for `rtsp://`. `tcp` when absent.
    pub transport: Option<RawTransport>,
    /// The jitter buffer, for `rtsp://`: less is faster, more is smoother. `150ms` when absent.
    #[schemars(extend("x-max" = "30s"))]
    pub latency: Option<Span>,
    /// A frame must come within this time, or the source is opened anew.
    #[serde(default = "stall_after")]
    #[schemars(extend("x-min" = "500ms", "x-max" = "1h"))]
    pub stall_after: Span,
    /// Who goes first when a model can't look at everything. Under overload `high` gets four times the looks of `normal`, and `normal` four
    /// times those of `low`, unless it wants less; none gets nothing, but a model's `overload` policy may leave out `low`.
    #[serde(default)]
    pub priority: RawPriority,
    /// A frame should have been looked at this long after it was decoded. As the model's file says when absent.
    #[schemars(extend("x-min" = "1ms", "x-max" = "1h"))]
    pub seen_within: Option<Span>,
    /// Ask the models only while something moves. Absent: they look at every frame that is wanted. `motion: {}` takes the defaults.
    pub motion: Option<RawMotion>,
    /// What is decoded while nothing moves: `all` frames when absent, or `keyframes` only, which costs a fraction. Motion is noticed at the
    /// next keyframe then, and every frame is decoded from the one after it. Needs `motion`.
    pub idle: Option<RawIdle>,
    /// Record it. `record: {}` records all of it for seven days.
    pub record: Option<RawRecord>,
    /// What is told when the picture shows it: `covered`, `moved`, `frozen`, `dark`, `defocused`. All of them when absent, none for
    /// `test://` pictures and folders. `[]` turns it off; a camera that pans should leave `moved` out.
    #[schemars(extend("examples" = [["covered", "moved", "frozen"]]))]
    pub picture_faults: Option<Vec<RawPictureFault>>,
    /// The models that look at it, by the names of their files.
    #[serde(default)]
    #[schemars(extend("examples" = [["people"]]))]
    pub models: Vec<Text>,
    /// The width and height of the picture that `zones`, `lines`, `regions` and the masks of `motion` are drawn on, when their points are in
    /// pixels: `[1280, 720]`. Without it they are fractions of the picture. The stream may have another size of the same shape.
    #[schemars(extend("examples" = [[1280, 720]]))]
    pub pixels: Option<[Pixels; 2]>,
    /// Areas that matter, when not all of the picture does: motion elsewhere is none, and the models look at the smallest rectangle that
    /// holds them all, which shows them things bigger. Polygons like those of `zones`, or rectangles: two opposite corners.
    #[serde(default)]
    #[schemars(extend("examples" = [[[[0.0, 0.4], [1.0, 1.0]]]]))]
    pub regions: Vec<RawArea>,
    /// Named areas: the corners of a polygon as fractions of the picture, [0, 0] is the top left and [1, 1] the bottom right.
    #[serde(default)]
    #[schemars(extend("examples" = [{ "dock": [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0], [0.1, 1.0]] }]))]
    pub zones: BTreeMap<String, RawCorners>,
    /// Named lines that things cross: two points as fractions of the picture. For somebody who stands at the first and looks at the
    /// second, one side is the left and the other the right.
    #[serde(default)]
    #[schemars(extend("examples" = [{ "gate": [[0.5, 0.4], [0.5, 1.0]] }]))]
    pub lines: BTreeMap<String, [Point; 2]>,
    /// Where it hangs.
    pub place: Option<RawPlace>,
    /// How it reaches the site.
    pub link: Option<RawLink>,
    /// The id of its SIM.
    #[schemars(extend("examples" = ["8949020000001234567"]))]
    pub sim: Option<Loose>,
    /// Free words.
    #[serde(default)]
    pub tags: Vec<Text>,
    /// `false` keeps the file and reads nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Ask the models only while something moves.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMotion {
    /// A look is taken this often although nothing moves.
    #[serde(default = "every")]
    #[schemars(extend("x-min" = "1s", "x-max" = "1h"))]
    pub every: Span,
    /// For how long after the last motion every frame is looked at.
    #[serde(default = "hold")]
    #[schemars(extend("x-min" = "0s", "x-max" = "10m"))]
    pub hold: Span,
    /// How little has to move: `low` (a person nearby), `medium` (about 1/1,500 of the picture: a person far away), `high` (half of that,
    /// and of less contrast). `medium` when absent.
    pub sensitivity: Option<RawSensitivity>,
    /// Areas in which motion is none: a tree, a flag, the clock in the picture. Polygons, or rectangles by two opposite corners.
    #[serde(default)]
    pub masks: Vec<RawArea>,
}

/// How little has to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RawSensitivity {
    /// Much.
    Low,
    /// A person far away.
    Medium,
    /// Half of that, and of less contrast.
    High,
}

/// What is decoded while nothing moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RawIdle {
    /// Every frame.
    All,
    /// Keyframes only.
    Keyframes,
}

/// What may be wrong with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RawPictureFault {
    /// Something hangs before the lens.
    Covered,
    /// The camera looks elsewhere than before.
    Moved,
    /// The same picture comes again and again.
    Frozen,
    /// There is no light.
    Dark,
    /// The picture has become soft.
    Defocused,
}

/// A width or a height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Pixels(#[schemars(range(min = 16, max = 16384))] pub u32);

/// A point: fractions of the picture, or pixels where the camera's file says `pixels`.
pub(crate) type Point = [Coordinate; 2];

/// A part of the picture's width or height, or a number of pixels. The check refuses what lies outside of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Coordinate(pub f32);

impl JsonSchema for Coordinate {
    fn schema_name() -> Cow<'static, str> {
        "Coordinate".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0 })
    }
}

/// The corners of a zone, three or more.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct RawCorners(#[schemars(length(min = 3, max = 1000))] pub Vec<Point>);

/// The corners of a polygon, or two opposite corners of a rectangle.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct RawArea(#[schemars(length(min = 2, max = 1000))] pub Vec<Point>);

/// The corners of a polygon, three or more.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct RawPolygon(#[schemars(length(min = 3, max = 1000))] pub Vec<Corner>);

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawPriority {
    /// Last.
    Low,
    /// Before `low`.
    #[default]
    Normal,
    /// First.
    High,
}

/// How fast a recorded source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RawPace {
    /// As its timestamps say.
    RealTime,
    /// As fast as whoever takes the frames can.
    Fast,
}

/// How RTP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawTransport {
    /// Inside the RTSP connection.
    Tcp,
    /// UDP, unicast.
    Udp,
}

/// Where a camera hangs.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPlace {
    /// WGS 84 latitude in degrees. Needs `longitude`.
    #[schemars(range(min = -90, max = 90))]
    pub latitude: Option<f64>,
    /// WGS 84 longitude in degrees. Needs `latitude`.
    #[schemars(range(min = -180, max = 180))]
    pub longitude: Option<f64>,
    /// The floor, as people there call it.
    pub floor: Option<Loose>,
}

/// How a camera reaches the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub(crate) enum RawLink {
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

fn stall_after() -> Span {
    Span(Duration::from_secs(4))
}

fn every() -> Span {
    Span(Duration::from_secs(10))
}

fn hold() -> Span {
    Span(Duration::from_secs(3))
}
