//! When a rule is awake, in the site's time zone.

use jiff::ZonedDateTime;
use parapet_config::{Period, Rule};
use parapet_contracts::Timestamp;

/// True when a period of the rule covers this moment, or when it has none.
pub(super) fn is_awake(rule: &Rule, at: Timestamp) -> bool {
    rule.schedule.is_empty() || {
        let local = at.to_zoned_datetime(rule.time_zone.clone());
        rule.schedule.iter().any(|period| covers(period, &local))
    }
}

fn covers(period: &Period, local: &ZonedDateTime) -> bool {
    let (day, time) = (local.weekday(), local.time());
    if period.from < period.to {
        return period.days.contains(&day) && time >= period.from && time < period.to;
    }
    (period.days.contains(&day) && time >= period.from) || (period.days.contains(&day.previous()) && time < period.to)
}
