//! Which rules something may concern, without asking each of them: by camera, stream or rule; and for rules that may miss what does
//! not concern them, by the conditions that their statements begin with.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use parapet_config::streams;
use parapet_contracts::{CameraId, DetectionEvent, Happening, RuleId, StreamId};

use crate::rule::{RuleFeed, Selection};

type Rules = Vec<Arc<RuleFeed>>;

/// See the module.
#[derive(Default)]
pub(crate) struct Routes {
    /// Rules that hear every event of a camera.
    cameras: HashMap<CameraId, Rules>,
    /// Rules that hear every message of a stream.
    streams: HashMap<StreamId, Rules>,
    /// Rules that hear all alerts of a rule, and what becomes of them.
    alerts: HashMap<RuleId, Rules>,
    /// Rules that hear of every status.
    statuses: Rules,
    /// Those that hear what they look for.
    selection: Selection,
}

fn add<K: Hash + Eq + Clone>(routes: &mut HashMap<K, Rules>, keys: &[K], feed: &Arc<RuleFeed>) {
    for key in keys {
        routes.entry(key.clone()).or_default().push(Arc::clone(feed));
    }
}

impl Routes {
    /// The ways to these rules.
    pub(crate) fn new(rules: &[Arc<RuleFeed>]) -> Self {
        let mut routes = Self::default();
        for feed in rules.iter().filter(|feed| feed.rule().enabled) {
            if routes.selection.take(feed) {
                continue;
            }
            let (rule, plan) = (feed.rule(), feed.plan());
            if feed.watches() {
                add(&mut routes.cameras, &rule.cameras, feed);
            }
            let read: Vec<StreamId> = rule.reads.streams.iter().map(|stream| stream.id.clone()).collect();
            add(&mut routes.streams, &read, feed);
            add(&mut routes.alerts, &rule.reads.alerts_of, feed);
            if plan.source(streams::STATUS).is_some() {
                routes.statuses.push(Arc::clone(feed));
            }
        }
        routes
    }

    /// Calls for each rule that an event may concern, once.
    pub(crate) fn of_event(&self, event: &DetectionEvent, mut act: impl FnMut(&Arc<RuleFeed>)) {
        let open = self.cameras.get(&event.camera).into_iter().flatten();
        open.filter(|feed| feed.wants(event)).for_each(&mut act);
        self.selection.of_event(event, |feed| {
            if feed.wants(event) {
                act(feed);
            }
        });
    }

    /// Tells the rules that something may concern which is no frame.
    pub(crate) fn tell(&self, happening: &Happening) {
        let open = match happening {
            Happening::Seen(_) => None,
            Happening::Status(_) => Some(&self.statuses),
            Happening::Alert(alert) => self.alerts.get(&alert.rule),
            Happening::AlertUpdate(update) => self.alerts.get(&update.rule),
            Happening::Row(row) => self.streams.get(&row.stream),
        };
        open.into_iter().flatten().for_each(|feed| feed.tell(happening));
        if let Happening::Row(row) = happening {
            self.selection.of_row(row, |feed| feed.tell(happening));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parapet_contracts::{StreamEvent, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::rule::samples::{seen, sql};

    /// The ids of the rules that an event goes to.
    fn routed(routes: &Routes, event: &DetectionEvent) -> Vec<String> {
        let mut ids = Vec::new();
        routes.of_event(event, |feed| ids.push(feed.rule().id.to_string()));
        ids.sort();
        ids
    }

    #[test]
    fn rules_hear_what_may_concern_them_and_those_that_mind_what_is_not_there_hear_all() {
        let rules = [
            sql("person", "SELECT label FROM detections WHERE label = 'person'"),
            sql("sure", "SELECT label FROM detections WHERE score > 0.95 AND label = 'person'"),
            sql("crowd", "SELECT objects FROM frames WHERE objects > 2"),
            sql("held", "SELECT camera FROM detections WHERE label = 'person' FOR 3s PER camera"),
            sql("new", "SELECT id FROM tracks WHERE change = 'new'"),
            sql("memory", "SELECT label FROM detections WHERE label = 'person' AND lag(label) = 'car'"),
            sql("any", "SELECT label FROM detections"),
        ];
        let routes = Routes::new(&rules);
        assert_eq!(routed(&routes, &seen("gate", &["person"])), ["any", "held", "memory", "person"]);
        assert_eq!(routed(&routes, &seen("gate", &["car", "car", "car"])), ["any", "crowd", "held", "memory"]);
        assert_eq!(routed(&routes, &seen("gate", &[])), ["any", "held", "memory"]);
        assert_eq!(routed(&routes, &seen("dock", &["person"])), [""; 0], "no rule listens to it");
    }

    #[test]
    fn an_event_goes_to_the_rules_that_look_for_it_however_many_there_are() {
        for count in [300, 3_000] {
            let rules: Vec<_> = (0..count)
                .map(|n| {
                    sql(
                        &format!("r{n}"),
                        &format!("SELECT label FROM detections WHERE label = 'thing {n}' AND score > 0.5"),
                    )
                })
                .collect();
            let routes = Routes::new(&rules);
            assert_eq!(routed(&routes, &seen("gate", &["thing 7", "thing 250", "thing 7"])), ["r250", "r7"]);
            let mut asked = 0;
            routes.cameras.values().for_each(|rules| asked += rules.len());
            assert_eq!(asked, 0, "none is asked each time");
        }
    }

    #[test]
    fn messages_go_to_the_rules_of_their_stream_that_look_for_them() {
        let rules = [
            sql("hot", "SELECT t FROM heat WHERE t > 90"),
            sql("every", "SELECT t FROM heat"),
            sql("mean", "SELECT avg(t) AS mean FROM heat WHERE t > 90 GROUP BY tumblingwindow(ss, 10)"),
            sql("elsewhere", "SELECT label FROM detections"),
        ];
        let routes = Routes::new(&rules);
        let told = |t: f64| {
            let data = serde_json::json!({ "t": t }).as_object().unwrap().clone();
            let (site, stream) = ("yard".parse().unwrap(), "heat".parse().unwrap());
            let row = StreamEvent { id: Uuid::nil(), site, stream, ts: Timestamp::UNIX_EPOCH, topic: None, data };
            let before: Vec<usize> = rules.iter().map(|feed| feed.waiting_others()).collect();
            routes.tell(&Happening::Row(Arc::new(row)));
            rules.iter().zip(before).map(|(feed, before)| feed.waiting_others() - before).collect::<Vec<_>>()
        };
        assert_eq!(told(20.0), [0, 1, 1, 0]);
        assert_eq!(told(95.0), [1, 1, 1, 0]);
    }
}
