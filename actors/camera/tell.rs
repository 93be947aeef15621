//! What a camera's actor tells the site of itself: its board, the bus, the journal, the rules.

use parapet_contracts::status::{Health, PictureFault};

use super::{CameraState, actor::CameraStateData};
use crate::journal::Failure;

impl CameraStateData {
    /// Tells a new state, and only a new one.
    pub(super) fn enter(&self, state: CameraState, reason: Option<String>) {
        if !self.parts.board.enter(state) {
            return;
        }
        tracing::info!(camera = %self.name(), ?state, "camera");
        self.publish(reason);
    }

    /// What is wrong with the picture has changed.
    pub(super) fn judge_picture(&mut self, fault: Option<PictureFault>) {
        let before = std::mem::replace(&mut self.fault, fault);
        if before == fault {
            return;
        }
        self.parts.board.set_picture(fault);
        match fault {
            Some(fault) => {
                self.report(fault.as_str(), fault.explain().to_owned());
                self.publish(None);
            }
            None => {
                tracing::info!(camera = %self.name(), "the picture is as it should be again");
                self.publish(Some("the picture is as it should be again".to_owned()));
            }
        }
    }

    /// How the camera is, to the bus and to the rules. The main stream of one whose substream is watched has no status of its own.
    fn publish(&self, reason: Option<String>) {
        if self.parts.role.is_main() {
            return;
        }
        let health = match (self.parts.board.state(), self.fault) {
            (CameraState::Live, None) => Health::Online,
            (CameraState::Live, Some(_)) => Health::Degraded,
            (CameraState::Connecting, _) => Health::Starting,
            (CameraState::Waiting, _) => Health::Failed,
            (CameraState::Disabled | CameraState::Ended | CameraState::Stopped, _) => Health::Offline,
        };
        let reason = reason.or_else(|| self.fault.map(|fault| fault.explain().to_owned()));
        self.parts.bus.camera(&self.parts.config.id, health, reason, self.fault);
    }

    pub(super) fn report(&self, kind: &str, text: String) {
        self.parts.journal.report(Failure::new(format!("cameras/{}", self.name()), kind, text));
    }

    /// An error's text with the place that it is about, once.
    pub(super) fn placed(&self, text: &str) -> String {
        let place = self.parts.source().location.to_string();
        if text.starts_with(&place) { text.to_owned() } else { format!("{place}: {text}") }
    }

    fn name(&self) -> String {
        self.parts.role.actor(&self.parts.config.id)
    }
}
