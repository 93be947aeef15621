//! Times of the week, in the site's time zone: when a rule is awake, and when it says nothing.

use jiff::{ZonedDateTime, civil::DateTime, tz::TimeZone};
use parapet_config::{Period, Rule};
use parapet_contracts::Timestamp;

/// True when a period of the rule covers this moment, or when it has none.
pub(super) fn is_awake(rule: &Rule, at: Timestamp) -> bool {
    rule.schedule.is_empty() || until(&rule.schedule, &rule.time_zone, at).is_some()
}

/// The end of the period that covers this moment; of several, the latest.
pub(super) fn until(periods: &[Period], zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
    let local = at.to_zoned_datetime(zone.clone());
    periods.iter().filter_map(|period| end(period, &local)).max()
}

fn end(period: &Period, local: &ZonedDateTime) -> Option<Timestamp> {
    let (day, time) = (local.weekday(), local.time());
    let today = local.date();
    let date = if period.from < period.to {
        (period.days.contains(&day) && time >= period.from && time < period.to).then_some(today)
    } else if period.days.contains(&day) && time >= period.from {
        today.tomorrow().ok()
    } else {
        (period.days.contains(&day.previous()) && time < period.to).then_some(today)
    }?;
    let end = DateTime::from_parts(date, period.to).to_zoned_datetime(local.time_zone().clone()).ok()?;
    Some(end.timestamp())
}
