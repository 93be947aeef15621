//! What becomes of an alert, as others hand it to the desk.

use parapet_config::{Action, Rule};
use parapet_contracts::{
    Alert, AlertChange, CameraId, EvidenceRef, RuleId, Severity, Timestamp, ports::rule::AlertFollowUp,
};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::clip::ClipOrder;

/// What becomes of an alert.
pub struct UpdateRequest {
    pub(super) id: Uuid,
    pub(super) alert: Uuid,
    pub(super) rule: RuleId,
    pub(super) camera: Option<CameraId>,
    pub(super) change: AlertChange,
    pub(super) severity: Severity,
    pub(super) ts: Timestamp,
    pub(super) by: Option<String>,
    pub(super) note: Option<String>,
    pub(super) evidence: Option<EvidenceRef>,
    pub(super) actions: Vec<Action>,
    pub(super) keep: Option<(String, Option<String>)>,
    pub(super) again: bool,
    /// It concerns nobody outside of the site: it is in no outbox, and no rule hears of it.
    pub(super) quiet: bool,
    pub(super) done: Option<oneshot::Sender<()>>,
}

impl UpdateRequest {
    /// A rule says so.
    pub fn by_rule(follow_up: AlertFollowUp, rule: &Rule, keep: Option<(String, Option<String>)>, again: bool) -> Self {
        let AlertFollowUp { id, alert, change, severity, at: ts, camera, .. } = follow_up;
        Self {
            id,
            alert,
            rule: rule.id.clone(),
            camera,
            change,
            severity,
            ts,
            by: None,
            note: None,
            evidence: None,
            actions: rule.alerting.actions.clone(),
            keep,
            again,
            quiet: false,
            done: None,
        }
    }

    /// Something has become of an alert.
    fn of(alert: &Alert, change: AlertChange, ts: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7(),
            alert: alert.id,
            rule: alert.rule.clone(),
            camera: alert.camera.clone(),
            change,
            severity: alert.severity,
            ts,
            by: None,
            note: None,
            evidence: None,
            actions: Vec::new(),
            keep: None,
            again: false,
            quiet: false,
            done: None,
        }
    }

    /// Somebody has taken notice of an alert, whose rule has these actions.
    pub fn acknowledged(
        alert: &Alert,
        by: Option<String>,
        note: Option<String>,
        at: Timestamp,
        actions: Vec<Action>,
    ) -> Self {
        Self { by, note, actions, ..Self::of(alert, AlertChange::Acknowledged, at) }
    }

    /// A file of its evidence goes: who wants it, and why. What is kept under `key` says that it may still be there.
    pub fn removed(
        alert: &Alert,
        file: EvidenceRef,
        (by, why): (Option<String>, String),
        at: Timestamp,
        key: String,
        quiet: bool,
    ) -> Self {
        let keep = Some((key, Some(String::new())));
        Self { by, note: Some(why), evidence: Some(file), keep, quiet, ..Self::of(alert, AlertChange::Removed, at) }
    }

    /// The clip of an alert is there, or won't be, and why. The order has come to its end.
    pub fn clip(order: ClipOrder, made: Result<EvidenceRef, String>, at: Timestamp) -> Self {
        let keep = Some((order.key(), None));
        let (evidence, note) = match made {
            Ok(evidence) => (Some(evidence), None),
            Err(why) => (None, Some(why)),
        };
        Self {
            id: Uuid::now_v7(),
            alert: order.alert,
            rule: order.rule,
            camera: Some(order.camera),
            change: AlertChange::Evidence,
            severity: order.severity,
            ts: at,
            by: None,
            note,
            evidence,
            actions: order.actions,
            keep,
            again: false,
            quiet: false,
            done: None,
        }
    }

    /// Tells when it is durable.
    pub fn tell(mut self, done: oneshot::Sender<()>) -> Self {
        self.done = Some(done);
        self
    }
}
