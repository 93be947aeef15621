//! How a site, a camera or a model is: the `data` of the CloudEvents on the `…/status` topics.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CameraId, ModelId, SiteId, Timestamp};

/// The state that others see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// On its way up.
    Starting,
    /// It works.
    Online,
    /// It works in part: a part of it has failed, or is late.
    Degraded,
    /// It failed, and is tried again.
    Failed,
    /// It is away: stopped in order, or gone without a word (then the broker says so, by the last will).
    Offline,
}

impl Health {
    /// The word for JSON, metrics and people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Online => "online",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Offline => "offline",
        }
    }
}

/// What is wrong with a camera's picture, although pictures come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureFault {
    /// Something hangs before the lens, or it was painted over: there is next to no structure left.
    Covered,
    /// It looks elsewhere than before.
    Moved,
    /// The same picture comes again and again.
    Frozen,
    /// There is no light, or the sensor is dead.
    Dark,
    /// Its edges have become soft.
    Defocused,
}

impl PictureFault {
    /// All faults, in the order of their declaration.
    pub const ALL: [Self; 5] = [Self::Covered, Self::Moved, Self::Frozen, Self::Dark, Self::Defocused];

    /// The word for JSON, metrics and people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::Moved => "moved",
            Self::Frozen => "frozen",
            Self::Dark => "dark",
            Self::Defocused => "defocused",
        }
    }

    /// One sentence for people.
    pub fn explain(self) -> &'static str {
        match self {
            Self::Covered => "the picture shows next to nothing: is something in front of the lens?",
            Self::Moved => "the camera looks elsewhere than before: was it turned?",
            Self::Frozen => "the same picture comes again and again: does the camera hang?",
            Self::Dark => "the picture is dark: is there light, and does the sensor work?",
            Self::Defocused => "the picture has become soft: is the lens dirty or out of focus?",
        }
    }
}

/// How a site, or one of its cameras or models, is. Each replaces the one before it on the same topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusEvent {
    /// UUIDv7; the CloudEvent's id.
    pub id: Uuid,
    /// The site.
    pub site: SiteId,
    /// The camera, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<CameraId>,
    /// The model, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelId>,
    /// When this was found, by the site's clock. In a last will: when the connection was made.
    pub ts: Timestamp,
    /// How it is.
    pub health: Health,
    /// Why, in one sentence for people, when there is something to say. Never holds a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is wrong with the camera's picture; absent when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<PictureFault>,
}
