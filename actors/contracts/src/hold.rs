//! Which evidence is meant, and holds: what a hold covers is removed by nobody, until somebody ends the hold.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CameraId, Timestamp};

/// Evidence that fits all that is given. Of alerts it is the time at which they were raised that counts, of recordings that of their pictures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Of this alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<Uuid>,
    /// Of this camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<CameraId>,
    /// At or after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Selection {
    /// Whether nothing is given: it would be all evidence.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it means the evidence of an alert, or a file of no alert.
    pub fn covers(&self, alert: Option<Uuid>, camera: Option<&CameraId>, at: Timestamp) -> bool {
        self.alert.is_none_or(|wanted| alert == Some(wanted))
            && self.camera.as_ref().is_none_or(|wanted| camera == Some(wanted))
            && self.from.is_none_or(|from| at >= from)
            && self.until.is_none_or(|until| at < until)
    }

    /// Whether it means a recording of a camera, in part or whole. One of an alert means none.
    pub fn overlaps(&self, camera: &CameraId, span: &Range<Timestamp>) -> bool {
        self.alert.is_none()
            && self.camera.as_ref().is_none_or(|wanted| wanted == camera)
            && self.from.is_none_or(|from| span.end > from)
            && self.until.is_none_or(|until| span.start < until)
    }
}

/// Evidence that must not be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// UUIDv7.
    pub id: Uuid,
    /// What is held, what comes later included.
    #[serde(flatten)]
    pub what: Selection,
    /// Since when.
    pub at: Timestamp,
    /// Who wants it, as they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why.
    pub note: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-25T{text}Z").parse().unwrap()
    }

    #[test]
    fn all_that_is_given_must_fit() {
        let (gate, dock): (CameraId, CameraId) = ("gate".parse().unwrap(), "dock".parse().unwrap());
        let what = Selection {
            camera: Some(gate.clone()),
            from: Some(at("08:00:00")),
            until: Some(at("09:00:00")),
            ..Selection::default()
        };
        let id = Some(Uuid::from_u128(1));
        assert!(what.covers(id, Some(&gate), at("08:00:00")) && what.covers(None, Some(&gate), at("08:59:59")));
        assert!(!what.covers(id, Some(&gate), at("09:00:00")), "the end is exclusive");
        assert!(!what.covers(id, Some(&dock), at("08:30:00")) && !what.covers(id, None, at("08:30:00")));
        let one = Selection { alert: id, ..Selection::default() };
        assert!(one.covers(id, None, at("01:00:00")) && !one.covers(None, None, at("01:00:00")));
        assert!(Selection::default().is_empty() && !one.is_empty());
    }

    #[test]
    fn a_recording_is_meant_when_a_part_of_it_is() {
        let gate: CameraId = "gate".parse().unwrap();
        let what = Selection { from: Some(at("08:00:00")), until: Some(at("09:00:00")), ..Selection::default() };
        let span = |from, until| at(from)..at(until);
        assert!(
            what.overlaps(&gate, &span("07:59:50", "08:00:01")) && what.overlaps(&gate, &span("08:59:59", "09:01:00"))
        );
        assert!(
            !what.overlaps(&gate, &span("07:59:50", "08:00:00"))
                && !what.overlaps(&gate, &span("09:00:00", "09:01:00"))
        );
        let of_alert = Selection { alert: Some(Uuid::nil()), ..what };
        assert!(!of_alert.overlaps(&gate, &span("08:10:00", "08:20:00")));
    }

    #[test]
    fn a_hold_is_written_in_one_level() {
        let hold = Hold {
            id: Uuid::from_u128(7),
            what: Selection { camera: Some("gate".parse().unwrap()), ..Selection::default() },
            at: at("08:00:00"),
            by: None,
            note: "case 7".to_owned(),
        };
        let json = serde_json::to_value(&hold).unwrap();
        assert_eq!((&json["camera"], &json["note"]), (&"gate".into(), &"case 7".into()), "{json}");
        assert_eq!(serde_json::from_value::<Hold>(json).unwrap(), hold);
    }
}
