//! What a model saw in one frame.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Attributes, BBox, CameraId, ModelId, Side, SiteId, TimeSource, Timestamp, UpdateOf};

/// One frame of one camera, as one model saw it: the `data` of the CloudEvent on the topic `…/detections`; of one that is an update, on
/// `…/updates`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectionEvent {
    /// UUIDv7; the CloudEvent's id.
    pub id: Uuid,
    /// The site.
    pub site: SiteId,
    /// The camera.
    pub camera: CameraId,
    /// The model that the camera lists.
    pub model: ModelId,
    /// The model that looked in its place: a lighter one under overload, or a canary. Absent when it looked itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<ModelId>,
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
    /// How many tracks are in each of the camera's zones, those that are hidden for a moment included. Empty where nothing tracks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: BTreeMap<String, u32>,
    /// Tracks that ended with this frame.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<EndedTrack>,
    /// Of the time since the frame that this model looked at before: so many seconds in which nothing moved, so that no model was asked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub still_s: f64,
    /// Present when this is an update: it tells one object of an earlier event again, of which more is known now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateOf>,
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
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
    /// What the models say that follow this one; absent when none has said anything yet.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
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
    /// Whether this frame is the first in which it has a track.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new: bool,
    /// How fast its centre moves, in pixels of the source picture a second.
    #[serde(default)]
    pub speed: f32,
    /// Where to: degrees from the top of the picture, clockwise; 90 is to the right. Absent while its speed tells none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<f32>,
}

impl Track {
    /// A track that was just seen and of which nothing else is known.
    pub fn new(id: u64, since: Timestamp) -> Self {
        Self {
            id,
            zones: Vec::new(),
            crossed: Vec::new(),
            since,
            entered: Vec::new(),
            left: Vec::new(),
            dwell: BTreeMap::new(),
            crossed_to: BTreeMap::new(),
            stationary: false,
            new: false,
            speed: 0.0,
            direction: None,
        }
    }
}

/// A track whose object is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndedTrack {
    /// Its id.
    pub id: u64,
    /// The label that it had last.
    pub label: String,
    /// The class that it had last.
    pub class: u32,
    /// When it was first seen.
    pub since: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// Where it was last seen, in pixels of the source picture.
    #[serde(rename = "box")]
    pub bbox: BBox,
    /// Names of the zones that it was last in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// Seconds that it had been in each of `zones` when it was last seen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dwell: BTreeMap<String, f64>,
}
