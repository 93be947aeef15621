//! How long the steps of the site's work take: percentiles, from the histograms that Prometheus gets.
//!
//! A histogram knows how many took at most so long, for a few bounds; between two of them a percentile is interpolated, so it is as exact
//! as the bounds lie close. What took longer than the last bound is told as that bound.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use serde::Serialize;

use super::{AppState, error::Problem};

/// Metrics that are steps: the metric, the step, and the label that tells its series apart.
const STEPS: [(&str, &str, Option<&str>); 6] = [
    ("parapet_slot_wait_seconds", "wait", Some("model")),
    ("parapet_inference_seconds", "inference", Some("model")),
    ("parapet_rule_evaluation_seconds", "rule", Some("rule")),
    ("parapet_alert_durable_seconds", "alert", None),
    ("parapet_store_commit_seconds", "store", None),
    ("parapet_rule_checkpoint_seconds", "checkpoint", None),
];

/// How long a step took, since the site was started.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// `wait` for a slot, `inference`, `rule`: judging an event, `alert`: from the decoder to the disk, `store`: a synced batch, `checkpoint`.
    step: &'static str,
    /// The model's or the rule's name; absent of what the site has one of.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    /// How often.
    count: u64,
    /// Seconds in all.
    sum_s: f64,
    p50_s: f64,
    p90_s: f64,
    p99_s: f64,
    /// For each bound in seconds, how many took at most so long.
    bounds: Vec<(f64, u64)>,
}

/// `GET /api/v1/performance`
pub async fn performance(State(state): State<AppState>) -> Result<Json<Vec<Step>>, Problem> {
    let rendered = tokio::task::spawn_blocking(move || state.metrics.render(&state.site, state.backups.store())).await;
    let text = rendered.map_err(|error| Problem::internal(format!("rendering metrics: {error}")))?;
    Ok(Json(steps(&text)))
}

#[derive(Debug, Default)]
struct Series {
    bounds: Vec<(f64, u64)>,
    count: u64,
    sum: f64,
}

/// Reads Prometheus' text format.
fn steps(text: &str) -> Vec<Step> {
    let mut series: BTreeMap<(usize, Option<String>), Series> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.rsplit_once(' ') else { continue };
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        let Some(at) = STEPS.iter().position(|(metric, ..)| name.starts_with(metric)) else { continue };
        let (metric, _, label) = STEPS[at];
        let entry = series.entry((at, label.and_then(|label| label_of(labels, label)))).or_default();
        match &name[metric.len()..] {
            "_bucket" => {
                let bound = label_of(labels, "le").and_then(|le| le.parse::<f64>().ok());
                let bound = bound.filter(|bound| bound.is_finite());
                entry.bounds.extend(bound.zip(value.parse().ok()));
            }
            "_count" => entry.count = value.parse().unwrap_or_default(),
            "_sum" => entry.sum = value.parse().unwrap_or_default(),
            _ => {}
        }
    }
    let step = |((at, of), Series { mut bounds, count, sum }): ((usize, Option<String>), Series)| {
        bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        let percentile = |share| percentile(&bounds, count, share);
        let (p50_s, p90_s, p99_s) = (percentile(0.5), percentile(0.9), percentile(0.99));
        Step { step: STEPS[at].1, of, count, sum_s: sum, p50_s, p90_s, p99_s, bounds }
    };
    series.into_iter().filter(|(_, series)| series.count > 0).map(step).collect()
}

/// The value of a label; values of names have nothing that is escaped.
fn label_of(labels: &str, name: &str) -> Option<String> {
    labels.trim_end_matches('}').split(',').find_map(|label| {
        let value = label.strip_prefix(name)?.strip_prefix("=\"")?;
        Some(value.trim_end_matches('"').to_owned())
    })
}

/// The time that `share` of `count` took at most.
fn percentile(bounds: &[(f64, u64)], count: u64, share: f64) -> f64 {
    let wanted = count as f64 * share;
    let mut below = (0.0, 0);
    for (bound, sum) in bounds {
        if *sum as f64 >= wanted && *sum > below.1 {
            let part = (wanted - below.1 as f64) / (sum - below.1) as f64;
            return below.0 + (bound - below.0) * part;
        }
        below = (*bound, *sum);
    }
    below.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# TYPE parapet_inference_seconds histogram
parapet_inference_seconds_bucket{model=\"people\",le=\"0.01\"} 50
parapet_inference_seconds_bucket{model=\"people\",le=\"0.1\"} 100
parapet_inference_seconds_bucket{model=\"people\",le=\"+Inf\"} 100
parapet_inference_seconds_sum{model=\"people\"} 3.5
parapet_inference_seconds_count{model=\"people\"} 100
parapet_inference_seconds_bucket{model=\"cars\",le=\"0.01\"} 0
parapet_inference_seconds_count{model=\"cars\"} 0
parapet_alert_durable_seconds_bucket{le=\"0.01\"} 1
parapet_alert_durable_seconds_bucket{le=\"+Inf\"} 4
parapet_alert_durable_seconds_sum 9
parapet_alert_durable_seconds_count 4
parapet_camera_frames_total{camera=\"gate\"} 7
";

    #[test]
    fn percentiles_are_read_between_the_bounds() {
        let steps = steps(TEXT);
        assert_eq!(steps.len(), 2, "what never happened is left out: {steps:?}");
        let people = &steps[0];
        assert_eq!((people.step, people.of.as_deref(), people.count), ("inference", Some("people"), 100));
        assert!((people.p50_s - 0.01).abs() < 1e-9 && (people.p90_s - 0.082).abs() < 1e-9, "{people:?}");
        assert_eq!(people.bounds, [(0.01, 50), (0.1, 100)]);
    }

    #[test]
    fn what_took_longer_than_the_last_bound_is_told_as_that() {
        let steps = steps(TEXT);
        assert_eq!((steps[1].step, steps[1].of.as_deref(), steps[1].p99_s), ("alert", None, 0.01));
    }
}
