//! Alerts: immutable once written. What comes later follows as records that name the alert's id.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CameraId, ModelId, Object, RuleId, SiteId, TimeSource, Timestamp};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// Somebody must act.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

/// What a rule says when it fires, before the site makes an alert of it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertDraft {
    /// The event that made the rule fire.
    pub event: std::sync::Arc<crate::DetectionEvent>,
    /// Since when the condition has held.
    pub since: Timestamp,
    /// The objects that matter, a part of the event's.
    pub objects: Vec<Object>,
    /// One sentence for people.
    pub message: String,
}

/// Somebody should know. Written once, with its evidence reference, in one synced batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// UUIDv7; the CloudEvent's id, and what a receiver deduplicates by.
    pub id: Uuid,
    /// The site.
    pub site: SiteId,
    /// The camera.
    pub camera: CameraId,
    /// The rule that fired.
    pub rule: RuleId,
    /// The model whose event made it fire.
    pub model: ModelId,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence for people.
    pub message: String,
    /// When the camera took the frame that made the rule fire.
    pub ts: Timestamp,
    /// What `ts` was derived from.
    pub ts_source: TimeSource,
    /// Since when the condition has held.
    pub since: Timestamp,
    /// When the rule fired, by the site's clock.
    pub raised_at: Timestamp,
    /// The frame's index in its stream.
    pub frame: u64,
    /// The id of the detection event that made it fire.
    pub event: Uuid,
    /// Width of the picture in pixels: boxes refer to it.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// The objects that made it fire.
    pub objects: Vec<Object>,
    /// The picture, when one could be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceRef>,
    /// The W3C trace id of the frame, 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// A file in the evidence folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRef {
    /// Path below the evidence folder, with `/` between parts: `2026-11-23/gate-north/<alert id>.jpg`.
    pub path: String,
    /// Media type: `image/jpeg`.
    pub media_type: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, 64 hex digits.
    pub sha256: String,
}
