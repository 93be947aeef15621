//! How a site or a camera is: the `data` of the CloudEvents on the `…/status` topics.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CameraId, SiteId, Timestamp};

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

/// How a site, or one of its cameras, is. Each replaces the one before it on the same topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusEvent {
    /// UUIDv7; the CloudEvent's id.
    pub id: Uuid,
    /// The site.
    pub site: SiteId,
    /// The camera; absent when it is about the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<CameraId>,
    /// When this was found, by the site's clock. In a last will: when the connection was made.
    pub ts: Timestamp,
    /// How it is.
    pub health: Health,
    /// Why, in one sentence for people, when there is something to say. Never holds a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
