//! From what the statement puts out to what alerts may come of.

use std::sync::Arc;

use parapet_config::RuleBody;
use parapet_contracts::{AlertDraft, CameraId, DetectionEvent, Happening, Object, Timestamp, ports::rule::Outcome};
use parapet_rule_sql::{Change, ChangeKind, Emission, value::Object as Row};
use uuid::Uuid;

use super::{Program, message::Words, shown::Cause, time};
use crate::rule::{classic, schedule};

/// Something that the statement has found, before its texts are made.
pub(super) struct Found {
    row: Row,
    camera: Option<CameraId>,
    event: Option<Arc<DetectionEvent>>,
    cause: Uuid,
    ts: Timestamp,
    since: Timestamp,
    objects: Vec<Object>,
}

impl Program {
    /// The rows of an emission; an error is counted and told.
    pub(super) fn rows(&mut self, emission: Emission) -> Vec<Row> {
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

    /// What was found in one happening: one thing for each key.
    pub(super) fn findings(&mut self, happening: &Happening, put_out: Vec<(Option<usize>, Emission)>) -> Vec<Found> {
        let (ts, cause) = (happening.ts(), happening.id());
        let mut found: Vec<(String, Vec<Option<usize>>, Found)> = Vec::new();
        for (index, emission) in put_out {
            for row in self.rows(emission) {
                let camera = camera_of(&row).or_else(|| happening.camera().cloned());
                let (event, objects) = match happening {
                    Happening::Seen(event) => (Some(Arc::clone(event)), self.objects(event, index)),
                    _ => (None, Vec::new()),
                };
                let words = Words { rule: &self.rule, row: &row, camera: camera.as_ref(), objects: &objects };
                let key = words.key();
                match found.iter_mut().find(|(other, ..)| *other == key) {
                    // Each object once, however many rows are about it.
                    Some((_, known, _)) if known.contains(&index) => {}
                    Some((_, known, same)) => {
                        known.push(index);
                        same.objects.extend(objects);
                    }
                    None => {
                        let first = Found { row, camera, event, cause, ts, since: ts, objects };
                        found.push((key, vec![index], first));
                    }
                }
            }
        }
        found.into_iter().map(|(_, _, found)| found).collect()
    }

    /// The objects of a frame that a row is about.
    fn objects(&self, event: &DetectionEvent, index: Option<usize>) -> Vec<Object> {
        match (&self.rule.body, index) {
            (RuleBody::Classic(conditions), _) => classic::objects(&self.rule, conditions, event),
            (RuleBody::Sql(_), Some(index)) => event.objects.get(index).cloned().into_iter().collect(),
            (RuleBody::Sql(_), None) => event.objects.clone(),
        }
    }

    /// What windows put out, and what the statement says that begins and is over.
    pub(super) fn of_emissions(&mut self, emissions: Vec<Emission>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for mut emission in emissions {
            match emission.change.take() {
                Some(change) => outcomes.extend(self.of_change(&change, emission)),
                None => outcomes.extend(self.of_windows(vec![emission])),
            }
        }
        outcomes
    }

    fn of_change(&mut self, change: &Change, emission: Emission) -> Vec<Outcome> {
        let at = change.at;
        if change.kind == ChangeKind::Resolved {
            return self.alerting.ends(&change.key, at);
        }
        let origins = emission.origins.clone();
        let row = self.rows(emission).into_iter().next().unwrap_or_default();
        if !schedule::is_awake(&self.rule, time(at)) {
            return Vec::new();
        }
        let cause = Cause { row: &row, key: Some(&change.key), origins: &origins };
        let (mut draft, _) = self.draft(self.shown(&cause, time(change.since), time(at)));
        if self.rule.alerting.key.is_none() && !change.key.is_empty() {
            draft.key = change.key.to_string();
        }
        match change.kind {
            ChangeKind::Fired => self.alerting.begins(draft, &change.key, change.since, at),
            ChangeKind::Happened | ChangeKind::Resolved => {
                let key = draft.key.clone();
                self.alerting.yes(draft, key, at)
            }
        }
    }

    /// Something was found for each row of each window.
    fn of_windows(&mut self, emissions: Vec<Emission>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for emission in emissions {
            let (at, range) = (emission.at, emission.range);
            for row in self.rows(emission) {
                let end = time(at);
                if !schedule::is_awake(&self.rule, end) {
                    continue;
                }
                let since = range.map_or(end, |range| time(range.start));
                let cause = Cause { row: &row, key: None, origins: &[] };
                let (draft, key) = self.draft(self.shown(&cause, since, end));
                outcomes.extend(self.alerting.yes(draft, key, at));
            }
        }
        outcomes
    }

    /// A row that came of several events, with the frame that shows it best.
    fn shown(&self, cause: &Cause<'_>, since: Timestamp, end: Timestamp) -> Found {
        let named = camera_of(cause.row);
        let known = named.as_ref().or(self.last_camera.as_ref()).and_then(|camera| self.seen.get(camera));
        let event = known.map(|seen| Arc::clone(seen.best(since)));
        let objects = event.as_ref().map(|event| self.about(event, cause)).unwrap_or_default();
        let camera = named.or_else(|| event.as_ref().map(|event| event.camera.clone()));
        let ts = event.as_ref().map_or(end, |event| event.ts);
        let id = event.as_ref().map_or_else(Uuid::nil, |event| event.id);
        Found { row: cause.row.clone(), camera, event, cause: id, ts, since: since.min(ts), objects }
    }

    /// The alert that something found would be, and its key.
    pub(super) fn draft(&self, found: Found) -> (AlertDraft, String) {
        let Found { row, camera, event, cause, ts, since, objects } = found;
        let words = Words { rule: &self.rule, row: &row, camera: camera.as_ref(), objects: &objects };
        let key = words.key();
        let draft = AlertDraft {
            id: Uuid::nil(),
            key: key.clone(),
            title: self.rule.alerting.title.as_ref().map(|title| words.fill(title)),
            message: words.message(),
            camera,
            event,
            cause,
            ts,
            since,
            objects,
            severity: self.rule.severity,
        };
        (draft, key)
    }
}

fn camera_of(row: &Row) -> Option<CameraId> {
    row.find("camera").and_then(|camera| camera.as_str()).and_then(|camera| CameraId::new(camera).ok())
}
