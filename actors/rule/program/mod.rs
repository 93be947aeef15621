//! A rule at work: a statement of streaming SQL, and what becomes of the rows that it puts out. Pure: no clock, no I/O.
//!
//! Semantics:
//! - Time is event time. A statement with a window, a memory or a join sees what happens in the order of its times: each
//!   thing waits for [`LATENESS`], and what comes later still is late, and only counted. A statement that judges each row alone
//!   waits for nothing.
//! - Of a statement without a window, the rows of one frame with the same key are one alert. The camera is the row's `camera`,
//!   else that of the frame.
//! - The alert's frame is the last one of its camera with objects that the window has counted; without one, the last frame. Its
//!   objects are those whose rows were put out, or counted for what was put out.
//! - Outside its schedule a rule hears nothing and says nothing new; what goes on is still resolved.
//! - A clock that jumps by more than [`CLOCK_JUMPED`], or that stays behind for [`LATE_IN_A_ROW`] events, begins anew.
//! - What alerts come of rows, and when they are over, is [`alerting`]'s.

mod alerting;
mod feeding;
mod findings;
mod hearing;
mod listening;
mod message;
mod order;
pub(crate) mod others;
pub(crate) mod rows;
mod saved;
mod shown;

use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;
use parapet_config::{Condition, Rule, RuleBody, Table, columns::ColumnKind, streams};
use parapet_contracts::{
    CameraId, DetectionEvent, Happening, Silence, TableId, Timestamp,
    ports::rule::{Outcome, RuleStats},
};
use parapet_rule_sql::{
    Catalog, Emission, Engine, RuleOptions, SqlError, parse_select,
    plan::{Mode, Plan, PlanWindowKind},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(super) use hearing::source;
pub(super) use rows::stands_in;

use self::{alerting::Alerting, hearing::is_update, listening::Listening, order::Order, others::Latest};
use super::{classic, schedule};

/// How long a thing waits for earlier ones of other streams, cameras and models.
pub const LATENESS: SignedDuration = SignedDuration::from_millis(500);
/// Time going forward by more than this between two events is a clock that was set.
pub const CLOCK_JUMPED: SignedDuration = SignedDuration::from_hours(24);
/// Time going back by more than this is a clock that was set, and not a frame that is late.
pub const CLOCK_WAS_SET: SignedDuration = SignedDuration::from_secs(5);
/// So many late events with none in time between them are a clock that was set back.
pub const LATE_IN_A_ROW: u32 = 30;

/// Things of streams whose last message is remembered at most, to tell what comes late.
const MOST_THINGS: usize = 10_000;

/// Tables by name, as they are now.
pub type Tables = BTreeMap<TableId, Arc<Table>>;

/// A rule's statement, planned.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The statement: of the classic form, the one that says the same.
    pub sql: String,
    /// Its plan.
    pub plan: Arc<Plan>,
}

/// Plans the statement of a checked rule.
///
/// # Errors
/// When it can't be planned, which that of a checked rule can.
pub fn compile(rule: &Rule) -> Result<Compiled, SqlError> {
    let sql = match &rule.body {
        RuleBody::Classic(conditions) => classic::statement(rule, conditions),
        RuleBody::Sql(sql) => sql.clone(),
    };
    let mut catalog: Catalog = streams::catalog();
    rule.reads.relations.iter().cloned().for_each(|relation| catalog.add(relation));
    streams::schedule(&mut catalog, &rule.reads.schedules);
    let plan = Arc::new(Plan::new(&parse_select(&sql)?, &catalog, Mode::Rule)?);
    Ok(Compiled { sql, plan })
}

/// A rule, ready to judge.
pub struct Program {
    rule: Arc<Rule>,
    plan: Arc<Plan>,
    /// Whether it can be said of a row alone whether it counts, and the keys of groups that are put out.
    tells_rows_apart: bool,
    keys_put_out: Vec<(Arc<str>, usize)>,
    /// Begins with the first event, or when the program of a rule that waits for silence [listens](Program::listen).
    engine: Option<Engine>,
    listening: Listening,
    order: Order,
    alerting: Alerting,
    seen: BTreeMap<CameraId, LastSeen>,
    last_camera: Option<CameraId>,
    /// The newest that was heard of each camera and model, and of each other stream.
    heard: BTreeMap<String, Timestamp>,
    /// How each camera, and under the empty name the site, was.
    health: BTreeMap<String, String>,
    latest: Latest,
    /// When each thing of the streams last said something.
    last_of: BTreeMap<String, Timestamp>,
    tables: Vec<(TableId, Arc<Table>)>,
    late_in_a_row: u32,
    last_error: Option<String>,
    stats: RuleStats,
}

/// The last events of a camera that the statement has seen.
#[derive(Debug, Clone, Serialize, Deserialize)]
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

impl Program {
    /// Makes a program of a checked rule.
    ///
    /// # Errors
    /// When the statement can't be planned, which a checked rule's can.
    pub fn new(rule: Arc<Rule>) -> Result<Self, SqlError> {
        let compiled = compile(&rule)?;
        Ok(Self::of(rule, compiled.plan))
    }

    /// Makes a program of a checked rule and its plan.
    pub fn of(rule: Arc<Rule>, plan: Arc<Plan>) -> Self {
        let between = match plan.window.as_ref().map(|window| &window.kind) {
            Some(PlanWindowKind::Tumbling { length, .. }) => *length,
            Some(PlanWindowKind::Hopping { interval, .. }) => *interval,
            Some(PlanWindowKind::Session { length, timeout, .. }) => length.saturating_add(*timeout),
            _ => 0,
        };
        let keyed =
            |name: &str| rule.reads.streams.iter().any(|stream| stream.id.as_str() == name && stream.key.is_some());
        let level = plan.window.is_none()
            && plan
                .sources
                .iter()
                .filter(|source| !source.relation.table)
                .all(|source| source.name.as_ref() == streams::STATUS || keyed(&source.name));
        let alerting = Alerting::new(Arc::clone(&rule), level, between, plan.alert.is_some());
        Self {
            rule,
            tells_rows_apart: plan.tells_rows_apart(),
            keys_put_out: plan.keys_put_out(),
            plan,
            engine: None,
            listening: Listening::default(),
            order: Order::default(),
            alerting,
            seen: BTreeMap::new(),
            last_camera: None,
            heard: BTreeMap::new(),
            health: BTreeMap::new(),
            latest: Latest::default(),
            last_of: BTreeMap::new(),
            tables: Vec::new(),
            late_in_a_row: 0,
            last_error: None,
            stats: RuleStats::default(),
        }
    }

    /// True when each row is judged alone, so that the order of rows does not matter.
    pub fn judges_rows_alone(&self) -> bool {
        let streams = self.plan.sources.iter().filter(|source| !source.relation.table).count();
        self.plan.judges_rows_alone() && streams == 1
    }

    /// Whether time alone may bring something: a window that ends, an alert that is over.
    pub fn waits_for_time(&self) -> bool {
        self.order.len() > 0
            || self.alerting.waits()
            || self.engine.as_ref().is_some_and(|engine| engine.next_timer().is_some())
    }

    /// The newest that was heard of each source: `<camera> <model>`, or a stream's name.
    pub fn heard(&self) -> &BTreeMap<String, Timestamp> {
        &self.heard
    }

    /// The tables as they are now; the statement looks up in them from now on.
    pub fn set_tables(&mut self, tables: &Tables) {
        for id in self.rule.reads.tables.clone() {
            let Some(table) = tables.get(&id) else { continue };
            if self.tables.iter().any(|(known, old)| *known == id && Arc::ptr_eq(old, table)) {
                continue;
            }
            self.tables.retain(|(known, _)| *known != id);
            self.tables.push((id.clone(), Arc::clone(table)));
            if let Some(engine) = &mut self.engine {
                load(engine, &self.rule, table);
            }
        }
    }

    /// The silences from now on.
    pub fn set_silences(&mut self, silences: Arc<Vec<Silence>>) {
        let now = self.heard.values().max().map_or(0, |ts| ts.as_millisecond());
        self.alerting.set_silences(silences, now);
    }

    /// Somebody has taken notice of an alert of this rule. `false` when it is none that goes on.
    pub fn acknowledge(&mut self, alert: Uuid, by: &str, at: Timestamp) -> bool {
        self.alerting.acknowledge(alert, by, at.as_millisecond())
    }

    fn concerns(&self, happening: &Happening) -> bool {
        let reads = |stream: &str| self.plan.source(stream).is_some();
        self.rule.enabled
            && match happening {
                Happening::Seen(event) => {
                    // An update tells again what a frame has shown: it is no frame.
                    let read = match event.update {
                        Some(_) => reads(streams::UPDATES),
                        None => reads(streams::DETECTIONS) || reads(streams::FRAMES) || reads(streams::TRACKS),
                    };
                    let by = event.update.as_ref().map(|update| &update.by);
                    read && self.rule.cameras.contains(&event.camera)
                        && self.rule.model.as_ref().is_none_or(|model| *model == event.model || Some(model) == by)
                }
                Happening::Status(event) => {
                    reads(streams::STATUS)
                        && event.camera.as_ref().is_none_or(|camera| self.rule.cameras.contains(camera))
                }
                Happening::Alert(alert) => reads(streams::ALERTS) && self.rule.reads.alerts_of.contains(&alert.rule),
                Happening::AlertUpdate(update) => {
                    reads(streams::ALERTS) && self.rule.reads.alerts_of.contains(&update.rule)
                }
                Happening::Row(row) => self.rule.reads.streams.iter().any(|stream| stream.id == row.stream),
            }
    }

    fn begin_anew(&mut self, at: Timestamp) -> Vec<Outcome> {
        self.engine = None;
        self.order = Order::default();
        self.heard.clear();
        self.late_in_a_row = 0;
        self.stats.restarted += 1;
        self.alerting.begin_anew(at.as_millisecond())
    }

    fn options(&self) -> RuleOptions {
        RuleOptions {
            rule_id: self.rule.id.to_string(),
            zone: self.rule.time_zone.clone(),
            max_rows: 100_000,
            max_emissions: 10_000,
            ..RuleOptions::default()
        }
    }

    /// Makes sure that there is an engine, whose time begins at `at`.
    fn engine(&mut self, at: i64) -> &mut Engine {
        let options = self.options();
        let (plan, rule, tables, latest) = (&self.plan, &self.rule, &self.tables, &self.latest);
        let waited = self.listening.waited;
        self.engine.get_or_insert_with(|| {
            let mut engine = Engine::from_plan(Arc::clone(plan), options, at);
            tables.iter().for_each(|(_, table)| load(&mut engine, rule, table));
            for stream in &rule.reads.streams {
                engine.load_table(&format!("{}{}", stream.id, streams::LATEST), latest.rows(stream.id.as_str()));
            }
            listening::expect(&mut engine, rule, at.saturating_sub(waited));
            engine
        })
    }

    /// The time has come this far: windows that end by then are judged, and what does not hold any more is over.
    fn pass(&mut self, now: Timestamp) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        if let Some(engine) = &mut self.engine {
            engine.advance(now.as_millisecond());
            let emissions: Vec<Emission> = engine.drain().collect();
            outcomes = self.of_emissions(emissions);
        }
        outcomes.extend(self.alerting.advance(now.as_millisecond()));
        outcomes
    }

    /// Its turn has come.
    fn take(&mut self, happening: &Happening) -> Vec<Outcome> {
        let ts = happening.ts();
        let mut at = ts.as_millisecond();
        if is_update(happening) {
            // A following model may answer when the time of its frame is over: what it says counts from now on.
            at = at.max(self.engine.as_ref().map_or(at, Engine::now));
        }
        self.engine(at);
        if let Happening::Seen(event) = happening
            && event.still_s > 0.0
        {
            self.alerting.still(event.camera.as_str(), at, (event.still_s * 1e3) as i64);
        }
        // What was over before this is judged without it.
        let mut outcomes = self.pass(ts);
        if let Happening::Seen(event) = happening
            && event.update.is_none()
        {
            self.remember(event);
        }
        let awake = schedule::is_awake(&self.rule, ts);
        let (subject, put_out) = self.put_in(happening, awake);
        if self.plan.window.is_some() || self.plan.alert.is_some() {
            outcomes.extend(self.of_emissions(put_out.into_iter().map(|(_, emission)| emission).collect()));
            return outcomes;
        }
        let mut held = Vec::new();
        for found in self.findings(happening, put_out) {
            let (draft, key) = self.draft(found);
            outcomes.extend(self.alerting.yes(draft, subject.clone(), at));
            held.push(key);
        }
        if !is_update(happening) {
            outcomes.extend(self.alerting.no_others(&subject, &held, at));
        }
        outcomes
    }

    fn remember(&mut self, event: &Arc<DetectionEvent>) {
        let occupied = !event.objects.is_empty() && !self.asks_what_counts();
        let seen = self
            .seen
            .entry(event.camera.clone())
            .or_insert_with(|| LastSeen { any: Arc::clone(event), occupied: None });
        seen.any = Arc::clone(event);
        if occupied {
            seen.occupied = Some(Arc::clone(event));
        }
        self.last_camera = Some(event.camera.clone());
    }

    /// Whether a window is shown by a frame in which something was counted, and not by any with something in it.
    fn asks_what_counts(&self) -> bool {
        let objects = [streams::DETECTIONS, streams::TRACKS].iter().any(|stream| self.plan.source(stream).is_some());
        self.plan.window.is_some() && self.tells_rows_apart && objects
    }
}

fn load(engine: &mut Engine, rule: &Rule, table: &Table) {
    let times: Vec<&str> = table
        .columns
        .iter()
        .filter(|column| column.kind == ColumnKind::Time)
        .map(|column| column.name.as_str())
        .collect();
    let rows: Vec<_> = table.rows.iter().map(|row| others::table_row(row, &times, &rule.time_zone)).collect();
    engine.load_table(table.id.as_str(), rows);
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

/// The conditions of a rule of the classic form.
pub fn conditions(rule: &Rule) -> Option<&[Condition]> {
    match &rule.body {
        RuleBody::Classic(conditions) => Some(conditions),
        RuleBody::Sql(_) => None,
    }
}

#[cfg(test)]
mod silence_tests;
#[cfg(test)]
mod tests;
