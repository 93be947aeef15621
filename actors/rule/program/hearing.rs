//! When what happens has its turn: at once, in the order of times, or never.

use parapet_config::streams;
use parapet_contracts::{
    CameraId, Happening, ModelId, Timestamp,
    ports::rule::{Outcome, RuleProgram, RuleState, RuleStats},
};
use parapet_rule_sql::Engine;

use super::{CLOCK_JUMPED, CLOCK_WAS_SET, LATE_IN_A_ROW, LATENESS, MOST_THINGS, Program, others, time};

impl Program {
    /// Everything before `until` has its turn, and then the time.
    fn up_to(&mut self, until: Timestamp) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while let Some(happening) = self.order.next(until) {
            outcomes.extend(self.take(&happening));
        }
        self.order.close(until);
        outcomes.extend(self.pass(until));
        outcomes
    }

    /// What is wrong with the time of something that is judged alone.
    fn punctuality(&mut self, happening: &Happening) -> Punctuality {
        if !self.alerting.episodes || is_update(happening) {
            return Punctuality::InTime;
        }
        if let Happening::Row(row) = happening {
            // Each thing has a clock of its own, and what it said later holds.
            let stream = self.rule.reads.streams.iter().find(|stream| stream.id == row.stream);
            let Some(subject) = stream.map(|stream| others::subject(row, stream)) else { return Punctuality::Late };
            if self.last_of.len() > MOST_THINGS {
                self.last_of.clear();
            }
            let last = self.last_of.entry(format!("{} {subject}", row.stream)).or_insert(row.ts);
            let late = row.ts < *last;
            *last = row.ts.max(*last);
            return if late { Punctuality::Late } else { Punctuality::InTime };
        }
        match self.heard.get(&source(happening)) {
            Some(last) if last.duration_since(happening.ts()) > CLOCK_WAS_SET => Punctuality::ClockWasSet,
            Some(last) if matches!(happening, Happening::Seen(_)) && happening.ts() <= *last => Punctuality::Late,
            _ => Punctuality::InTime,
        }
    }
}

enum Punctuality {
    InTime,
    Late,
    ClockWasSet,
}

impl RuleProgram for Program {
    fn hear(&mut self, happening: &Happening) -> Vec<Outcome> {
        if !self.concerns(happening) {
            return Vec::new();
        }
        self.stats.events += 1;
        let ts = happening.ts();
        let mut outcomes = Vec::new();
        outcomes.extend(self.first_heard(ts));
        let now = self.engine.as_ref().map(|engine| time(engine.now()));
        if now.is_some_and(|now| ts.duration_since(now) > CLOCK_JUMPED) {
            outcomes.extend(self.begin_anew(ts));
        }
        if self.judges_rows_alone() {
            match self.punctuality(happening) {
                Punctuality::InTime => {}
                Punctuality::ClockWasSet => outcomes.extend(self.begin_anew(ts)),
                Punctuality::Late => {
                    self.stats.late += 1;
                    return outcomes;
                }
            }
            self.note(happening);
            outcomes.extend(self.take(happening));
            return outcomes;
        }
        if !is_update(happening) && self.order.is_late(happening) && !self.is_early_enough(ts) {
            self.stats.late += 1;
            self.late_in_a_row += 1;
            if self.late_in_a_row < LATE_IN_A_ROW {
                return outcomes;
            }
            outcomes.extend(self.begin_anew(ts));
        }
        self.late_in_a_row = 0;
        self.note(happening);
        self.order.put(happening.clone());
        if let Some(until) = self.order.behind(LATENESS) {
            outcomes.extend(self.up_to(until));
        }
        outcomes
    }

    fn advance(&mut self, now: Timestamp) -> Vec<Outcome> {
        self.told_by_clock(now);
        self.up_to(now)
    }

    fn stats(&self) -> RuleStats {
        let (held_back, silenced) = self.alerting.held_back();
        let counted = self.alerting.counted;
        RuleStats { fired: counted.fired, resolved: counted.resolved, held_back, silenced, ..self.stats }
    }

    fn state(&self) -> RuleState {
        let counters = self.engine.as_ref().map(Engine::counters).unwrap_or_default();
        let mut state = RuleState {
            rows: counters.rows_held,
            bytes: counters.state_bytes,
            partitions: counters.partitions_held,
            waiting: self.order.len(),
            watermark_lag_ms: self.order.lag(),
            ..RuleState::default()
        };
        let dropped = [
            ("rows_over_limit", counters.dropped_rows),
            ("unfitting_rows", counters.dropped_invalid),
            ("windows_skipped", counters.skipped_windows),
            ("values_over_limit", counters.dropped_values),
            ("rows_not_taken", counters.dropped_emissions),
            ("partitions_forgotten", counters.evicted_partitions),
            ("groups_over_limit", counters.refused_groups),
            ("matches_over_limit", counters.dropped_matches),
            ("hurried", self.order.hurried()),
            ("latest_forgotten", self.latest.forgotten()),
        ];
        state.dropped.extend(dropped.into_iter().filter(|(_, count)| *count > 0));
        self.alerting.describe(&mut state);
        state
    }

    fn last_error(&self) -> Option<String> {
        self.last_error.clone()
    }
}

impl Program {
    fn note(&mut self, happening: &Happening) {
        if is_update(happening) {
            return;
        }
        let newest = self.heard.entry(source(happening)).or_insert(happening.ts());
        *newest = (*newest).max(happening.ts());
    }
}

/// Whether it says more of an object that a frame has shown before.
pub(super) fn is_update(happening: &Happening) -> bool {
    matches!(happening, Happening::Seen(event) if event.update.is_some())
}

/// Where something comes from, as far as its order goes.
pub(in crate::rule) fn source(happening: &Happening) -> String {
    match happening {
        Happening::Seen(event) => source_of_frames(&event.camera, &event.model),
        Happening::Status(_) => streams::STATUS.to_owned(),
        Happening::Alert(_) | Happening::AlertUpdate(_) => streams::ALERTS.to_owned(),
        Happening::Row(row) => row.stream.to_string(),
    }
}

fn source_of_frames(camera: &CameraId, model: &ModelId) -> String {
    format!("{camera} {model}")
}
