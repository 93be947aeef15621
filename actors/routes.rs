//! Which rules an event may concern, without asking each of them: by camera, and for rules that begin with `label = '…'` by what
//! was seen.
//!
//! Only a rule whose rows are judged alone, and whose alerts have no length, may miss an event that does not concern it: for all
//! others the absence of things matters.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use parapet_config::{RuleBody, streams};
use parapet_contracts::{CameraId, DetectionEvent};
use parapet_rule_sql::{ast::Op, expr::Node, plan::Plan, value::Value};

use crate::rule::RuleFeed;

/// See the module.
#[derive(Default)]
pub(crate) struct Routes {
    cameras: HashMap<CameraId, Route>,
}

#[derive(Default)]
struct Route {
    /// Rules that hear every event.
    open: Vec<Arc<RuleFeed>>,
    /// Rules that hear events with an object of this label.
    by_label: HashMap<String, Vec<Arc<RuleFeed>>>,
}

impl Routes {
    /// The ways to these rules.
    pub(crate) fn new(rules: &[Arc<RuleFeed>]) -> Self {
        let mut cameras: HashMap<CameraId, Route> = HashMap::new();
        for feed in rules.iter().filter(|feed| feed.watches()) {
            let label = label_of(feed);
            for camera in &feed.rule().cameras {
                let route = cameras.entry(camera.clone()).or_default();
                match &label {
                    Some(label) => route.by_label.entry(label.clone()).or_default().push(Arc::clone(feed)),
                    None => route.open.push(Arc::clone(feed)),
                }
            }
        }
        Self { cameras }
    }

    /// The rules that an event may concern, each once.
    pub(crate) fn of<'a>(&'a self, event: &'a DetectionEvent) -> impl Iterator<Item = &'a Arc<RuleFeed>> {
        let route = self.cameras.get(&event.camera);
        let labels: HashSet<&str> = match route {
            Some(route) if !route.by_label.is_empty() => event.objects.iter().map(|o| o.label.as_str()).collect(),
            _ => HashSet::new(),
        };
        let open = route.into_iter().flat_map(|route| &route.open);
        let by_label = route.map(|route| &route.by_label);
        let chosen = labels.into_iter().filter_map(move |label| by_label?.get(label)).flatten();
        open.chain(chosen).filter(|feed| feed.wants(event))
    }
}

/// The label without which a rule can't hold.
fn label_of(feed: &RuleFeed) -> Option<String> {
    let (rule, plan) = (feed.rule(), feed.plan());
    let alone = matches!(rule.body, RuleBody::Sql(_))
        && plan.window.is_none()
        && plan.analytics.is_empty()
        && plan.sources.len() == 1
        && plan.source(streams::DETECTIONS).is_some();
    let moments = rule.held_for.is_zero() && rule.alerting.resolve_after.is_none();
    if alone && moments { first_label(plan) } else { None }
}

/// The `x` of a condition that begins with `label = 'x'`. What comes before it might fail with an error, which is told.
fn first_label(plan: &Plan) -> Option<String> {
    let mut first = plan.filter.as_ref()?;
    while let Node::Binary(Op::And, left, _) = first {
        first = left;
    }
    let Node::Binary(Op::Eq, left, right) = first else { return None };
    let (Node::Column(number), Node::Const(Value::Str(label))) = (left.as_ref(), right.as_ref()) else { return None };
    plan.columns.get(*number).filter(|column| column.name.as_ref() == "label").map(|_| label.to_string())
}
