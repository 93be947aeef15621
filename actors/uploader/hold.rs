//! What an uploader lets wait: for others, so that they go together, and for the end of quiet hours. Pure: the time is passed in.
//!
//! It promises: what is urgent waits for nothing and goes alone; what waits does so in its outbox, on the disk; of what has waited no more
//! goes together than the file says; everything else goes alone, in its order.

use std::time::Duration;

use jiff::{ZonedDateTime, tz::TimeZone};
use parapet_config::Hold;
use parapet_contracts::{
    Severity, Timestamp,
    ports::store::{OutboxEntry, OutboxItem},
};
use parapet_rule_sql::schedule::Schedule;
use serde::Deserialize;

/// Quiet hours that take longer than this are looked at again then.
const FAR: i64 = 9 * 24 * 60;

/// A checked [`Hold`], ready to judge.
#[derive(Debug, Clone)]
pub struct Holding {
    digest: Option<Duration>,
    most: usize,
    quiet: Option<Schedule>,
    urgent: Option<Severity>,
    zone: TimeZone,
}

/// What to do with a page of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The entry at this index goes, alone.
    One(usize),
    /// The entries from this index on go together, but for those that are urgent.
    Together(usize),
    /// All of them wait until then, or until something else comes.
    Wait(Timestamp),
}

/// What becomes of one entry.
enum Fate {
    Alone,
    Due,
    Later(Timestamp),
}

impl Holding {
    /// As a file says. Quiet hours that can't be read, as checked ones can, are none.
    pub fn new(hold: &Hold, zone: TimeZone) -> Self {
        Self {
            digest: hold.digest.map(|digest| digest.within),
            most: hold.most(),
            quiet: hold.quiet_hours.as_deref().and_then(|text| Schedule::parse(text).ok()),
            urgent: hold.urgent,
            zone,
        }
    }

    /// How many go together at most.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// What to do with these entries, of which there is one at least. `age` tells how long ago something was told.
    pub(super) fn next(&self, entries: &[OutboxEntry], now: Timestamp, age: impl Fn(Timestamp) -> Duration) -> Next {
        let quiet = self.quiet_until(now);
        let mut wait: Option<Timestamp> = None;
        for (index, entry) in entries.iter().enumerate() {
            match self.fate(&entry.item, now, quiet, &age) {
                Fate::Alone => return Next::One(index),
                Fate::Due => return Next::Together(index),
                Fate::Later(until) => wait = Some(wait.map_or(until, |known| known.min(until))),
            }
        }
        Next::Wait(wait.unwrap_or(now))
    }

    /// Whether this goes along with others that are due.
    pub(super) fn goes_along(&self, item: &OutboxItem) -> bool {
        !self.is_urgent(item) && (self.digest.is_some() || self.was_quiet(item))
    }

    fn fate(
        &self,
        item: &OutboxItem,
        now: Timestamp,
        quiet: Option<Timestamp>,
        age: &impl Fn(Timestamp) -> Duration,
    ) -> Fate {
        if self.is_urgent(item) {
            return Fate::Alone;
        }
        if let Some(until) = quiet {
            return Fate::Later(until);
        }
        if self.was_quiet(item) {
            return Fate::Due;
        }
        match (self.digest, item.at) {
            (Some(within), Some(at)) => match within.saturating_sub(age(at)) {
                Duration::ZERO => Fate::Due,
                left => Fate::Later(now.checked_add(left).unwrap_or(now)),
            },
            (Some(_), None) => Fate::Due,
            (None, _) => Fate::Alone,
        }
    }

    fn is_urgent(&self, item: &OutboxItem) -> bool {
        #[derive(Deserialize)]
        struct Event {
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            severity: Option<Severity>,
        }
        let Some(urgent) = self.urgent else { return false };
        let severity = serde_json::from_str::<Event>(&item.payload).ok().and_then(|event| event.data.severity);
        severity.is_some_and(|severity| severity >= urgent)
    }

    /// Whether it was told in quiet hours, so that it has waited for their end.
    fn was_quiet(&self, item: &OutboxItem) -> bool {
        let Some(schedule) = &self.quiet else { return false };
        item.at.is_some_and(|at| schedule.covers(at.to_zoned_datetime(self.zone.clone()).datetime()))
    }

    /// The end of the quiet hours that it is in.
    fn quiet_until(&self, now: Timestamp) -> Option<Timestamp> {
        let schedule = self.quiet.as_ref()?;
        let local = now.to_zoned_datetime(self.zone.clone());
        if !schedule.covers(local.datetime()) {
            return None;
        }
        let minute = local.datetime().with().second(0).subsec_nanosecond(0).build().ok()?;
        let later = |minutes: i64| -> Option<ZonedDateTime> {
            minute.checked_add(jiff::Span::new().minutes(minutes)).ok()?.to_zoned_datetime(self.zone.clone()).ok()
        };
        let end = (1..FAR).filter_map(later).find(|at| !schedule.covers(at.datetime()));
        // An hour that the clock repeats lies behind `now` the first time: it is looked at again a minute later.
        let soon = now.checked_add(Duration::from_secs(60)).ok();
        end.or_else(|| later(FAR)).map(|end| end.timestamp()).filter(|end| *end > now).or(soon)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parapet_config::Digest;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn entry(sequence: u64, severity: &str, told: &str) -> OutboxEntry {
        let payload = format!(r#"{{"specversion":"1.0","data":{{"severity":"{severity}"}}}}"#);
        let item = OutboxItem::new(uuid::Uuid::nil(), "alert", "t", payload).about(None, at(told));
        OutboxEntry { sequence, item }
    }

    fn holding(within: Option<u64>, quiet: Option<&str>) -> Holding {
        let digest = within.map(|seconds| Digest { within: Duration::from_secs(seconds), most: 10 });
        let quiet_hours = quiet.map(str::to_owned);
        let hold = Hold { digest, quiet_hours, urgent: Some(Severity::Critical) };
        Holding::new(&hold, TimeZone::get("Europe/Berlin").unwrap())
    }

    fn next(holding: &Holding, entries: &[OutboxEntry], now: &str) -> Next {
        let now = at(now);
        holding.next(entries, now, |told| Duration::try_from(now.duration_since(told)).unwrap_or_default())
    }

    #[test]
    fn without_a_digest_and_quiet_hours_each_goes_alone() {
        let plain = holding(None, None);
        let entries = [entry(1, "info", "2026-06-01T10:00:00Z"), entry(2, "info", "2026-06-01T10:00:01Z")];
        assert_eq!(next(&plain, &entries, "2026-06-01T10:00:02Z"), Next::One(0));
    }

    #[test]
    fn a_digest_goes_when_its_first_is_due_and_takes_the_others_along() {
        let digest = holding(Some(60), None);
        let entries = [entry(1, "info", "2026-06-01T10:00:00Z"), entry(2, "warning", "2026-06-01T10:00:50Z")];
        assert_eq!(next(&digest, &entries, "2026-06-01T10:00:59Z"), Next::Wait(at("2026-06-01T10:01:00Z")));
        assert_eq!(next(&digest, &entries, "2026-06-01T10:01:00Z"), Next::Together(0));
        assert!(digest.goes_along(&entries[1].item));
    }

    #[test]
    fn what_is_urgent_waits_for_nothing_and_goes_alone() {
        let both = holding(Some(60), Some("22:00-06:00"));
        let entries = [entry(1, "info", "2026-06-01T21:00:00Z"), entry(2, "critical", "2026-06-01T21:00:01Z")];
        assert_eq!(next(&both, &entries, "2026-06-01T21:00:02Z"), Next::One(1), "23:00 in Berlin");
        assert!(!both.goes_along(&entries[1].item));
    }

    #[test]
    fn quiet_hours_are_those_of_the_sites_zone_and_what_waited_goes_together() {
        let quiet = holding(None, Some("22:00-06:00"));
        let entries = [entry(1, "info", "2026-06-01T20:30:00Z"), entry(2, "info", "2026-06-01T23:00:00Z")];
        assert_eq!(next(&quiet, &entries, "2026-06-02T03:59:59Z"), Next::Wait(at("2026-06-02T04:00:00Z")));
        assert_eq!(next(&quiet, &entries, "2026-06-02T04:00:00Z"), Next::Together(0), "06:00 in Berlin");
        let day = [entry(3, "info", "2026-06-02T04:00:01Z")];
        assert_eq!(next(&quiet, &day, "2026-06-02T04:00:02Z"), Next::One(0));
        assert!(!quiet.goes_along(&day[0].item), "it did not wait");
    }

    #[test]
    fn a_weekend_and_the_hour_that_the_clock_repeats_end() {
        let weekend = holding(None, Some("fri 22:00-24:00, sat, sun, mon 00:00-06:00"));
        let entries = [entry(1, "info", "2026-06-05T21:00:00Z")];
        assert_eq!(next(&weekend, &entries, "2026-06-05T21:00:00Z"), Next::Wait(at("2026-06-08T04:00:00Z")));
        // On 25 October 2026 the clock of Berlin goes from 03:00 back to 02:00.
        let night = holding(None, Some("01:00-02:30"));
        let mut now = at("2026-10-25T00:00:00Z");
        let entries = [entry(1, "info", "2026-10-24T23:30:00Z")];
        let mut looks = 0;
        while let Next::Wait(until) = night.next(&entries, now, |_| Duration::ZERO) {
            assert!(until > now, "it always looks later");
            (now, looks) = (until, looks + 1);
        }
        assert!(now <= at("2026-10-25T01:30:00Z") && looks < 100, "{now} after {looks} looks");
    }
}
