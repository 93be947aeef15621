//! The checked configuration: immutable, complete, every default filled in, every reference resolved.
//!
//! Two values are equal exactly when the actor that they declare need not restart.

mod bus;
mod entra;
mod follow;
mod kafka;
mod keeping;
mod mail;
mod remote;
mod rule;
mod sink;
mod uploader;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use parapet_contracts::{
    CameraId, ModelId, Polygon, RuleId, Segment, SiteId, StreamId, TableId, UploaderId,
    camera::{Link, Place, SourceSpec},
    ports::{inference::Device, store::Retention},
    status::PictureFault,
};

pub use bus::{BrokerConfig, BrokerUser, BusConfig, EmbeddedConfig, ServerTlsConfig, TlsConfig};
pub use entra::EntraConfig;
pub use follow::{Again, Crop, Follow};
pub use kafka::{KafkaCompression, KafkaLogin, KafkaMechanism, KafkaSinkConfig};
pub use keeping::{BackupConfig, EvidenceConfig, Keeping, RecordConfig, RecordMode, RecordingsConfig};
pub use mail::{Digest, Encryption, Hold, Mailbox, SmtpSinkConfig};
pub use remote::{RemoteClient, RemoteCommand};
pub use rule::{
    Action, Alerting, ClipSpan, Condition, Escalate, Period, Reads, Rule, RuleBody, RuleZone, Stream, StreamSource,
    Table,
};
pub use sink::{HttpSinkConfig, MqttSinkConfig, ObjectPlace, ObjectStoreSinkConfig, Sink};
pub use uploader::{Lane, UploadFormat, UploadKind, Uploader};

/// How long after it was decoded a frame should have been looked at when no file says otherwise.
pub const SEEN_WITHIN: Duration = Duration::from_millis(500);

/// A whole site.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteConfig {
    /// `site.yaml`.
    pub site: Arc<Site>,
    /// `cameras/*.yaml`.
    pub cameras: BTreeMap<CameraId, Arc<Camera>>,
    /// `models/*.yaml`.
    pub models: BTreeMap<ModelId, Arc<Model>>,
    /// `rules/*.yaml`.
    pub rules: BTreeMap<RuleId, Arc<Rule>>,
    /// `uploaders/*.yaml`.
    pub uploaders: BTreeMap<UploaderId, Arc<Uploader>>,
    /// `streams/*.yaml`.
    pub streams: BTreeMap<StreamId, Arc<Stream>>,
    /// `tables/*.yaml`.
    pub tables: BTreeMap<TableId, Arc<Table>>,
}

/// What holds for the site as a whole. A change of it takes effect at the next start; the reload says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// The site's id: part of every topic.
    pub id: SiteId,
    /// What people call the site.
    pub name: String,
    /// The IANA time zone that schedules are in.
    pub time_zone: jiff::tz::TimeZone,
    /// Folders below which files and device nodes may be sources.
    pub media: Vec<PathBuf>,
    /// The store.
    pub store: StoreConfig,
    /// The evidence folder.
    pub evidence: EvidenceConfig,
    /// The folder of the recordings.
    pub recordings: RecordingsConfig,
    /// The bus.
    pub bus: BusConfig,
    /// Where HTTP listens.
    pub http: SocketAddr,
    /// How Home Assistant is told of the site.
    pub home_assistant: Option<HomeAssistant>,
    /// Who may command over MQTT, by name.
    pub remote: BTreeMap<String, RemoteClient>,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
    /// The shared library of ONNX Runtime, when it is not where it is looked for.
    pub onnxruntime: Option<PathBuf>,
    /// When no rule raises an alert.
    pub maintenance: Vec<Period>,
    /// Times by name, for statements.
    pub schedules: BTreeMap<String, String>,
    /// How long an orderly stop may take in all.
    pub shutdown: Duration,
}

/// The store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreConfig {
    /// Its folder.
    pub path: PathBuf,
    /// What is kept for how long.
    pub retention: Retention,
    /// Copies of it.
    pub backups: BackupConfig,
}

/// How Home Assistant is told of the site.
#[derive(Debug, Clone, PartialEq)]
pub struct HomeAssistant {
    /// The discovery prefix.
    pub prefix: String,
    /// A rule's sensor goes off after this long without another alert.
    pub off_after: Duration,
}

/// Logs and traces.
#[derive(Debug, Clone, PartialEq)]
pub struct TelemetryConfig {
    /// `tracing` filter directives, such as `info` or `parapet=debug`.
    pub level: String,
    /// JSON lines rather than text for people.
    pub json: bool,
    /// OTLP over HTTP: the collector's base address.
    pub otlp: Option<String>,
}

/// A camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Its id.
    pub id: CameraId,
    /// What people call it.
    pub name: String,
    /// A camera that is not enabled has an actor that reads nothing.
    pub enabled: bool,
    /// Where its pictures come from.
    pub source: SourceSpec,
    /// Where those pictures come from that the models look at, when not from `source`.
    pub substream: Option<SourceSpec>,
    /// Frames are held back while nothing moves.
    pub motion: Option<MotionConfig>,
    /// Only keyframes are decoded while nothing moves.
    pub idle_keyframes: bool,
    /// How it is recorded.
    pub record: Option<RecordConfig>,
    /// What is told when the picture shows it.
    pub picture_faults: BTreeSet<PictureFault>,
    /// Areas that matter; all of the picture when there is none.
    pub regions: Vec<Polygon>,
    /// A frame must come within this time, or the source is opened anew.
    pub stall_after: Duration,
    /// Who goes first when a model can't look at everything.
    pub priority: Priority,
    /// How long after it was decoded a frame should have been looked at; `None`: as the model says.
    pub seen_within: Option<Duration>,
    /// The models that look at it.
    pub models: Vec<ModelId>,
    /// Named zones.
    pub zones: BTreeMap<String, Polygon>,
    /// Named lines.
    pub lines: BTreeMap<String, Segment>,
    /// Where it hangs.
    pub place: Option<Place>,
    /// How it reaches the site.
    pub link: Option<Link>,
    /// The id of its SIM.
    pub sim: Option<String>,
    /// Free words.
    pub tags: Vec<String>,
}

impl Camera {
    /// A camera that has nothing but a source: no model, no zone, and nothing is looked for in its picture.
    pub fn new(id: CameraId, source: SourceSpec) -> Self {
        Self {
            name: id.to_string(),
            id,
            enabled: true,
            source,
            substream: None,
            motion: None,
            idle_keyframes: false,
            record: None,
            picture_faults: BTreeSet::new(),
            regions: Vec::new(),
            stall_after: Duration::from_secs(4),
            priority: Priority::Normal,
            seen_within: None,
            models: Vec::new(),
            zones: BTreeMap::new(),
            lines: BTreeMap::new(),
            place: None,
            link: None,
            sim: None,
            tags: Vec::new(),
        }
    }

    /// The stream that the models look at.
    pub fn watched(&self) -> &SourceSpec {
        self.substream.as_ref().unwrap_or(&self.source)
    }
}

/// Which frames are held back.
#[derive(Debug, Clone, PartialEq)]
pub struct MotionConfig {
    /// A look is taken this often although nothing moves.
    pub every: Duration,
    /// For how long after the last motion every frame is looked at.
    pub hold: Duration,
    /// How little has to move.
    pub sensitivity: Sensitivity,
    /// Areas in which motion is none.
    pub masks: Vec<Polygon>,
}

impl Default for MotionConfig {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(10),
            hold: Duration::from_secs(3),
            sensitivity: Sensitivity::Medium,
            masks: Vec::new(),
        }
    }
}

/// How little has to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    /// Much.
    Low,
    /// A person far away.
    Medium,
    /// Half of that, and of less contrast.
    High,
}

/// A model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its id.
    pub id: ModelId,
    /// The `.onnx` file; `None` for the null model, which sees nothing and costs nothing.
    pub file: Option<PathBuf>,
    /// SHA-256 of the file at the time of the check, so that a new file restarts the slots.
    pub digest: Option<String>,
    /// How to feed it and how to read it; what is absent is guessed from the file.
    pub io: ModelIo,
    /// Lowest score of a detection, 0 to 1.
    pub min_score: f32,
    /// Lowest score by label.
    pub min_score_by_label: BTreeMap<String, f32>,
    /// Boxes of one class that overlap more than this are one object (IoU, 0 to 1).
    pub nms_iou: f32,
    /// At most this many detections a frame.
    pub max_detections: usize,
    /// One slot for each.
    pub slots: Vec<SlotConfig>,
    /// Frames per second and camera at most.
    pub max_fps: Option<f64>,
    /// How long after it was decoded a frame should have been looked at.
    pub seen_within: Duration,
    /// What is given up when its slots can't keep up.
    pub overload: Option<Arc<OverloadPolicy>>,
    /// Whether what it sees is followed over time.
    pub track: bool,
    /// What it follows; `None` for a model that looks at whole frames.
    pub after: Option<Follow>,
    /// What it is compared with; `None` for a model that is used.
    pub shadow: Option<Shadow>,
    /// In whose place it looks; `None` for a model that cameras list.
    pub canary: Option<Canary>,
    /// Where its slots run.
    pub isolation: Isolation,
    /// An inference that takes longer counts as hung.
    pub hung_after: Duration,
}

/// Who goes first when a model can't look at everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Last.
    Low,
    /// Before `Low`.
    #[default]
    Normal,
    /// First.
    High,
}

/// What a model gives up when its slots can't keep up.
#[derive(Debug, Clone, PartialEq)]
pub struct OverloadPolicy {
    /// In this order, each on top of the one before.
    pub steps: Vec<OverloadStep>,
    /// Frames a second that lowering the rate leaves each camera.
    pub lowest_fps: f64,
    /// So long frames must be missed before something more is given up.
    pub after: Duration,
    /// So long there must be room for it before something comes back.
    pub recover_after: Duration,
}

impl OverloadPolicy {
    /// The model that looks in the place of this one, when a step says so.
    pub fn lighter(&self) -> Option<&ModelId> {
        self.steps.iter().find_map(|step| match step {
            OverloadStep::LighterModel(model) => Some(model),
            OverloadStep::LowerRate | OverloadStep::ShedLowPriority => None,
        })
    }
}

/// A step of an overload policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverloadStep {
    /// Fewer frames of each camera.
    LowerRate,
    /// This model looks instead.
    LighterModel(ModelId),
    /// Cameras of low priority are left out.
    ShedLowPriority,
}

/// A model that is compared with another one, and not used.
#[derive(Debug, Clone, PartialEq)]
pub struct Shadow {
    /// The model that cameras use.
    pub of: ModelId,
    /// The share of its frames that the shadow looks at, above 0 to 1.
    pub share: f64,
}

/// A model that looks in the place of another one, at a share of its cameras.
#[derive(Debug, Clone, PartialEq)]
pub struct Canary {
    /// The model that cameras use.
    pub of: ModelId,
    /// The share of its cameras that the canary looks at, above 0 to 1.
    pub share: f64,
    /// Of its last 100 looks so many may fail.
    pub most_failures: u32,
    /// So long its looks may take in the mean; `None`: three times as long as those of the other one.
    pub look_within: Option<Duration>,
}

/// Where a slot runs its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// On a thread of the site's process.
    #[default]
    Thread,
    /// In a process of its own.
    Process,
}

/// How to feed a model and how to read it. `None` is guessed from the file's shape, metadata and graph.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelIo {
    /// The layout of its output: `yolox`, `yolov8`, `classifier`, …
    pub layout: Option<String>,
    /// Input width and height in pixels.
    pub size: Option<(u32, u32)>,
    /// `rgb` or `bgr`.
    pub channels: Option<ChannelOrder>,
    /// A value v of 0–255 enters as `(v * scale − mean) / std`.
    pub scale: Option<f32>,
    /// Mean of each channel, in the model's channel order.
    pub mean: Option<[f32; 3]>,
    /// Standard deviation of each channel.
    pub std: Option<[f32; 3]>,
    /// How the picture is fitted into the input.
    pub resize: Option<Resize>,
    /// The grey value of the padding, 0–255.
    pub pad: Option<u8>,
    /// Labels by class.
    pub labels: Option<Vec<String>>,
}

/// The order of the colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelOrder {
    /// Red first.
    Rgb,
    /// Blue first, as OpenCV has it.
    Bgr,
}

/// How a picture is fitted into the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// Keep the ratio, picture at the top left, padding right and below.
    Letterbox,
    /// Keep the ratio, picture in the middle.
    LetterboxCentre,
    /// Fill the input, change the ratio.
    Stretch,
}

/// One slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlotConfig {
    /// The hardware.
    pub device: Device,
    /// Where it runs when that can't be used.
    pub fallback: Option<Device>,
    /// Threads inside one inference (CPU).
    pub threads: usize,
}
