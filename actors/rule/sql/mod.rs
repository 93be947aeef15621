//! A rule as a statement of streaming SQL.
//!
//! Semantics:
//! - Time is event time. A statement with a window or an analytic function sees events in the order of their times: each
//!   waits for [`LATENESS`], and what comes later still is late, and only counted. A statement that judges each row alone waits
//!   for nothing.
//! - Every row that the statement puts out is an alert; of a statement without a window, the rows of one frame are one. The camera
//!   is the row's `camera`, else that of the last event. After an alert of a camera there is none of it for `cooldown`.
//! - The alert's frame is the last one of its camera with objects that the window has seen; without one, the last frame. Its
//!   objects are those that were put out when rows are judged alone, else those with the row's `label`, else all.
//! - Outside its schedule a rule hears nothing and says nothing.
//! - A camera's clock that jumps by more than [`CLOCK_JUMPED`], or that stays behind for [`LATE_IN_A_ROW`] events, begins anew.

mod message;
mod order;
mod rows;
mod status;

use std::{collections::HashMap, sync::Arc};

use jiff::SignedDuration;
use parapet_config::{Rule, streams};
use parapet_contracts::{
    AlertDraft, CameraId, DetectionEvent, Object, Timestamp,
    ports::rule::{RuleProgram, RuleStats},
    status::StatusEvent,
};
use parapet_rule_sql::{
    ChangeKind, Emission, Engine, Event, RuleOptions, SqlError, parse_select,
    plan::{Mode, Plan},
    value::Object as Row,
};

use self::order::Order;
use super::{classic::between, schedule};

/// How long an event waits for earlier ones of other cameras and models.
pub const LATENESS: SignedDuration = SignedDuration::from_millis(500);
/// Time going forward by more than this between two events is a clock that was set.
pub const CLOCK_JUMPED: SignedDuration = SignedDuration::from_hours(24);
/// So many late events with none in time between them are a clock that was set back.
pub const LATE_IN_A_ROW: u32 = 30;

/// A rule in SQL, ready to judge.
pub struct SqlRule {
    rule: Arc<Rule>,
    plan: Arc<Plan>,
    /// Begins with the first event: time has no other beginning.
    engine: Option<Engine>,
    order: Order,
    seen: HashMap<CameraId, LastSeen>,
    last_camera: Option<CameraId>,
    last_alert: HashMap<CameraId, Timestamp>,
    late_in_a_row: u32,
    last_error: Option<String>,
    stats: RuleStats,
}

/// The last events of a camera that the statement has seen.
struct LastSeen {
    any: Arc<DetectionEvent>,
    occupied: Option<Arc<DetectionEvent>>,
}

impl LastSeen {
    /// The event that shows best what happened since `since`.
    fn best(&self, since: Timestamp) -> &Arc<DetectionEvent> {
        self.occupied.as_ref().filter(|event| event.ts >= since).unwrap_or(&self.any)
    }
}

impl SqlRule {
    /// Makes a program of a checked rule and its statement.
    ///
    /// # Errors
    /// When the statement can't be planned, which a checked rule's can.
    pub fn new(rule: Arc<Rule>, sql: &str) -> Result<Self, SqlError> {
        let plan = Arc::new(Plan::new(&parse_select(sql)?, &streams::catalog(), Mode::Rule)?);
        Ok(Self {
            rule,
            plan,
            engine: None,
            order: Order::default(),
            seen: HashMap::new(),
            last_camera: None,
            last_alert: HashMap::new(),
            late_in_a_row: 0,
            last_error: None,
            stats: RuleStats::default(),
        })
    }

    /// True when each row is judged alone, so that the order of rows does not matter.
    pub fn judges_rows_alone(&self) -> bool {
        self.plan.judges_rows_alone()
    }

    fn concerns(&self, event: &DetectionEvent) -> bool {
        self.rule.enabled
            && self.rule.cameras.contains(&event.camera)
            && self.rule.model.as_ref().is_none_or(|model| {
                *model == event.model || event.update.as_ref().is_some_and(|update| *model == update.by)
            })
            && (event.update.is_none() || self.reads(streams::UPDATES))
    }

    fn reads(&self, stream: &str) -> bool {
        self.plan.source(stream).is_some()
    }

    fn begin_anew(&mut self) {
        self.engine = None;
        self.order = Order::default();
        self.late_in_a_row = 0;
        self.stats.restarted += 1;
    }

    fn engine(&mut self, at: i64) -> &mut Engine {
        self.engine.get_or_insert_with(|| {
            let options = RuleOptions {
                rule_id: self.rule.id.to_string(),
                zone: self.rule.time_zone.clone(),
                max_rows: 100_000,
                max_emissions: 10_000,
                ..RuleOptions::default()
            };
            Engine::from_plan(Arc::clone(&self.plan), options, at)
        })
    }

    /// The time has come this far: windows that end by then are judged.
    fn pass(&mut self, now: Timestamp) -> Vec<AlertDraft> {
        let Some(engine) = &mut self.engine else { return Vec::new() };
        engine.advance(now.as_millisecond());
        let emissions: Vec<Emission> = engine.drain().collect();
        self.of_windows(emissions)
    }

    /// An event's turn has come.
    fn take(&mut self, event: &Arc<DetectionEvent>) -> Vec<AlertDraft> {
        let mut at = event.ts.as_millisecond();
        if event.update.is_some() {
            // A following model may answer when the time of its frame is over: what it says counts from now on.
            at = at.max(self.engine.as_ref().map_or(at, Engine::now));
        }
        self.engine(at);
        // What was over before this event is judged without it.
        let mut drafts = self.pass(event.ts);
        self.remember(event);
        if !schedule::is_awake(&self.rule, event.ts) {
            return drafts;
        }
        let zone = self.rule.time_zone.clone();
        // An update is no frame, and its object no detection: both were told before.
        let reads = |stream: &str| event.update.is_none() && self.reads(stream);
        let [frames, detections, tracks] = [streams::FRAMES, streams::DETECTIONS, streams::TRACKS].map(reads);
        let mut put_out: Vec<(Option<usize>, Emission)> = Vec::new();
        let engine = self.engine(at);
        if frames {
            let data = Arc::new(rows::frame(event, &zone));
            engine.push(&Event { stream: streams::FRAMES.into(), at, data, meta: None });
            put_out.extend(engine.drain().map(|emission| (None, emission)));
        }
        if detections {
            let stream: Arc<str> = streams::DETECTIONS.into();
            let common = rows::common(event, &zone);
            for (index, object) in event.objects.iter().enumerate() {
                let data = rows::detection(&common, object, &zone);
                engine.push(&Event { stream: Arc::clone(&stream), at, data, meta: None });
                put_out.extend(engine.drain().map(|emission| (Some(index), emission)));
            }
        }
        if tracks {
            for (index, data) in rows::tracks(event, &zone) {
                engine.push(&Event { stream: streams::TRACKS.into(), at, data, meta: None });
                put_out.extend(engine.drain().map(|emission| (index, emission)));
            }
        }
        if let Some(update) = &event.update {
            for data in rows::updates(event, update, &zone) {
                engine.push(&Event { stream: streams::UPDATES.into(), at, data, meta: None });
                put_out.extend(engine.drain().map(|emission| (Some(0), emission)));
            }
        }
        if self.plan.window.is_some() {
            drafts.extend(self.of_windows(put_out.into_iter().map(|(_, emission)| emission).collect()));
        } else {
            drafts.extend(self.of_frame(event, put_out));
        }
        drafts
    }

    fn remember(&mut self, event: &Arc<DetectionEvent>) {
        let seen = self
            .seen
            .entry(event.camera.clone())
            .or_insert_with(|| LastSeen { any: Arc::clone(event), occupied: None });
        seen.any = Arc::clone(event);
        if !event.objects.is_empty() {
            seen.occupied = Some(Arc::clone(event));
        }
        self.last_camera = Some(event.camera.clone());
    }

    /// The rows of an emission; an error is counted and told. That something is over is no alert.
    fn rows(&mut self, emission: Emission) -> Vec<Row> {
        if emission.change.is_some_and(|change| change.kind == ChangeKind::Resolved) {
            return Vec::new();
        }
        match emission.result {
            Ok(rows) => {
                self.stats.matched += rows.len() as u64;
                rows
            }
            Err(error) => {
                self.stats.errors += 1;
                self.last_error = Some(error);
                Vec::new()
            }
        }
    }

    /// One alert at most: the objects of a frame whose rows were put out.
    fn of_frame(&mut self, event: &Arc<DetectionEvent>, put_out: Vec<(Option<usize>, Emission)>) -> Vec<AlertDraft> {
        let mut first: Option<Row> = None;
        let mut objects: Vec<Object> = Vec::new();
        for (index, emission) in put_out {
            let rows = self.rows(emission);
            if let Some(row) = rows.into_iter().next() {
                match index {
                    Some(index) => objects.extend(event.objects.get(index).cloned()),
                    None => objects.clone_from(&event.objects),
                }
                first.get_or_insert(row);
            }
        }
        let Some(row) = first else { return Vec::new() };
        self.draft(event, event.ts, event.ts, objects, &row).into_iter().collect()
    }

    /// An alert for each row of each window, unless its camera's cooldown holds it back.
    fn of_windows(&mut self, emissions: Vec<Emission>) -> Vec<AlertDraft> {
        let mut drafts = Vec::new();
        for emission in emissions {
            let (at, range) = (time(emission.at), emission.range);
            for row in self.rows(emission) {
                let since = range.map_or(at, |range| time(range.start));
                let camera = row.find("camera").and_then(|camera| camera.as_str());
                let camera = camera
                    .and_then(|camera| self.seen.get(camera))
                    .or_else(|| self.last_camera.as_ref().and_then(|camera| self.seen.get(camera)));
                let Some(event) = camera.map(|seen| Arc::clone(seen.best(since))) else { continue };
                let label = row.find("label").and_then(|label| label.as_str());
                let alike = |object: &&Object| label.is_some_and(|label| object.label == label);
                let mut objects: Vec<Object> = event.objects.iter().filter(alike).cloned().collect();
                if objects.is_empty() {
                    objects.clone_from(&event.objects);
                }
                drafts.extend(self.draft(&event, at, since.min(event.ts), objects, &row));
            }
        }
        drafts
    }

    fn draft(
        &mut self,
        event: &Arc<DetectionEvent>,
        at: Timestamp,
        since: Timestamp,
        objects: Vec<Object>,
        row: &Row,
    ) -> Option<AlertDraft> {
        if !schedule::is_awake(&self.rule, at) {
            return None;
        }
        let last = self.last_alert.get(&event.camera);
        if last.is_some_and(|last| *last <= at && between(*last, at) < self.rule.cooldown) {
            self.stats.held_back += 1;
            return None;
        }
        self.last_alert.insert(event.camera.clone(), at);
        self.stats.fired += 1;
        let message = message::message(&self.rule, row, &event.camera, &objects);
        Some(AlertDraft { event: Arc::clone(event), since, objects, message })
    }
}

impl RuleProgram for SqlRule {
    fn on_event(&mut self, event: &Arc<DetectionEvent>) -> Vec<AlertDraft> {
        if !self.concerns(event) {
            return Vec::new();
        }
        self.stats.events += 1;
        let now = self.engine.as_ref().map(|engine| time(engine.now()));
        if now.is_some_and(|now| event.ts.duration_since(now) > CLOCK_JUMPED) {
            self.begin_anew();
        }
        if self.judges_rows_alone() {
            return self.take(event);
        }
        if event.update.is_none() && self.order.is_late(event) {
            self.stats.late += 1;
            self.late_in_a_row += 1;
            if self.late_in_a_row < LATE_IN_A_ROW {
                return Vec::new();
            }
            self.begin_anew();
        }
        self.late_in_a_row = 0;
        self.order.put(Arc::clone(event));
        match self.order.behind(LATENESS) {
            Some(until) => self.up_to(until),
            None => Vec::new(),
        }
    }

    fn on_status(&mut self, status: &StatusEvent, event: &Arc<DetectionEvent>) -> Vec<AlertDraft> {
        self.take_status(status, event)
    }

    fn hears_statuses(&self) -> bool {
        self.reads(streams::STATUS)
    }

    fn advance(&mut self, now: Timestamp) -> Vec<AlertDraft> {
        self.up_to(now)
    }

    fn stats(&self) -> RuleStats {
        self.stats
    }

    fn last_error(&self) -> Option<String> {
        self.last_error.clone()
    }

    fn hears_updates(&self) -> bool {
        self.reads(streams::UPDATES)
    }
}

impl SqlRule {
    /// Every event before `until` has its turn, and then the time.
    fn up_to(&mut self, until: Timestamp) -> Vec<AlertDraft> {
        let mut drafts = Vec::new();
        while let Some(event) = self.order.next(until) {
            drafts.extend(self.take(&event));
        }
        self.order.close(until);
        drafts.extend(self.pass(until));
        drafts
    }
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
