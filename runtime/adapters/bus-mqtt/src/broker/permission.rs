//! What a user may publish and subscribe to, as topic filters. Pure.

use parapet_contracts::topics::matches;

/// The topics that a user may use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions {
    /// Filters of topics that may be published to.
    pub publish: Vec<String>,
    /// Filters that may be subscribed to, and everything that is narrower.
    pub subscribe: Vec<String>,
}

impl Permissions {
    /// Everything, but what begins with `$`.
    pub fn everything() -> Self {
        Self { publish: vec!["#".to_owned()], subscribe: vec!["#".to_owned()] }
    }

    pub(super) fn may_publish(&self, topic: &str) -> bool {
        self.publish.iter().any(|filter| matches(filter, topic))
    }

    pub(super) fn may_subscribe(&self, filter: &str) -> bool {
        let filter = of_share(filter);
        self.subscribe.iter().any(|allowed| covers(allowed, filter))
    }
}

/// The filter within a shared subscription, `$share/<group>/<filter>`.
fn of_share(filter: &str) -> &str {
    filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')).map_or(filter, |(_, inner)| inner)
}

/// True when everything that `filter` takes is taken by `allowed`, too.
fn covers(allowed: &str, filter: &str) -> bool {
    if filter.starts_with('$') && allowed.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = filter.split('/');
    for level in allowed.split('/') {
        match (level, levels.next()) {
            ("#", _) => return true,
            ("+", Some(asked)) if asked != "#" => {}
            (wanted, Some(asked)) if wanted == asked => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_filter_covers_what_is_narrower_and_nothing_wider() {
        for (allowed, filter, covered) in [
            ("#", "parapet/#", true),
            ("#", "#", true),
            ("#", "$SYS/#", false),
            ("+/a", "$SYS/a", false),
            ("parapet/a/#", "parapet/a/#", true),
            ("parapet/a/#", "parapet/a", true),
            ("parapet/a/#", "parapet/a/+/status", true),
            ("parapet/a/#", "parapet/+/alerts", false),
            ("parapet/a/#", "parapet/#", false),
            ("parapet/a/#", "parapet/ab/x", false),
            ("parapet/+/alerts", "parapet/+/alerts", true),
            ("parapet/+/alerts", "parapet/a/alerts", true),
            ("parapet/+/alerts", "parapet/#", false),
            ("parapet/+", "parapet/#", false),
            ("parapet/a", "parapet/+", false),
        ] {
            assert_eq!(covers(allowed, filter), covered, "{allowed} {filter}");
        }
        let permissions = Permissions { publish: vec![], subscribe: vec!["parapet/a/#".to_owned()] };
        assert!(permissions.may_subscribe("$share/hub/parapet/a/alerts"));
        assert!(!permissions.may_subscribe("$share/hub/parapet/b/alerts"));
        assert!(!permissions.may_publish("parapet/a/alerts"));
    }

    fn filter() -> impl Strategy<Value = String> {
        let level = prop_oneof![Just("a"), Just("b"), Just("+"), Just("")];
        (proptest::collection::vec(level, 1..4), any::<bool>()).prop_map(|(mut levels, rest)| {
            if rest {
                levels.push("#");
            }
            levels.join("/")
        })
    }

    proptest! {
        #[test]
        fn who_is_covered_gets_no_topic_that_is_not_allowed(
            allowed in filter(),
            asked in filter(),
            topic in proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("")], 1..5),
        ) {
            let topic = topic.join("/");
            if covers(&allowed, &asked) && matches(&asked, &topic) {
                prop_assert!(matches(&allowed, &topic), "{} covers {}, but {}", allowed, asked, topic);
            }
        }
    }
}
