//! What a rule can hear of.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Alert, AlertUpdate, CameraId, DetectionEvent, SiteId, StreamEvent, Timestamp, status::StatusEvent};

/// One thing that has happened, of any stream. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Happening {
    /// What a model saw in a frame.
    Seen(Arc<DetectionEvent>),
    /// How a camera or the site is from now on.
    Status(Arc<StatusEvent>),
    /// A rule has fired.
    Alert(Arc<Alert>),
    /// Something became of an alert.
    AlertUpdate(Arc<AlertUpdate>),
    /// A message of a declared stream.
    Row(Arc<StreamEvent>),
}

impl Happening {
    /// When, by event time; of alerts and what becomes of them, when they were told.
    pub fn ts(&self) -> Timestamp {
        match self {
            Self::Seen(event) => event.ts,
            Self::Status(event) => event.ts,
            // The frame of an alert may be older than what its rule waited for.
            Self::Alert(alert) => alert.raised_at,
            Self::AlertUpdate(update) => update.recorded_at,
            Self::Row(row) => row.ts,
        }
    }

    /// The id of the event.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Seen(event) => event.id,
            Self::Status(event) => event.id,
            Self::Alert(alert) => alert.id,
            Self::AlertUpdate(update) => update.id,
            Self::Row(row) => row.id,
        }
    }

    /// The site.
    pub fn site(&self) -> &SiteId {
        match self {
            Self::Seen(event) => &event.site,
            Self::Status(event) => &event.site,
            Self::Alert(alert) => &alert.site,
            Self::AlertUpdate(update) => &update.site,
            Self::Row(row) => &row.site,
        }
    }

    /// The camera that it is about, when it is about one.
    pub fn camera(&self) -> Option<&CameraId> {
        match self {
            Self::Seen(event) => Some(&event.camera),
            Self::Status(event) => event.camera.as_ref(),
            Self::Alert(alert) => alert.camera.as_ref(),
            Self::AlertUpdate(update) => update.camera.as_ref(),
            Self::Row(_) => None,
        }
    }
}

impl From<Arc<DetectionEvent>> for Happening {
    fn from(event: Arc<DetectionEvent>) -> Self {
        Self::Seen(event)
    }
}
