//! Natural times: windows of 10 s end at :00, :10, :20 …, windows of hours at the hours of the day.

use jiff::ToSpan as _;
use jiff::civil::{DateTime, Time};

use crate::ast::Unit;
use crate::value::{Instant, Zone};

/// The first natural end after `now` (milliseconds) for windows of `count` units: counted within the minute, the hour
/// or the day, and for days from today, all in `zone`.
pub fn aligned_end(now: i64, count: i64, unit: Unit, zone: &Zone) -> i64 {
    let count = count.max(1);
    let civil = Instant::from_millis(now, zone.clone()).civil();
    let date = civil.date();
    let (base, part) = match unit {
        Unit::Day => {
            let days = i32::try_from(count).unwrap_or(i32::MAX);
            let end = date.checked_add(days.days()).map(|d| d.to_datetime(Time::midnight()));
            return end
                .map_or(now.saturating_add(count.saturating_mul(unit.millis())), |end| to_millis(end, zone, now));
        }
        Unit::Hour => (date.to_datetime(Time::midnight()), i64::from(civil.hour())),
        Unit::Minute => (date.at(civil.hour(), 0, 0, 0), i64::from(civil.minute())),
        Unit::Second => (date.at(civil.hour(), civil.minute(), 0, 0), i64::from(civil.second())),
        Unit::Milli => {
            let milli = i64::from(civil.subsec_nanosecond() / 1_000_000);
            (date.at(civil.hour(), civil.minute(), civil.second(), 0), milli)
        }
    };
    let gap = count.saturating_mul(part / count + 1);
    to_millis(base, zone, now).saturating_add(gap.saturating_mul(unit.millis()))
}

fn to_millis(civil: DateTime, zone: &Zone, otherwise: i64) -> i64 {
    Instant::from_civil(civil, zone.clone()).map_or(otherwise, |t| t.millis())
}
