//! A time in which somebody does not want to be told.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CameraId, RuleId, Timestamp};

/// Alerts that it covers are not raised; what still goes on when it is over is raised then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// Its id.
    pub id: Uuid,
    /// Only of this rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// Only of this camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<CameraId>,
    /// Only about this: an alert's `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// From then on.
    pub from: Timestamp,
    /// Until then, exclusive.
    pub until: Timestamp,
    /// Who, as they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, as they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Silence {
    /// Whether it is about alerts of this rule, about this thing, of this camera.
    pub fn concerns(&self, rule: &RuleId, camera: Option<&CameraId>, key: &str) -> bool {
        self.rule.as_ref().is_none_or(|own| own == rule)
            && self.camera.as_ref().is_none_or(|own| camera == Some(own))
            && self.key.as_ref().is_none_or(|own| own == key)
    }
}
