//! Which objects of its frame an alert is about: those whose rows were put out, or counted for it.
//!
//! Where a statement tells rows apart, the objects of the frame are asked one by one whether they count for what fired. Else they
//! are those of the rows that made it fire: of a sequence, the rows of its steps. A statement that reads `frames` alone is about
//! all objects of its frame, unless its row names a label or the `id` of a track; so is one of which it is not known.

use std::sync::Arc;

use parapet_config::streams;
use parapet_contracts::{DetectionEvent, Object};
use parapet_rule_sql::value::{Object as Row, Value};

use super::{Program, rows};

/// What an alert was put out for.
pub(super) struct Cause<'a> {
    /// The row that was put out.
    pub(super) row: &'a Row,
    /// The key of PER, where the statement has clauses of its own for what begins.
    pub(super) key: Option<&'a str>,
    /// The rows that made it fire, where they are known.
    pub(super) origins: &'a [Arc<Row>],
}

impl Program {
    /// The objects of a frame that an alert of several rows is about.
    pub(super) fn about(&self, event: &DetectionEvent, cause: &Cause<'_>) -> Vec<Object> {
        let all = event.objects.as_slice();
        let pick = |wanted: &dyn Fn(&Object) -> bool| -> Vec<Object> {
            all.iter().filter(|object| wanted(object)).cloned().collect()
        };
        let counted = self.counted(event, cause);
        let known = self.reads_objects() && (counted.is_some() || !cause.origins.is_empty());
        let some = |objects: Vec<Object>| (!objects.is_empty()).then_some(objects);
        let of_origins = || some(pick(&|object| cause.origins.iter().any(|row| is_of(row, event, object))));
        let of_track = || {
            let Some(Value::Int(id)) = cause.row.find("id") else { return None };
            let id = u64::try_from(*id).ok()?;
            some(pick(&|object| object.track.as_ref().is_some_and(|track| track.id == id)))
        };
        let of_label = || {
            let label = cause.row.find("label")?.as_str()?.to_owned();
            some(pick(&|object| object.label == label))
        };
        let found = counted.and_then(some).or_else(of_origins).or_else(of_track).or_else(of_label);
        found.unwrap_or_else(|| if known { Vec::new() } else { all.to_vec() })
    }

    /// Whether the statement has a row for each object.
    fn reads_objects(&self) -> bool {
        [streams::DETECTIONS, streams::TRACKS, streams::UPDATES].iter().any(|stream| self.plan.source(stream).is_some())
    }

    /// The objects that count for what fired; `None` where that can't be said of an object alone.
    fn counted(&self, event: &DetectionEvent, cause: &Cause<'_>) -> Option<Vec<Object>> {
        let engine = self.engine.as_ref().filter(|_| self.tells_rows_apart && event.update.is_none())?;
        let counts = |stream: &str, data: &Arc<Row>| {
            engine.counts(stream, data).is_some_and(|counted| {
                let own = |(name, place): &(Arc<str>, usize)| {
                    cause.row.find(name).is_none_or(|value| counted.group.get(*place) == Some(value))
                };
                cause.key.is_none_or(|key| *counted.key == *key) && self.keys_put_out.iter().all(own)
            })
        };
        let zone = &self.rule.time_zone;
        if self.plan.source(streams::DETECTIONS).is_some() {
            let common = rows::common(event, zone);
            let row = |object: &&Object| counts(streams::DETECTIONS, &rows::detection(&common, object, zone));
            return Some(event.objects.iter().filter(row).cloned().collect());
        }
        self.plan.source(streams::TRACKS)?;
        let rows = rows::tracks(event, zone);
        let indexes = rows.into_iter().filter_map(|(index, data)| index.filter(|_| counts(streams::TRACKS, &data)));
        Some(indexes.filter_map(|index| event.objects.get(index)).cloned().collect())
    }
}

/// Whether a row is that of an object of this frame, or of the same track.
fn is_of(row: &Row, event: &DetectionEvent, object: &Object) -> bool {
    let text = |name: &str| row.find(name).and_then(Value::as_str);
    let int = |value: Option<&Value>| match value {
        Some(Value::Int(int)) => u64::try_from(*int).ok(),
        _ => None,
    };
    if text("camera") != Some(event.camera.as_str()) || text("model") != Some(event.model.as_str()) {
        return false;
    }
    let track = row.find("track").and_then(Value::as_object).and_then(|track| track.find("id")).or(row.find("id"));
    match (int(track), &object.track) {
        (Some(id), Some(track)) => id == track.id,
        _ => {
            int(row.find("frame")) == Some(event.frame)
                && text("label") == Some(object.label.as_str())
                && row.find("box") == Some(&rows::edges_of(object))
        }
    }
}
