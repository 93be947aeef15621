//! The classic form of a rule: so many things of these classes, there, for so long.
//!
//! Semantics, each by event time and camera by camera:
//! - The condition holds in a frame when EVERY entry of `when` finds its number of objects, among those whose box's bottom
//!   centre lies in the zone.
//! - An episode begins with the first frame in which the condition holds and ends with the first in which it does not, or with
//!   a gap without frames that is longer than `held_for` (and than [`SHORTEST_GAP`]): nobody saw what happened meanwhile. Time in
//!   which frames were held back because nothing moved is no gap: what held before it has held through it.
//! - The rule fires once an episode has lasted `held_for`, and again after each `cooldown` for as long as it lasts
//!   (never again within it when the cooldown is zero). A new episode within the cooldown of the last alert is held back
//!   until the cooldown is over.
//! - An event that is not newer than the last one of its camera is late, and only counted; one that is older by more than
//!   [`CLOCK_WAS_SET`] means that the camera's clock was set back, and begins anew.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use jiff::SignedDuration;
use parapet_config::{Condition, Rule, RuleBody};
use parapet_contracts::{
    AlertDraft, CameraId, DetectionEvent, Object, Timestamp,
    ports::rule::{RuleProgram, RuleStats},
};

use super::schedule;

/// A gap between frames that never ends an episode.
pub const SHORTEST_GAP: Duration = Duration::from_secs(2);
/// Time going back by more than this is a clock that was set, not a frame that is late.
pub const CLOCK_WAS_SET: Duration = Duration::from_secs(5);

/// A rule of the classic form, ready to judge.
#[derive(Debug)]
pub struct ClassicRule {
    rule: Arc<Rule>,
    cameras: HashMap<CameraId, CameraState>,
    stats: RuleStats,
}

#[derive(Debug)]
struct CameraState {
    last: Timestamp,
    episode: Option<Episode>,
    last_alert: Option<Timestamp>,
}

#[derive(Debug)]
struct Episode {
    since: Timestamp,
    fired: bool,
}

impl ClassicRule {
    /// Makes a program of a checked rule.
    pub fn new(rule: Arc<Rule>) -> Self {
        Self { rule, cameras: HashMap::new(), stats: RuleStats::default() }
    }

    /// The objects that make the condition hold in this frame; `None` when it does not hold.
    fn matching(&self, event: &DetectionEvent) -> Option<Vec<Object>> {
        let RuleBody::Classic(conditions) = &self.rule.body else { return None };
        let inside: Vec<&Object> = event.objects.iter().filter(|object| self.in_zone(event, object)).collect();
        let mut chosen: BTreeMap<usize, &Object> = BTreeMap::new();
        for condition in conditions {
            let found: Vec<usize> = (0..inside.len()).filter(|&i| meets(inside[i], condition)).collect();
            if found.len() < condition.min_count.max(1) {
                return None;
            }
            chosen.extend(found.into_iter().map(|i| (i, inside[i])));
        }
        Some(chosen.into_values().cloned().collect())
    }

    fn in_zone(&self, event: &DetectionEvent, object: &Object) -> bool {
        let Some(zone) = &self.rule.zone else { return true };
        let Some(polygon) = zone.polygons.get(&event.camera) else { return false };
        let [x, y] = object.bbox.bottom_centre();
        polygon.contains([x / event.width.max(1) as f32, y / event.height.max(1) as f32])
    }

    fn concerns(&self, event: &DetectionEvent) -> bool {
        // An update tells again what a frame has shown: it is no frame.
        event.update.is_none()
            && self.rule.enabled
            && self.rule.cameras.contains(&event.camera)
            && self.rule.model.as_ref().is_none_or(|model| *model == event.model)
    }

    fn message(&self, event: &DetectionEvent, objects: &[Object]) -> String {
        let labels = labels_of(objects);
        let zone = self.rule.zone.as_ref().and_then(|zone| zone.name.as_deref());
        let best = objects.iter().map(|object| object.score).fold(0.0, f32::max);
        match &self.rule.message {
            Some(template) => template
                .replace("{camera}", event.camera.as_str())
                .replace("{rule}", &self.rule.name)
                .replace("{label}", &labels)
                .replace("{count}", &objects.len().to_string())
                .replace("{score}", &format!("{best:.2}"))
                .replace("{zone}", zone.unwrap_or("the zone")),
            None => match zone {
                Some(zone) => format!("{}: {labels} in {zone} at {}", self.rule.name, event.camera),
                None => format!("{}: {labels} at {}", self.rule.name, event.camera),
            },
        }
    }
}

impl RuleProgram for ClassicRule {
    fn on_event(&mut self, event: &Arc<DetectionEvent>) -> Vec<AlertDraft> {
        if !self.concerns(event) {
            return Vec::new();
        }
        self.stats.events += 1;
        let matching = if schedule::is_awake(&self.rule, event.ts) { self.matching(event) } else { None };
        let longest_gap = self.rule.held_for.max(SHORTEST_GAP);
        let state = self.cameras.entry(event.camera.clone()).or_insert_with(|| CameraState {
            last: Timestamp::MIN,
            episode: None,
            last_alert: None,
        });
        if event.ts <= state.last {
            if between(event.ts, state.last) <= CLOCK_WAS_SET {
                self.stats.late += 1;
                return Vec::new();
            }
            *state = CameraState { last: Timestamp::MIN, episode: None, last_alert: None };
        }
        if state.last != Timestamp::MIN && between(state.last, event.ts).saturating_sub(still(event)) > longest_gap {
            state.episode = None;
        }
        state.last = event.ts;
        let Some(objects) = matching else {
            state.episode = None;
            return Vec::new();
        };
        self.stats.matched += 1;
        let episode = state.episode.get_or_insert(Episode { since: event.ts, fired: false });
        if between(episode.since, event.ts) < self.rule.held_for {
            return Vec::new();
        }
        let cooling = state.last_alert.is_some_and(|last| between(last, event.ts) < self.rule.cooldown);
        let repeats = !self.rule.cooldown.is_zero();
        if cooling || (episode.fired && !repeats) {
            self.stats.held_back += 1;
            return Vec::new();
        }
        episode.fired = true;
        state.last_alert = Some(event.ts);
        let since = episode.since;
        self.stats.fired += 1;
        let message = self.message(event, &objects);
        vec![AlertDraft { event: Arc::clone(event), since, objects, message }]
    }

    fn advance(&mut self, _now: Timestamp) -> Vec<AlertDraft> {
        Vec::new() // Nothing in the classic form happens without a frame.
    }

    fn stats(&self) -> RuleStats {
        self.stats
    }
}

/// The part of the time since the last frame in which nothing moved.
fn still(event: &DetectionEvent) -> Duration {
    Duration::try_from_secs_f64(event.still_s).unwrap_or(Duration::ZERO)
}

fn meets(object: &Object, condition: &Condition) -> bool {
    object.score >= condition.min_score && condition.labels.contains(&object.label)
}

/// `2 person, 1 car`: in the order of their first appearance.
pub(super) fn labels_of(objects: &[Object]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for object in objects {
        match counts.iter_mut().find(|(label, _)| *label == object.label) {
            Some((_, count)) => *count += 1,
            None => counts.push((&object.label, 1)),
        }
    }
    counts.iter().map(|(label, count)| format!("{count} {label}")).collect::<Vec<_>>().join(", ")
}

/// Time from `earlier` to `later`; zero when it is the other way round.
pub(super) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    let span: SignedDuration = later.duration_since(earlier);
    span.try_into().unwrap_or(Duration::ZERO)
}
