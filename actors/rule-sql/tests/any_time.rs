//! Times as broken clocks give them: at the ends of time, backwards, all at once. The engine neither panics nor hangs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use parapet_rule_sql::catalog::Statement;
use parapet_rule_sql::value::{Object, Value, zone};
use parapet_rule_sql::{Catalog, Engine, Event, Relation, RuleOptions, parse_statement};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    catalog.add(Relation::schemaless("demo"));
    for ddl in [
        "CREATE STREAM timed () WITH (DATASOURCE=\"timed\", TIMESTAMP=\"ts\")",
        "CREATE STREAM other () WITH (DATASOURCE=\"other\", TIMESTAMP=\"ts\")",
    ] {
        match parse_statement(ddl).unwrap() {
            Statement::Create(relation) => catalog.add(relation),
            other => panic!("{other:?}"),
        }
    }
    catalog
}

const WINDOWS: [&str; 14] = [
    "tumblingwindow(ms, 1)",
    "tumblingwindow(ss, 10)",
    "tumblingwindow(dd, 106751)",
    "tumblingwindow(dd, 9223372036854775807)",
    "hoppingwindow(ss, 10, 3)",
    "hoppingwindow(hh, 9223372036854775807, 1)",
    "hoppingwindow(ms, 1, 9223372036854775807)",
    "slidingwindow(ss, 10)",
    "slidingwindow(ss, 10, 20)",
    "slidingwindow(dd, 9223372036854775807, 9223372036854775807)",
    "sessionwindow(ss, 10, 1)",
    "sessionwindow(ms, 2, 1)",
    "sessionwindow(dd, 9223372036854775807, 9223372036854775807)",
    "countwindow(3, 2)",
];

const ALERTS: [&str; 7] = [
    "WHERE n > 1 FOR 10s PER n RESOLVE AFTER 5s",
    "WHERE n > 1 FOR 100000d ALLOWING GAPS OF 100000d RESOLVE AFTER 100000d WHEN n = 0",
    "WHERE n = 1 THEN n = 2 WITHIN 100000d PER n",
    "WHERE n = 1 THEN NOT n = 2 WITHIN 1ms THEN n > 0 WITHIN 100000d KEEP EACH",
    "ABSENT 1ms PER n",
    "ABSENT 100000d",
    "GROUP BY tumblingwindow(ss, 10), n HAVING count(*) > 0 FOR 10s",
];

fn time() -> impl Strategy<Value = i64> {
    let ends = prop::sample::select(vec![
        i64::MIN,
        i64::MIN + 1,
        -9_223_372_036_854,
        -9_200_000_000_000,
        -1,
        0,
        1,
        9_199_999_999_999,
        9_200_000_000_000,
        9_223_372_036_854,
        i64::MAX - 1,
        i64::MAX,
    ]);
    prop_oneof![ends, any::<i64>(), 0_i64..100_000, 1_790_000_000_000_i64..1_790_000_100_000]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(200),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/regressions/any_time.txt"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn broken_clocks_neither_panic_nor_hang(
        window in prop::sample::select(WINDOWS.to_vec()),
        event_time in any::<bool>(),
        start in time(),
        tolerance in time(),
        idle in prop::option::of(time()),
        local in any::<bool>(),
        steps in prop::collection::vec((time(), time(), any::<bool>()), 1..8),
    ) {
        let (first, second) = if event_time { ("timed", "other") } else { ("demo", "demo") };
        let sql = format!(
            "SELECT count(*) AS n, window_start() AS s, window_end() AS e, event_time() AS t, format_time(window_end(), \
             \"yyyy-MM-dd\") AS d, last_agg_hit_time() AS h FROM {first} GROUP BY {window} HAVING n > 0"
        );
        // What is too long for the engine is refused when the rule is made.
        let zone = if local { zone("Europe/Berlin").unwrap() } else { zone("UTC").unwrap() };
        let options = RuleOptions { event_time, late_tolerance: tolerance, idle_timeout: idle, zone, ..RuleOptions::default() };
        let made = Engine::new(&sql, &catalog(), options, start);
        if made.is_err() && window.contains("9223372036854775807") {
            return Ok(());
        }
        let mut engine = made.unwrap_or_else(|e| panic!("{sql}: {e}"));
        for (at, ts, other) in steps {
            let data: Object = [(Arc::from("ts"), Value::Int(ts))].into_iter().collect();
            let stream = if other { second } else { first };
            engine.push(&Event { stream: stream.into(), at, data: Arc::new(data), meta: None });
            engine.advance(ts);
            let _ = (engine.next_timer(), engine.counters(), engine.checkpoint());
        }
        prop_assert!(engine.drain().count() <= 100_000);
    }

    #[test]
    fn broken_clocks_do_no_harm_to_alerts(
        clause in prop::sample::select(ALERTS.to_vec()),
        event_time in any::<bool>(),
        start in time(),
        steps in prop::collection::vec((time(), time(), 0_i64..4), 1..8),
    ) {
        let stream = if event_time { "timed" } else { "demo" };
        let sql = format!("SELECT n, event_time() AS t FROM {stream} {clause}");
        let options = RuleOptions { event_time, ..RuleOptions::default() };
        let mut engine = Engine::new(&sql, &catalog(), options, start).unwrap_or_else(|e| panic!("{sql}: {e}"));
        for (at, ts, n) in steps {
            let data: Object = [(Arc::from("ts"), Value::Int(ts)), (Arc::from("n"), Value::Int(n))].into_iter().collect();
            engine.push(&Event { stream: stream.into(), at, data: Arc::new(data), meta: None });
            engine.advance(ts);
            let _ = (engine.next_timer(), engine.counters(), engine.checkpoint());
        }
        prop_assert!(engine.drain().count() <= 100_000);
    }
}
