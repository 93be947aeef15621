//! The clauses that make alerts, at work: what lasts, what follows one another, what is silent.
//!
//! Time here is that of the rows: the clock, or in event time the watermark. All that is due by a time happens before what
//! happens at that time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Change, ChangeKind, Engine};
use crate::alerting::{Absence, Holding, Key, Match, Matcher, SavedAbsence, SavedHolding, SavedMatcher};
use crate::error::EvalError;
use crate::exec::{self, Set, in_stage, readable_key};
use crate::expr::{Frame, Row, Shared, Tuple, WindowRange, truth};
use crate::plan::{AlertSource, Plan, PlanAlert, PlanSequence};
use crate::value::Object;

/// The state of a statement's alerts.
#[derive(Debug, Clone)]
pub(super) struct Alerting {
    pub(super) watch: Watch,
    /// Where alerts last: those that do, and the rows that made them fire.
    pub(super) holding: Option<Holding<Vec<Object>>>,
}

/// What is waited for.
#[derive(Debug, Clone)]
pub(super) enum Watch {
    Condition,
    Sequence(Matcher<StepRow>),
    /// With the row that was heard last of each key; none of one that is expected only.
    Absence(Absence<Option<Arc<Row>>>),
}

/// The row of a step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StepRow {
    row: Arc<Row>,
    /// As it is read by the name of the step.
    #[serde(skip)]
    named: Option<Arc<Row>>,
}

/// [`Alerting`], written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SavedAlerting {
    sequence: Option<SavedMatcher<StepRow>>,
    absence: Option<SavedAbsence<Option<Arc<Row>>>>,
    holding: Option<SavedHolding<Vec<Object>>>,
}

/// What a row or the time has shown.
struct Finding {
    key: Key,
    since: i64,
    at: i64,
    tuple: Tuple,
}

impl StepRow {
    fn new(row: Arc<Row>, number: Option<usize>, plan: &Plan) -> Self {
        let named = number.map(|number| Arc::new(row.renamed(number, &plan.columns)));
        Self { row, named }
    }
}

impl Alerting {
    pub(super) fn new(alert: &PlanAlert, start: i64) -> Self {
        let watch = match &alert.source {
            AlertSource::Condition => Watch::Condition,
            AlertSource::Sequence(_) => Watch::Sequence(Matcher::default()),
            AlertSource::Absence(length) => {
                let mut absence = Absence::new(*length);
                // Without a key there is one that everybody knows: it is expected from the beginning.
                if alert.per.is_empty() {
                    absence.heard("", start, None);
                }
                Watch::Absence(absence)
            }
        };
        Self { watch, holding: alert.hold.map(Holding::new) }
    }

    pub(super) fn next_timer(&self) -> Option<i64> {
        let holding = self.holding.as_ref().and_then(Holding::next_timer);
        self.watch.next_timer().into_iter().chain(holding).min()
    }

    /// Whether rows count for which the condition (of the first step) does not hold.
    pub(super) fn minds_all(&self) -> bool {
        match &self.watch {
            Watch::Condition => self.holding.as_ref().is_some_and(|holding| !holding.is_empty()),
            Watch::Sequence(matcher) => !matcher.is_empty(),
            Watch::Absence(_) => false,
        }
    }

    /// Keys and partial matches that are held.
    pub(super) fn held(&self) -> usize {
        let watched = match &self.watch {
            Watch::Condition => 0,
            Watch::Sequence(matcher) => matcher.len(),
            Watch::Absence(absence) => absence.len(),
        };
        watched + self.holding.as_ref().map_or(0, Holding::len)
    }

    /// About how many bytes they take: a key, its times, its timer, and a row or two.
    pub(super) fn bytes(&self) -> u64 {
        self.held() as u64 * 400
    }

    /// Keys that were forgotten, and partial matches that were given up, because there were too many.
    pub(super) fn forgotten(&self) -> (u64, u64) {
        let (keys, matches) = match &self.watch {
            Watch::Condition => (0, 0),
            Watch::Sequence(matcher) => (0, matcher.dropped()),
            Watch::Absence(absence) => (absence.evicted(), 0),
        };
        (keys + self.holding.as_ref().map_or(0, Holding::evicted), matches)
    }

    pub(super) fn save(&self) -> SavedAlerting {
        let (sequence, absence) = match &self.watch {
            Watch::Condition => (None, None),
            Watch::Sequence(matcher) => (Some(matcher.save()), None),
            Watch::Absence(absence) => (None, Some(absence.save())),
        };
        SavedAlerting { sequence, absence, holding: self.holding.as_ref().map(Holding::save) }
    }

    /// Takes up a state. False: it is that of other clauses.
    pub(super) fn restore(&mut self, saved: SavedAlerting, alert: &PlanAlert, plan: &Plan) -> bool {
        let watched = match (&mut self.watch, &alert.source, saved.sequence, saved.absence) {
            (Watch::Condition, _, None, None) => true,
            (Watch::Sequence(matcher), AlertSource::Sequence(sequence), Some(mut saved), None) => {
                for partial in saved.partials.values_mut().flatten() {
                    for (row, number) in partial.rows.iter_mut().zip(&sequence.numbers) {
                        if let Some(step) = row.take() {
                            *row = Some(StepRow::new(step.row, *number, plan));
                        }
                    }
                }
                matcher.restore(&sequence.stages, saved)
            }
            (Watch::Absence(absence), _, None, Some(saved)) => {
                absence.restore(saved);
                true
            }
            _ => false,
        };
        match (&mut self.holding, saved.holding) {
            (Some(holding), Some(saved)) => holding.restore(saved),
            (holding, saved) => return watched && holding.is_none() && saved.is_none(),
        }
        watched
    }
}

impl Watch {
    fn next_timer(&self) -> Option<i64> {
        match self {
            Self::Condition => None,
            Self::Sequence(matcher) => matcher.next_timer(),
            Self::Absence(absence) => absence.next_timer(),
        }
    }
}

impl SavedAlerting {
    /// The rows that are held.
    pub(super) fn rows_mut(&mut self) -> impl Iterator<Item = &mut Arc<Row>> {
        let steps = self.sequence.iter_mut().flat_map(|saved| saved.partials.values_mut().flatten());
        let steps = steps.flat_map(|partial| partial.rows.iter_mut().flatten()).map(|step| &mut step.row);
        let heard = self.absence.iter_mut().flat_map(|saved| saved.heard.values_mut());
        steps.chain(heard.filter_map(|heard| heard.kept.as_mut()))
    }

    /// Whether all times lie within `limit` milliseconds of 1970.
    pub(super) fn within(&self, limit: i64) -> bool {
        let inside = |t: i64| (-limit..=limit).contains(&t);
        self.sequence.iter().all(|saved| saved.within(limit))
            && self.holding.iter().all(|saved| saved.within(limit))
            && self
                .absence
                .iter()
                .flat_map(|saved| saved.heard.values())
                .all(|h| inside(h.last) && h.fired.is_none_or(inside))
    }
}

impl Engine {
    /// The keys for which the condition holds, and whether each has fired.
    pub fn holding(&self) -> impl Iterator<Item = (&Key, bool)> {
        self.alerting.iter().flat_map(|alerting| alerting.holding.iter().flat_map(Holding::keys))
    }

    /// A row of a statement with neither window nor join.
    pub(super) fn alert_row(&mut self, plan: &Plan, alert: &PlanAlert, row: &Arc<Row>, tuple: &Tuple) {
        self.alert_until(row.ts);
        let Some(mut alerting) = self.alerting.take() else { return };
        let judged = self.judge(plan, alert, &mut alerting, row, tuple);
        self.alerting = Some(alerting);
        match judged {
            Ok(Some(finding)) => self.found(plan, finding),
            Ok(None) => {}
            Err(e) => self.emit_error(&e.to_string()),
        }
    }

    /// What a row shows: something to be told, or nothing.
    fn judge(
        &mut self,
        plan: &Plan,
        alert: &PlanAlert,
        alerting: &mut Alerting,
        row: &Arc<Row>,
        tuple: &Tuple,
    ) -> Result<Option<Finding>, EvalError> {
        let limit = self.options.max_partitions;
        let shared = self.shared(&self.env);
        let frame = Frame::row(&shared, tuple, None);
        let key = || readable_key(&alert.per, &frame).map_err(in_stage("Per"));
        let finding = |key: Key, since| Finding { key, since, at: row.ts, tuple: tuple.clone() };
        match (&mut alerting.watch, &alert.source) {
            (Watch::Sequence(matcher), AlertSource::Sequence(sequence)) => {
                let matched = advance(plan, alert, sequence, matcher, &shared, row, tuple)?;
                matcher.bound(limit);
                return Ok(matched.map(whole));
            }
            (Watch::Absence(absence), _) => {
                if !exec::accepts(plan, &shared, tuple)? {
                    return Ok(None);
                }
                let key = key()?;
                let silent_since = absence.heard(&key, row.ts, Some(Arc::clone(row)));
                absence.bound(limit);
                self.counters.matched += 1;
                if let Some(since) = silent_since {
                    let rows = exec::project_row(plan, &self.shared(&self.env), tuple, &[], self.options.send_null)?;
                    let change = Change { key: key.into(), kind: ChangeKind::Resolved, since, at: row.ts };
                    self.change(rows, None, change, Vec::new());
                }
                return Ok(None);
            }
            _ => {}
        }
        let Some(holding) = &mut alerting.holding else { return Ok(None) };
        if exec::accepts(plan, &shared, tuple)? && having(plan, &shared, tuple)? {
            let key = key()?;
            let fires = holding.yes(&key, row.ts);
            holding.bound(limit);
            self.counters.matched += 1;
            let since = holding.since(&key).unwrap_or(row.ts);
            return Ok(fires.then(|| finding(key.into(), since)));
        }
        if !holding.is_empty() {
            let key = key()?;
            let over = match &alert.resolve_when {
                Some(when) if holding.is_firing(&key) => frame.eval(when).and_then(|v| truth(&v))?,
                _ => true,
            };
            if over {
                holding.no(&key, row.ts);
            } else {
                holding.neither(&key, row.ts);
            }
        }
        Ok(None)
    }

    /// Something is to be told: at once, or when it fires.
    fn found(&mut self, plan: &Plan, finding: Finding) {
        let Finding { key, since, at, tuple } = finding;
        let rows = match exec::project_row(plan, &self.shared(&self.env), &tuple, &[], self.options.send_null) {
            Ok(rows) => rows,
            Err(e) => return self.emit_error(&e.to_string()),
        };
        let sequence = matches!(plan.alert.as_ref().map(|alert| &alert.source), Some(AlertSource::Sequence(_)));
        self.counters.matched += u64::from(sequence);
        let limit = self.options.max_partitions;
        let mut kind = ChangeKind::Fired;
        if let Some(alerting) = &mut self.alerting {
            match &mut alerting.holding {
                Some(holding) => {
                    let fires = !sequence || holding.yes(&key, at);
                    holding.bound(limit);
                    if !fires {
                        return;
                    }
                    holding.keep(&key, rows.clone());
                }
                None if sequence => kind = ChangeKind::Happened,
                None => {}
            }
        }
        self.hits.hit(at);
        // A row of a sequence is there twice, once under the name of its step.
        let steps = tuple.parts().iter().filter(|row| row.source < plan.sources.len());
        let origins = steps.map(|row| Arc::clone(&row.data)).collect();
        self.change(rows, None, Change { key, kind, since, at }, origins);
    }

    /// The time has come this far: what is over, what has stayed away, who has gone silent.
    pub(super) fn alert_until(&mut self, now: i64) {
        while let Some(timer) = self.alerting.as_ref().and_then(Alerting::next_timer).filter(|timer| *timer <= now) {
            let plan = Arc::clone(&self.plan);
            let (Some(alert), Some(alerting)) = (&plan.alert, &mut self.alerting) else { return };
            let over = alerting.holding.as_mut().and_then(|holding| holding.due(timer));
            if let Some(over) = over {
                let change = Change { key: over.key, kind: ChangeKind::Resolved, since: over.since, at: over.at };
                self.change(over.kept.unwrap_or_default(), None, change, Vec::new());
                continue;
            }
            let finding = match (&mut alerting.watch, &alert.source) {
                (Watch::Sequence(matcher), AlertSource::Sequence(sequence)) => {
                    matcher.due(&sequence.stages, timer).map(whole)
                }
                (Watch::Absence(absence), _) => absence.due(timer).map(|(key, since, at, row)| Finding {
                    key,
                    since,
                    at,
                    tuple: row.map_or_else(|| Tuple::Joined(Vec::new()), Tuple::One),
                }),
                _ => None,
            };
            if let Some(finding) = finding {
                self.found(&plan, finding);
            }
        }
    }

    /// What is left of a window, or of a row that was joined: the keys in it hold, and no others.
    pub(super) fn alert_set(
        &mut self,
        plan: &Plan,
        alert: &PlanAlert,
        set: Option<&Set>,
        range: Option<WindowRange>,
        row: Option<&Arc<Row>>,
    ) {
        let at = range.map(|range| range.trigger).or(row.map(|row| row.ts)).unwrap_or(self.env.now);
        let shared = self.shared(&self.env);
        let keyed = match set {
            Some(set) => exec::project_keyed(plan, &alert.per, &shared, set, self.options.send_null),
            None => Ok(Vec::new()),
        };
        // A row that found nothing to join says no for its own key alone.
        let own = row.map(|row| {
            let tuple = Tuple::One(Arc::clone(row));
            readable_key(&alert.per, &Frame::row(&shared, &tuple, None))
        });
        let keyed = match keyed {
            Ok(keyed) => keyed,
            Err(e) => return self.emit_error(&e.to_string()),
        };
        let limit = self.options.max_partitions;
        let Some(holding) = self.alerting.as_mut().and_then(|alerting| alerting.holding.as_mut()) else { return };
        let here = |key: &Key| keyed.iter().any(|(other, _)| other.as_str() == key.as_ref());
        let gone: Vec<Key> = match own {
            Some(Ok(own)) => std::iter::once(Key::from(own)).filter(|key| !here(key)).collect(),
            Some(Err(_)) => Vec::new(),
            None => holding.keys().map(|(key, _)| Arc::clone(key)).filter(|key| !here(key)).collect(),
        };
        for key in gone {
            holding.no(&key, at);
        }
        let mut changes = Vec::new();
        for (key, rows) in keyed {
            self.counters.matched += 1;
            if holding.yes(&key, at) {
                let since = holding.since(&key).unwrap_or(at);
                holding.keep(&key, rows.clone());
                changes.push((rows, Change { key: key.into(), kind: ChangeKind::Fired, since, at }));
            }
        }
        holding.bound(limit);
        for (rows, change) in changes {
            self.agg_hits.hit(at);
            self.change(rows, range, change, Vec::new());
        }
    }
}

/// HAVING on one row.
fn having(plan: &Plan, shared: &Shared<'_>, tuple: &Tuple) -> Result<bool, EvalError> {
    let Some(having) = &plan.having else { return Ok(true) };
    let group = Frame::group(shared, std::slice::from_ref(tuple), None);
    group.eval(having).and_then(|v| truth(&v)).map_err(in_stage("Having"))
}

/// Takes the partial matches of a row's key further.
fn advance(
    plan: &Plan,
    alert: &PlanAlert,
    sequence: &PlanSequence,
    matcher: &mut Matcher<StepRow>,
    shared: &Shared<'_>,
    row: &Arc<Row>,
    tuple: &Tuple,
) -> Result<Option<Match<StepRow>>, EvalError> {
    let holds = |node: &crate::expr::Node, before: &[Option<StepRow>]| {
        let named: Vec<Arc<Row>> = before.iter().flatten().filter_map(|step| step.named.clone()).collect();
        if named.is_empty() {
            return Frame::row(shared, tuple, None).eval(node).and_then(|v| truth(&v)).map_err(in_stage("Where"));
        }
        let mut parts = vec![Arc::clone(row)];
        parts.extend(named);
        let tuple = Tuple::Joined(parts);
        Frame::row(shared, &tuple, None).eval(node).and_then(|v| truth(&v)).map_err(in_stage("Where"))
    };
    let first = sequence.stages.first().map(|stage| &stage.condition);
    let begins = || first.map_or(Ok(false), |first| holds(first, &[]));
    if matcher.is_empty() && !begins()? {
        return Ok(None);
    }
    let key = readable_key(&alert.per, &Frame::row(shared, tuple, None)).map_err(in_stage("Per"))?;
    if !matcher.waits(&key) && !begins()? {
        return Ok(None);
    }
    let step = |place: usize| StepRow::new(Arc::clone(row), sequence.numbers.get(place).copied().flatten(), plan);
    matcher.row(&sequence.stages, sequence.keep, &key, (row.ts, &step), holds)
}

/// All rows of a match as one: what no step is named for is that of the latest row that has it.
fn whole(matched: Match<StepRow>) -> Finding {
    let Match { key, since, at, rows } = matched;
    let steps: Vec<StepRow> = rows.into_iter().flatten().collect();
    let plain = steps.iter().rev().map(|step| Arc::clone(&step.row));
    let named = steps.iter().filter_map(|step| step.named.clone());
    Finding { key, since, at, tuple: Tuple::Joined(plain.chain(named).collect()) }
}
