//! The stream `status`: a rule that hears what becomes of a camera.
//!
//! A status is found by the site and not seen in a frame, so it waits for no earlier one; its row's time is the rule's own when that is
//! ahead already.

use std::sync::Arc;

use jiff::tz::TimeZone;
use parapet_config::streams;
use parapet_contracts::{AlertDraft, DetectionEvent, status::StatusEvent};
use parapet_rule_sql::{
    Emission, Engine, Event,
    value::{Object, Value},
};

use super::{SqlRule, rows, schedule};

impl SqlRule {
    /// Takes a status whose turn is now; `event` is what alerts refer to.
    pub(super) fn take_status(&mut self, status: &StatusEvent, event: &Arc<DetectionEvent>) -> Vec<AlertDraft> {
        let concerns = self.rule.enabled && self.rule.cameras.contains(&event.camera) && self.reads(streams::STATUS);
        if !concerns {
            return Vec::new();
        }
        self.stats.events += 1;
        let at = self.engine.as_ref().map_or(i64::MIN, Engine::now).max(event.ts.as_millisecond());
        self.engine(at);
        let mut drafts = self.pass(super::time(at));
        self.remember(event);
        if !schedule::is_awake(&self.rule, event.ts) {
            return drafts;
        }
        let data = Arc::new(row(status, &self.rule.time_zone));
        let engine = self.engine(at);
        engine.push(&Event { stream: streams::STATUS.into(), at, data, meta: None });
        let put_out: Vec<Emission> = engine.drain().collect();
        if self.plan.window.is_some() {
            drafts.extend(self.of_windows(put_out));
        } else {
            drafts.extend(self.of_frame(event, put_out.into_iter().map(|emission| (None, emission)).collect()));
        }
        drafts
    }
}

/// The row of a status. What is absent reads as null.
fn row(status: &StatusEvent, zone: &TimeZone) -> Object {
    let mut row: Object = [
        ("site", Value::str(status.site.as_str())),
        ("ts", rows::time(status.ts, zone)),
        ("health", Value::str(status.health.as_str())),
    ]
    .into_iter()
    .map(|(name, value)| (Arc::from(name), value))
    .collect();
    if let Some(camera) = &status.camera {
        row.set("camera", Value::str(camera.as_str()));
    }
    if let Some(picture) = status.picture {
        row.set("picture", Value::str(picture.as_str()));
    }
    if let Some(reason) = &status.reason {
        row.set("reason", Value::str(reason));
    }
    row
}
