//! What uploaders alone send, besides alerts and events: the error journal, and the files of evidence.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Alert, AlertUpdate, CameraId, ErrorRecord, EvidenceRef, RuleId, SiteId, Timestamp};

/// A failure that the journal notes for the first time. How often it repeats stays in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorEvent {
    /// The site.
    pub site: SiteId,
    /// The record, as it was when it began.
    #[serde(flatten)]
    pub record: ErrorRecord,
}

/// A file of evidence is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidenceEvent {
    /// The CloudEvent's id, and what a receiver deduplicates by.
    pub id: Uuid,
    /// The alert that it belongs to.
    pub alert: Uuid,
    /// The site.
    pub site: SiteId,
    /// The alert's camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<CameraId>,
    /// The alert's rule.
    pub rule: RuleId,
    /// When what the alert tells of happened.
    pub ts: Timestamp,
    /// The file.
    pub evidence: EvidenceRef,
}

impl EvidenceEvent {
    /// A file of an alert.
    pub fn of(alert: &Alert, evidence: &EvidenceRef) -> Self {
        Self {
            id: Uuid::now_v7(),
            alert: alert.id,
            site: alert.site.clone(),
            camera: alert.camera.clone(),
            rule: alert.rule.clone(),
            ts: alert.ts,
            evidence: evidence.clone(),
        }
    }

    /// A file that came after its alert, such as a clip.
    pub fn of_update(update: &AlertUpdate, evidence: &EvidenceRef) -> Self {
        Self {
            id: Uuid::now_v7(),
            alert: update.alert,
            site: update.site.clone(),
            camera: update.camera.clone(),
            rule: update.rule.clone(),
            ts: update.ts,
            evidence: evidence.clone(),
        }
    }
}
