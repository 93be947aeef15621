//! Rules that may miss what does not concern them, and the way to those that it may concern: the conditions that their statements
//! begin with are looked up together, once for each row.
//!
//! A rule may miss a row when each row is judged alone and its alerts have no length: for all others the absence of things matters.

use std::{collections::HashMap, sync::Arc};

use jiff::tz::TimeZone;
use parapet_config::{RuleBody, Stream, streams};
use parapet_contracts::{CameraId, DetectionEvent, StreamEvent, StreamId};
use parapet_rule_sql::{
    rules::Selector,
    value::{Object, Value},
};
use parking_lot::Mutex;

use super::{
    RuleFeed,
    program::{others, rows},
};

/// See the module.
#[derive(Default)]
pub(crate) struct Selection {
    rules: Vec<Arc<RuleFeed>>,
    /// Locked for as long as it takes to look a row up.
    selector: Mutex<Selector>,
    /// The declared streams that rules of the selection read.
    streams: HashMap<StreamId, Arc<Stream>>,
}

impl Selection {
    /// Takes a rule in. False: it must hear everything of what it reads.
    pub(crate) fn take(&mut self, feed: &Arc<RuleFeed>) -> bool {
        let (rule, plan) = (feed.rule(), feed.plan());
        let moments = rule.held_for.is_zero() && rule.alerting.resolve_after.is_none();
        let one = matches!(rule.body, RuleBody::Sql(_)) && plan.joins.is_empty() && moments;
        let [source] = plan.sources.as_slice() else { return false };
        let own = [streams::DETECTIONS, streams::FRAMES, streams::TRACKS].contains(&source.name.as_ref());
        let declared = rule.reads.streams.iter().find(|stream| stream.id.as_str() == source.name.as_ref());
        if !one || !(own || declared.is_some()) {
            return false;
        }
        let cameras: Vec<Value> = rule.cameras.iter().map(|camera: &CameraId| Value::str(camera.as_str())).collect();
        let only = if own { vec![("camera", cameras)] } else { Vec::new() };
        if !self.selector.get_mut().add(plan, &only, self.rules.len()) {
            return false;
        }
        self.streams.extend(declared.map(|stream| (stream.id.clone(), Arc::clone(stream))));
        self.rules.push(Arc::clone(feed));
        true
    }

    /// Calls for each rule that an event may concern, once.
    pub(crate) fn of_event(&self, event: &DetectionEvent, act: impl FnMut(&Arc<RuleFeed>)) {
        if event.update.is_some() || self.rules.is_empty() {
            return; // What reads updates is not in the selection.
        }
        let mut selector = self.selector.lock();
        let mut chosen = Vec::new();
        let zone = TimeZone::UTC; // No condition on a time is looked up.
        if selector.reads(streams::DETECTIONS) {
            let common = rows::common(event, &zone);
            for object in &event.objects {
                selector.concerned(streams::DETECTIONS, &rows::detection(&common, object, &zone), &mut chosen);
            }
        }
        if selector.reads(streams::FRAMES) {
            selector.concerned(streams::FRAMES, &rows::frame(event, false, None, &zone), &mut chosen);
        }
        if selector.reads(streams::TRACKS) {
            for (_, row) in rows::tracks(event, &zone) {
                selector.concerned(streams::TRACKS, &row, &mut chosen);
            }
        }
        drop(selector);
        self.each(chosen, act);
    }

    /// Calls for each rule that a message may concern, once.
    pub(crate) fn of_row(&self, row: &StreamEvent, act: impl FnMut(&Arc<RuleFeed>)) {
        let Some(stream) = self.streams.get(&row.stream) else { return };
        let data: Arc<Object> = others::row(row, stream, &TimeZone::UTC).data;
        let mut chosen = Vec::new();
        self.selector.lock().concerned(stream.id.as_str(), &data, &mut chosen);
        self.each(chosen, act);
    }

    fn each(&self, mut chosen: Vec<usize>, act: impl FnMut(&Arc<RuleFeed>)) {
        chosen.sort_unstable();
        chosen.dedup();
        chosen.into_iter().filter_map(|number| self.rules.get(number)).for_each(act);
    }
}
