//! The classic form of a rule: so many things of these classes, there, for so long. It is a statement like any other, written
//! for whoever does not want to write one.
//!
//! Semantics, each by event time and camera by camera:
//! - The condition holds in a frame when EVERY entry of `when` finds its number of objects, among those whose box's bottom
//!   centre lies in the zone.
//! - An episode begins with the first frame in which the condition holds and ends with the first in which it does not, or with
//!   a gap without frames that is longer than `held_for` (and than two seconds): nobody saw what happened meanwhile. Time in
//!   which frames were held back because nothing moved is no gap: what held before it has held through it.
//! - The rule fires once an episode has lasted `held_for`, and again after each `cooldown` for as long as it lasts
//!   (never again within it when the cooldown is zero). A new episode within the cooldown of the last alert is held back
//!   until the cooldown is over. With `resolve_after`, it fires once, and is resolved when the episode is over.
//! - An event that is not newer than the last one of its camera and model is late, and only counted; one that is older by more
//!   than [`super::CLOCK_WAS_SET`] means that the camera's clock was set back, and begins anew.

use parapet_config::{Condition, Rule};
use parapet_contracts::{DetectionEvent, Object};

use super::program::stands_in;

/// What the zone of a rule is called when it has no name.
const HERE: &str = "here";

/// The name of the rule's zone in its statement.
pub(super) fn zone_name(rule: &Rule) -> Option<&str> {
    rule.zone.as_ref().map(|zone| zone.name.as_deref().unwrap_or(HERE))
}

/// The statement that says the same.
pub(super) fn statement(rule: &Rule, conditions: &[Condition]) -> String {
    let place = zone_name(rule).map(|zone| format!(", {}", quoted(zone))).unwrap_or_default();
    let terms = conditions.iter().map(|condition| {
        let labels: Vec<String> = condition.labels.iter().map(|label| quoted(label)).collect();
        let labels = match labels.as_slice() {
            [only] => only.clone(),
            several => format!("array_create({})", several.join(", ")),
        };
        format!("seen(things, {labels}, {:?}{place}) >= {}", condition.min_score, condition.min_count.max(1))
    });
    format!("SELECT camera FROM frames WHERE {}", terms.collect::<Vec<_>>().join(" AND "))
}

/// A text as a statement has it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The objects that make the condition hold: those in the zone that one of the entries looks for.
pub(super) fn objects(rule: &Rule, conditions: &[Condition], event: &DetectionEvent) -> Vec<Object> {
    let polygon = rule.zone.as_ref().map(|zone| zone.polygons.get(&event.camera));
    let wanted = |object: &&Object| {
        let inside = polygon.is_none_or(|polygon| stands_in(event, object, polygon));
        let meets = |c: &Condition| object.score >= c.min_score && c.labels.contains(&object.label);
        inside && conditions.iter().any(meets)
    };
    event.objects.iter().filter(wanted).cloned().collect()
}
