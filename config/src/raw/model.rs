//! `models/*.yaml`.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{DeviceText, OneOrMany, PathText, RawAfter, RawCanary, RawOverload, RawShadow, yes};
use crate::units::{Rate, Span};

/// A model. The file's name is its id. What is absent is read from the .onnx file or guessed from its shapes and metadata.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawModel {
    /// What runs: `onnx`, or `null` for a model that sees nothing and costs nothing.
    #[serde(default)]
    pub kind: RawKind,
    /// The .onnx file. Required unless `kind` is `null`.
    #[schemars(extend("examples" = ["models/people.onnx"]))]
    pub file: Option<PathText>,
    /// The model, or the models, that it follows: it looks at crops of what they see, and what it says becomes an attribute of the object.
    /// A name, a list of names, or a mapping. No camera lists it: it looks wherever they look.
    #[schemars(extend("examples" = ["people"]))]
    pub after: Option<RawAfter>,
    /// Makes it a shadow: it is compared with another model, and no camera lists it.
    pub shadow: Option<RawShadow>,
    /// Makes it a canary: it looks in the place of another model at a share of its cameras, and no camera lists it.
    pub canary: Option<RawCanary>,
    /// The layout of its output.
    pub layout: Option<RawLayout>,
    /// How it is fed.
    #[serde(default)]
    pub input: RawInput,
    /// The names of its classes, in the order of the classes: a list, or the path of a text file with one name a line.
    pub labels: Option<OneOrMany>,
    /// The lowest score of a detection: one number, or a number for each label.
    #[serde(default = "min_score")]
    pub min_score: RawScore,
    /// Boxes of one class that overlap more than this are one object (intersection over union).
    #[serde(default = "nms")]
    #[schemars(range(min = 0, max = 1))]
    pub nms: f32,
    /// At most this many detections a frame, the best first.
    #[serde(default = "max_detections")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_detections: u32,
    /// How many run side by side: a number of CPU slots with one thread each, or a list that says where each one runs.
    #[serde(default)]
    pub slots: RawSlots,
    /// Frames per second and camera at most. All that come when absent.
    pub max_fps: Option<Rate>,
    /// A frame should have been looked at this long after it was decoded; a camera's file may say otherwise. A frame that is older when a newer
    /// one takes its place is counted as `stale`. Slots that look at several frames at once wait no longer than this allows.
    #[serde(default = "seen_within")]
    #[schemars(extend("x-min" = "1ms", "x-max" = "1h"))]
    pub seen_within: Span,
    /// What is given up when its slots can't keep up. When absent nothing is, and each camera gets its fair part of the looks.
    pub overload: Option<RawOverload>,
    /// Follow what it sees over time: gives objects a track, with the zones that they stand in and the lines that they cross.
    #[serde(default = "yes")]
    pub track: bool,
    /// Where a slot runs. In a process of its own, a model that crashes or hangs takes nothing else with it.
    #[serde(default)]
    pub isolation: RawIsolation,
    /// An inference that takes longer counts as hung, and its slot is replaced.
    #[serde(default = "hung_after")]
    #[schemars(extend("x-min" = "100ms", "x-max" = "1h"))]
    pub hung_after: Span,
}

/// What runs. YAML's bare `null` is taken for the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawKind {
    /// A model in a file.
    #[default]
    Onnx,
    /// The model that sees nothing.
    Null,
}

impl JsonSchema for RawKind {
    fn schema_name() -> Cow<'static, str> {
        "Kind".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["onnx", "null", null] })
    }
}

/// The layout of a model's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RawLayout {
    /// YOLOX, raw: `[1, anchors, 5 + classes]` in units of the grid.
    Yolox,
    /// YOLOv5, v6, v7: `[1, anchors, 5 + classes]` in pixels.
    Yolov5,
    /// YOLOv8, v9, 11 and their successors: `[1, 4 + classes, anchors]` in pixels.
    Yolov8,
    /// YOLOv8 turned: `[1, anchors, 4 + classes]`.
    Yolov8Rows,
    /// YOLOv10, YOLO26 and exports with suppression in the graph: `[1, n, 6]` with left, top, right, bottom, score, class.
    End2end,
    /// Suppression in the graph: `[n, 7]` with batch, left, top, right, bottom, class, score.
    N7,
    /// TensorFlow's Object Detection API (SSD): boxes, classes from 1, scores, a count.
    Tfod,
    /// TensorRT's EfficientNMS: a count, boxes, scores, classes from 0.
    EfficientNms,
    /// OpenMMLab (RTMDet): `dets` `[1, n, 5]` and `labels` `[1, n]`.
    Mmdet,
    /// torchvision's detectors: `boxes` `[n, 4]`, `labels` `[n]` from 1, `scores` `[n]`.
    Torchvision,
    /// PaddleDetection with its suppression: `[n, 6]` with class, score, left, top, right, bottom, and a count.
    Paddle,
    /// NanoDet: scores and distances for each of three strides.
    Nanodet,
    /// NanoDet-Plus: `[1, cells, classes + 32]`.
    NanodetPlus,
    /// PicoDet without its post-processing: scores and distances for each of four strides.
    Picodet,
    /// FastestDet: `[1, 5 + classes, rows, columns]`.
    Fastestdet,
    /// RT-DETR, D-FINE, DEIM: labels from 0, boxes, scores.
    Rtdetr,
    /// DETR: logits with a last class for nothing, and boxes as fractions.
    Detr,
    /// RT-DETR and RF-DETR without their post-processing: logits for a sigmoid, and boxes as fractions.
    DetrSigmoid,
    /// YOLO-NAS and others: boxes `[1, n, 4]` and scores apart.
    BoxesScores,
    /// The best class of each box before suppression: boxes `[1, n, 4]`, scores and classes from 0 `[1, n]`.
    BestClass,
    /// ONNX's NonMaxSuppression: indices `[n, 3]`, and the boxes and scores that they choose from.
    NmsIndices,
    /// OpenVINO's and Caffe's SSD: `[1, 1, n, 7]` with batch, class from 1, score and corners as fractions.
    DetectionOutput,
    /// RT-DETR as Ultralytics exports it: `[1, queries, 4 + classes]`, boxes as fractions.
    RtdetrRows,
    /// YOLOX with an output, or three, for each of its grids.
    YoloxHeads,
    /// YOLOv5's raw heads: three outputs `[1, 3, rows, columns, 5 + classes]` on its anchors.
    Yolov5Heads,
    /// The same on the anchors of YOLOv7.
    Yolov7Heads,
    /// YOLOv8 without the end of its graph: distances in 16 bins and classes for each of its grids.
    Yolov8Heads,
    /// Darknet's YOLOv3 and v4, raw: three outputs `[1, 3 × (5 + classes), rows, columns]`.
    Yolov3Heads,
    /// Darknet's tiny YOLOv3, raw: two such outputs.
    Yolov3TinyHeads,
    /// Darknet's tiny YOLOv2 of Pascal VOC, raw: `[1, 5 × (5 + classes), rows, columns]`.
    Yolov2,
    /// CenterNet: a heat map, sizes and offsets.
    Centernet,
    /// SSD without suppression: scores `[1, n, 1 + classes]`, the first for the background, and boxes as fractions.
    Ssd,
    /// Face detectors: scores `[1, n, 2]` of background and face, and boxes `[1, n, 4]` as fractions.
    Face,
    /// RetinaFace: raw boxes `[1, n, 4]`, scores `[1, n, 2]` and landmarks on its priors.
    Retinaface,
    /// SCRFD: for each stride scores, distances and perhaps landmarks.
    Scrfd,
    /// YuNet: for each stride two scores, boxes and landmarks.
    Yunet,
    /// A classifier: `[1, classes]`. Its best class becomes one object as large as the picture.
    Classifier,
    /// A vector: `[1, n]`. It gives no objects, so that it can only follow another model (`after`).
    Embedding,
}

impl RawLayout {
    /// The name in the checked configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Yolox => "yolox",
            Self::Yolov5 => "yolov5",
            Self::Yolov8 => "yolov8",
            Self::Yolov8Rows => "yolov8_rows",
            Self::End2end => "end2end",
            Self::N7 => "n7",
            Self::Tfod => "tfod",
            Self::EfficientNms => "efficient_nms",
            Self::Mmdet => "mmdet",
            Self::Torchvision => "torchvision",
            Self::Paddle => "paddle",
            Self::Nanodet => "nanodet",
            Self::NanodetPlus => "nanodet_plus",
            Self::Picodet => "picodet",
            Self::Fastestdet => "fastestdet",
            Self::Rtdetr => "rtdetr",
            Self::Detr => "detr",
            Self::DetrSigmoid => "detr_sigmoid",
            Self::BoxesScores => "boxes_scores",
            Self::BestClass => "best_class",
            Self::NmsIndices => "nms_indices",
            Self::DetectionOutput => "detection_output",
            Self::RtdetrRows => "rtdetr_rows",
            Self::YoloxHeads => "yolox_heads",
            Self::Yolov5Heads => "yolov5_heads",
            Self::Yolov7Heads => "yolov7_heads",
            Self::Yolov8Heads => "yolov8_heads",
            Self::Yolov3Heads => "yolov3_heads",
            Self::Yolov3TinyHeads => "yolov3_tiny_heads",
            Self::Yolov2 => "yolov2",
            Self::Centernet => "centernet",
            Self::Ssd => "ssd",
            Self::Face => "face",
            Self::Retinaface => "retinaface",
            Self::Scrfd => "scrfd",
            Self::Yunet => "yunet",
            Self::Classifier => "classifier",
            Self::Embedding => "embedding",
        }
    }
}

/// How a model is fed. A value v of 0–255 enters as `(v * scale − mean) / std`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawInput {
    /// Width and height in pixels: `[640, 384]`, or one number for a square.
    pub size: Option<RawSize>,
    /// The order of the colours.
    pub channels: Option<RawChannels>,
    /// What a value of 0–255 is multiplied by; 0.00392157 (1/255) makes it 0–1.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub scale: Option<f32>,
    /// The mean of each channel, in the model's order, after `scale`.
    #[schemars(extend("examples" = [[0.485, 0.456, 0.406]]))]
    pub mean: Option<[f32; 3]>,
    /// The standard deviation of each channel, in the model's order, after `scale`.
    #[schemars(extend("examples" = [[0.229, 0.224, 0.225]]))]
    pub std: Option<[Positive; 3]>,
    /// How the picture is fitted into the input.
    pub resize: Option<RawResize>,
    /// The grey value of the padding.
    #[schemars(range(min = 0, max = 255))]
    pub pad: Option<u8>,
}

/// A number above 0.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Positive(pub f32);

impl JsonSchema for Positive {
    fn schema_name() -> Cow<'static, str> {
        "Positive".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": 0 })
    }
}

/// Width and height of the input.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum RawSize {
    /// A square.
    Square(u32),
    /// Width and height.
    Both([u32; 2]),
}

impl JsonSchema for RawSize {
    fn schema_name() -> Cow<'static, str> {
        "InputSize".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let side = json_schema!({ "type": "integer", "minimum": 16, "maximum": 8192 });
        json_schema!({ "anyOf": [side, { "type": "array", "items": side, "minItems": 2, "maxItems": 2 }] })
    }
}

/// Where a slot runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawIsolation {
    /// On a thread of the site's process.
    #[default]
    Thread,
    /// In a process of its own, with the tensors in memory that both see.
    Process,
}

/// The order of the colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawChannels {
    /// Red first.
    Rgb,
    /// Blue first, as OpenCV has it.
    Bgr,
}

/// How the picture is fitted into the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RawResize {
    /// Keep the ratio, picture at the top left, padding right and below.
    Letterbox,
    /// Keep the ratio, picture in the middle.
    LetterboxCentre,
    /// Fill the input, change the ratio.
    Stretch,
}

/// The lowest score.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum RawScore {
    /// For every label.
    All(f32),
    /// For these labels; `default` for the others.
    ByLabel(BTreeMap<String, f32>),
}

impl JsonSchema for RawScore {
    fn schema_name() -> Cow<'static, str> {
        "Score".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let score = json_schema!({ "type": "number", "minimum": 0, "maximum": 1 });
        json_schema!({ "anyOf": [score, { "type": "object", "additionalProperties": score }] })
    }
}

/// The slots.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum RawSlots {
    /// So many on the CPU.
    Count(u16),
    /// One each.
    List(Vec<RawSlot>),
}

impl Default for RawSlots {
    fn default() -> Self {
        Self::Count(1)
    }
}

impl JsonSchema for RawSlots {
    fn schema_name() -> Cow<'static, str> {
        "Slots".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let slot = generator.subschema_for::<RawSlot>();
        json_schema!({ "anyOf": [
            { "type": "integer", "minimum": 1, "maximum": 256 },
            { "type": "array", "items": slot, "minItems": 1, "maxItems": 256 },
        ] })
    }
}

/// One slot.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawSlot {
    /// The hardware: `cpu`; `cuda` or `tensorrt` for an NVIDIA GPU, `cuda:1` for the second one; `openvino` for Intel's, with `:cpu`, `:gpu`,
    /// `:gpu.1` or `:npu` when it is not to choose by itself.
    pub device: DeviceText,
    /// Where it runs when that can't be used. Without it, the slot does not start then.
    pub fallback: Option<DeviceText>,
    /// Threads inside one inference, on a CPU.
    #[schemars(range(min = 1, max = 256))]
    pub threads: u16,
}

impl Default for RawSlot {
    fn default() -> Self {
        Self { device: "cpu".into(), fallback: None, threads: 1 }
    }
}

fn min_score() -> RawScore {
    RawScore::All(DEFAULT_MIN_SCORE)
}

/// The lowest score of a detection when nothing else is said.
pub(crate) const DEFAULT_MIN_SCORE: f32 = 0.25;

fn nms() -> f32 {
    0.45
}

fn max_detections() -> u32 {
    100
}

fn hung_after() -> Span {
    Span(Duration::from_secs(4))
}

fn seen_within() -> Span {
    Span(crate::checked::SEEN_WITHIN)
}
