//! Alerts: immutable once written. What comes later follows as records that name the alert's id.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CameraId, DetectionEvent, ModelId, Object, RuleId, SiteId, TimeSource, Timestamp, chain::Link};

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertDraft {
    /// The id that the alert will have: the same again when the same events are judged again.
    pub id: Uuid,
    /// What the alert is about: of two alerts of a rule with one key, the second is held back while the first goes on.
    pub key: String,
    /// The camera, when it is about one.
    pub camera: Option<CameraId>,
    /// The frame that shows it, when there is one.
    pub event: Option<Arc<DetectionEvent>>,
    /// The id of what made the rule fire: a detection event, or a message of another stream.
    pub cause: Uuid,
    /// When that happened, by event time.
    pub ts: Timestamp,
    /// Since when the condition has held.
    pub since: Timestamp,
    /// The objects that matter, a part of the event's.
    pub objects: Vec<Object>,
    /// How bad it is.
    pub severity: Severity,
    /// A few words for people.
    pub title: Option<String>,
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
    /// The camera; absent when it is about none, as that of a door contact may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<CameraId>,
    /// The rule that fired.
    pub rule: RuleId,
    /// The model whose event made it fire; absent when none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelId>,
    /// How bad it is.
    pub severity: Severity,
    /// A few words for people, when the rule has a title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// One sentence for people.
    pub message: String,
    /// What it is about: the rule's deduplication key, filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When what made the rule fire happened: of a frame, when the camera took it.
    pub ts: Timestamp,
    /// What `ts` was derived from.
    pub ts_source: TimeSource,
    /// Since when the condition has held.
    pub since: Timestamp,
    /// When the rule fired, by the site's clock.
    pub raised_at: Timestamp,
    /// The frame's index in its stream, when a frame shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// The id of the event that made it fire.
    pub event: Uuid,
    /// Width of the picture in pixels: boxes refer to it. 0 when no frame shows it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub width: u32,
    /// Height of the picture in pixels. 0 when no frame shows it.
    #[serde(default, skip_serializing_if = "is_zero")]
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

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What became of an alert after it was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertChange {
    /// Its condition no longer holds.
    Resolved,
    /// Somebody has taken notice: it is told again no more.
    Acknowledged,
    /// It went on for so long that it is worse than it was.
    Escalated,
    /// It goes on and nobody has acknowledged it: it is told again.
    Reminded,
    /// A clip that shows it is there, or could not be made.
    Evidence,
    /// A file of its evidence was removed: by somebody, or because its time or its room was over.
    Removed,
}

impl AlertChange {
    /// The word for JSON, metrics and people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::Acknowledged => "acknowledged",
            Self::Escalated => "escalated",
            Self::Reminded => "reminded",
            Self::Evidence => "evidence",
            Self::Removed => "removed",
        }
    }
}

/// A record that follows an alert and names it: the alert itself never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertUpdate {
    /// The CloudEvent's id, and what a receiver deduplicates by.
    pub id: Uuid,
    /// The alert's id.
    pub alert: Uuid,
    /// The site.
    pub site: SiteId,
    /// The alert's camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<CameraId>,
    /// The alert's rule.
    pub rule: RuleId,
    /// What happened.
    pub change: AlertChange,
    /// How bad the alert is from now on.
    pub severity: Severity,
    /// When: by event time, and of an acknowledgement by the site's clock.
    pub ts: Timestamp,
    /// When it was written, by the site's clock.
    pub recorded_at: Timestamp,
    /// Who did it, as they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What they said; of evidence that is missing or was removed, why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The file that is there now, or was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceRef>,
    /// Its place among the records about the alert; absent of those from before records were chained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
}

/// A file in the evidence folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRef {
    /// Path below the evidence folder, with `/` between parts: `2026-11-23/gate-north/<alert id>.jpg`.
    pub path: String,
    /// Media type: `image/jpeg`, `video/mp4`.
    pub media_type: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, 64 hex digits.
    pub sha256: String,
}
