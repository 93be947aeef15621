//! What a model saw in one frame.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{BBox, CameraId, ModelId, Side, SiteId, TimeSource, Timestamp};

/// One frame of one camera, as one model saw it: the `data` of the CloudEvent on the topic `…/detections`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectionEvent {
    /// UUIDv7; the CloudEvent's id.
    pub id: Uuid,
    /// The site.
    pub site: SiteId,
    /// The camera.
    pub camera: CameraId,
    /// The model.
    pub model: ModelId,
    /// The frame's index in its stream.
    pub frame: u64,
    /// When the camera took the frame.
    pub ts: Timestamp,
    /// What `ts` was derived from.
    pub ts_source: TimeSource,
    /// Width of the picture in pixels: boxes refer to it.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// What was seen, highest score first. Empty when nothing was.
    pub objects: Vec<Object>,
}

/// One thing that a model saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// The label of its class.
    pub label: String,
    /// The index of its class in the model's labels.
    pub class: u32,
    /// Confidence, 0 to 1.
    pub score: f32,
    /// Where, in pixels of the source picture.
    #[serde(rename = "box")]
    pub bbox: BBox,
    /// Its track, once it was seen often enough; absent where nothing tracks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<Track>,
}

/// What is known of an object over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// Unique within the camera while the site runs.
    pub id: u64,
    /// Names of the camera's zones that it stands in.
    #[serde(default)]
    pub zones: Vec<String>,
    /// Names of the camera's lines that it crossed in this frame.
    #[serde(default)]
    pub crossed: Vec<String>,
    /// When it was first seen.
    pub since: Timestamp,
    /// Names of the zones that it came into with this frame.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entered: Vec<String>,
    /// Names of the zones that it left with this frame.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Seconds since it came into each of `zones`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dwell: BTreeMap<String, f64>,
    /// The side that it came to be on of each line in `crossed`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub crossed_to: BTreeMap<String, Side>,
    /// Whether it stands still.
    #[serde(default)]
    pub stationary: bool,
}
