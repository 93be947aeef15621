//! When a program begins to listen, without anything to hear: rules that wait for silence count it from then on.
//!
//! Time is that of events; before the first it is the clock's. A camera whose clock is right comes in time for it, give or take what
//! it took to get here. When the clocks do not agree, the program begins anew at the time of what it hears, and counts the silence
//! of those who were not heard yet from as long ago as it has listened.

use std::sync::Arc;

use jiff::SignedDuration;
use parapet_config::{Rule, streams};
use parapet_contracts::{Timestamp, ports::rule::Outcome};
use parapet_rule_sql::{
    Engine,
    value::{Object, Value},
};

use super::{CLOCK_WAS_SET, Program};

/// How far the first event may be ahead of the clock, which is told two seconds late.
const AHEAD: SignedDuration = SignedDuration::from_secs(10);

/// How far a program has come with the clock alone.
#[derive(Debug, Default)]
pub(super) struct Listening {
    /// Since when it listens, by the clock.
    began: Option<Timestamp>,
    /// The last time that was told before anything was heard.
    until: Option<Timestamp>,
    /// Whether anything was heard since it began.
    heard: bool,
    /// How long it had listened, in milliseconds, when it took up the time of events that do not agree with the clock.
    pub(super) waited: i64,
}

impl Program {
    /// Whether it says something when nobody speaks, so that it must be told the time before anything was heard.
    pub fn waits_for_silence(&self) -> bool {
        self.rule.enabled && self.plan.waits_for_silence()
    }

    /// It listens from now on. `gap`: nobody has listened since it was written down. Only rules that wait for silence mind.
    pub fn listen(&mut self, now: Timestamp, gap: bool) {
        if !self.waits_for_silence() {
            return;
        }
        self.listening = Listening { began: Some(now), ..Listening::default() };
        let at = now.as_millisecond();
        let engine = self.engine(at);
        if gap && engine.now() <= at {
            engine.listens_from(at);
        }
    }

    /// The clock says so, and nothing was heard yet.
    pub(super) fn told_by_clock(&mut self, now: Timestamp) {
        if self.listening.began.is_some() && !self.listening.heard {
            self.listening.until = self.listening.until.max(Some(now));
        }
    }

    /// Whether something that is late comes in time all the same: it was on its way while there was nothing but the clock.
    pub(super) fn is_early_enough(&self, ts: Timestamp) -> bool {
        self.listening.until.is_some_and(|until| ts <= until && until.duration_since(ts) <= CLOCK_WAS_SET)
    }

    /// The first thing is heard: when its clock does not agree with this one, time begins anew with it.
    pub(super) fn first_heard(&mut self, ts: Timestamp) -> Vec<Outcome> {
        if self.listening.heard {
            return Vec::new();
        }
        self.listening.heard = true;
        let Some(until) = self.listening.until.or(self.listening.began).filter(|_| self.heard.is_empty()) else {
            return Vec::new();
        };
        let apart = ts.duration_since(until);
        if (-CLOCK_WAS_SET..=AHEAD).contains(&apart) {
            return Vec::new();
        }
        let waited = self.listening.began.map_or(0, |began| until.duration_since(began).as_millis());
        self.listening.waited = i64::try_from(waited).unwrap_or(0);
        self.listening.until = None;
        self.begin_anew(ts)
    }
}

/// Tells an engine of the cameras that are expected, if it minds.
pub(super) fn expect(engine: &mut Engine, rule: &Rule, since: i64) {
    for camera in &rule.reads.expects {
        let mut row = Object::new();
        row.set("camera", Value::str(camera.as_str()));
        if let Some(model) = &rule.model {
            row.set("model", Value::str(model.as_str()));
        }
        let row = Arc::new(row);
        for stream in [streams::FRAMES, streams::DETECTIONS, streams::TRACKS] {
            engine.expect(stream, Arc::clone(&row), since);
        }
    }
}
