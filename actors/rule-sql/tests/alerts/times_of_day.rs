//! `during('night')`, `hour(ts)`: the site's time, also when the clock is changed.

use serde_json::json;

use crate::site::{Rule, made};

/// 2026-10-25 00:00 UTC: at 01:00 UTC the clocks of Berlin go from 03:00 back to 02:00.
const AUTUMN: i64 = 1_792_886_400_000;
/// 2026-03-29 00:00 UTC: at 01:00 UTC they go from 02:00 on to 03:00.
const SPRING: i64 = 1_774_742_400_000;
const HOUR: i64 = 3_600_000;

fn hours(sql: &str, zone: &str, start: i64, count: i64) -> Vec<serde_json::Value> {
    let mut rule = Rule::in_zone(sql, zone, start);
    for hour in 0..count {
        rule.push_at("demo", start + hour * HOUR, &json!({}));
    }
    rule.rows().iter().map(|row| row["h"].clone()).collect()
}

#[test]
fn hours_are_those_of_the_site_also_when_the_clock_is_changed() {
    let sql = "SELECT hour(ts) AS h FROM demo";
    assert_eq!(hours(sql, "Europe/Berlin", AUTUMN, 4), [2, 2, 3, 4], "02:00 comes twice");
    assert_eq!(hours(sql, "Europe/Berlin", SPRING, 3), [1, 3, 4], "02:00 does not come");
    assert_eq!(hours(sql, "UTC", SPRING, 3), [0, 1, 2]);
}

#[test]
fn a_schedule_is_one_of_the_site_s_or_written_out() {
    let named = "SELECT hour(ts) AS h FROM demo WHERE during('night')";
    assert_eq!(hours(named, "Europe/Berlin", AUTUMN, 8), [2, 2, 3, 4, 5]);
    assert_eq!(hours(named, "Europe/Berlin", SPRING, 8), [1, 3, 4, 5]);
    let written = "SELECT hour(ts) AS h FROM demo WHERE during('sun 02:00-03:00')";
    assert_eq!(hours(written, "Europe/Berlin", AUTUMN, 8), [2, 2]);
    assert_eq!(hours(written, "Europe/Berlin", SPRING, 8), Vec::<i64>::new());
    let other = "SELECT hour(ts) AS h FROM demo WHERE during('night', ts - 0)";
    assert!(made(other).is_ok(), "another time can be asked about");
}

#[test]
fn an_unknown_schedule_is_refused_with_a_guess() {
    let error = made("SELECT 1 AS h FROM demo WHERE during('nigth')").unwrap_err();
    assert_eq!(error.pos.map(|pos| pos.column), Some(38));
    assert_eq!(error.hint.as_deref(), Some("did you mean \"night\"?"));
}
