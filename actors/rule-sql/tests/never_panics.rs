//! No text and no event makes the engine panic.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use parapet_rule_sql::value::{Object, Value};
use parapet_rule_sql::{Catalog, Engine, Event, Relation, RuleOptions, functions, parse_select, parse_statement};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// Words from which statements are put together: most are nearly right, which reaches further than noise.
fn word() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "SELECT",
        "FROM",
        "WHERE",
        "GROUP",
        "BY",
        "HAVING",
        "ORDER",
        "LIMIT",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "BETWEEN",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "AS",
        "OVER",
        "PARTITION",
        "FILTER",
        "JOIN",
        "LEFT",
        "ON",
        "*",
        ",",
        "(",
        ")",
        "[",
        "]",
        ":",
        "->",
        ".",
        "=",
        "!=",
        "<",
        ">=",
        "+",
        "-",
        "/",
        "%",
        ";",
        "demo",
        "a",
        "b",
        "`c d`",
        "1",
        "2.5",
        "\"text\"",
        "'text'",
        "true",
        "ss",
        "tumblingwindow(ss, 1)",
        "slidingwindow(ss, 1)",
        "statewindow(a > 1)",
        "countwindow(3)",
        "count(*)",
        "avg(a)",
        "lag(a)",
        "unnest(a)",
        "EXCEPT",
        "REPLACE",
        "INVISIBLE",
        "meta(a)",
        "changed_cols(\"\", true, *)",
        "WITHIN 1s",
        "WITHIN",
        "KEEP EACH",
        "FOR 1s",
        "FOR",
        "ALLOWING GAPS OF 500ms",
        "PER a",
        "PER",
        "RESOLVE AFTER 1s",
        "RESOLVE WHEN",
        "ABSENT 1s",
        "THEN NOT",
        "AS x",
        "x.a",
        "1m30s",
        "during('22:00-06:00')",
        "in_zone(a, 'dock')",
        "consecutive_count(a > 1)",
        "CREATE",
        "STREAM",
        "WITH",
        "BIGINT",
        "DATASOURCE",
    ]);
    prop_oneof![9 => fixed.prop_map(str::to_owned), 1 => any::<String>()]
}

/// Values of every kind, nested a little.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-5_i64..5).prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec!["2020-02-03 04:05:06", "base64", "$.a[?(@.b>1)]", "1h30m", "Asia/Shanghai", "a.b"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let field = prop::sample::select(vec!["a", "b", "key", "value"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
            prop::collection::vec((field, inner), 0..4)
                .prop_map(|fields| { Value::object(fields.into_iter().map(|(k, v)| (Arc::from(k), v)).collect()) }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/regressions/never_panics.txt"
        )))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        drop(parse_select(&text));
        drop(parse_statement(&text));
    }

    #[test]
    fn words_in_any_order_are_read_or_refused_and_what_is_planned_runs(
        words in prop::collection::vec(word(), 0..24),
        values in prop::collection::vec(value(), 1..4),
    ) {
        let sql = words.join(" ");
        drop(parse_statement(&sql));
        let mut catalog = Catalog::new();
        catalog.add(Relation::schemaless("demo"));
        let forms = [
            sql.clone(),
            format!("SELECT {sql} FROM demo"),
            format!("SELECT a FROM demo {sql}"),
            format!("SELECT a FROM demo WHERE a > 0 THEN b = 2 {sql}"),
            format!("SELECT a FROM demo WHERE b = 2 FOR 1s {sql}"),
        ];
        for sql in forms {
            let Ok(mut engine) = Engine::new(&sql, &catalog, RuleOptions::default(), 0) else { continue };
            for (at, value) in values.iter().enumerate() {
                let data: Object = [(Arc::from("a"), value.clone()), (Arc::from("b"), Value::Int(2))].into_iter().collect();
                engine.push(&Event { stream: "demo".into(), at: at as i64 * 700, data: Arc::new(data), meta: None });
            }
            engine.advance(10_000);
            let _ = engine.drain().count();
        }
    }

    #[test]
    fn every_function_answers_or_refuses_any_arguments(args in prop::collection::vec(value(), 0..5)) {
        let env = functions::Env::new("rule", 0, parapet_rule_sql::value::Zone::UTC);
        for name in functions::names() {
            let function = functions::find(name).unwrap();
            drop(function.call(&env, &args));
            drop(function.call_directly(&env, &args));
        }
    }

    #[test]
    fn times_are_read_or_refused_by_any_pattern(text in any::<String>(), pattern in "[yMdHhmsSaEzZX'\\\\: .-]{0,12}", ms in any::<i64>()) {
        use parapet_rule_sql::value::{Instant, Zone, format_time, parse_time};
        drop(parse_time(&text, &pattern, &Zone::UTC));
        drop(parse_time(&text, "", &Zone::UTC));
        drop(format_time(&Instant::from_millis(ms, Zone::UTC), &pattern));
    }
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    for (open, close) in [("(", ")"), ("NOT ", ""), ("abs(", ")"), ("CASE WHEN ", " THEN 1 END"), ("a[", "]")] {
        let sql = format!("SELECT {}a{} FROM demo", open.repeat(50_000), close.repeat(50_000));
        assert!(parse_select(&sql).is_err(), "{open} was accepted 50,000 deep");
    }
    let struct_type = format!("CREATE STREAM s (a {}BIGINT{}) WITH ()", "ARRAY(".repeat(50_000), ")".repeat(50_000));
    assert!(parse_statement(&struct_type).is_err());
}

#[test]
fn a_long_chain_of_operators_is_bounded_as_well() {
    let mut catalog = Catalog::new();
    catalog.add(Relation::schemaless("demo"));
    let engine = |sql: &str| Engine::new(sql, &catalog, RuleOptions::default(), 0);
    for link in [" + a", "->a", "[0]", " AND a", " IN (1)"] {
        let sql = |count: usize| format!("SELECT a{} FROM demo", link.repeat(count));
        let mut short = engine(&sql(190)).unwrap_or_else(|e| panic!("{link}: {e}"));
        let data: Object = [(Arc::from("a"), Value::Int(2))].into_iter().collect();
        short.push(&Event { stream: "demo".into(), at: 0, data: Arc::new(data), meta: None });
        assert_eq!(short.drain().count(), 1);
        assert!(engine(&sql(200_000)).is_err(), "{link} was accepted 200,000 times");
    }
}

#[test]
fn aliases_that_build_on_one_another_are_bounded_in_either_order() {
    let mut catalog = Catalog::new();
    catalog.add(Relation::schemaless("demo"));
    let chain = |count: usize| (0..count).map(|i| format!("x{i} + 1 AS x{}", i + 1)).collect::<Vec<_>>();
    for count in [10, 1_500] {
        let forwards = chain(count);
        let backwards: Vec<String> = forwards.iter().rev().cloned().collect();
        for items in [forwards, backwards] {
            let sql = format!("SELECT {} FROM demo", items.join(", "));
            let engine = Engine::new(&sql, &catalog, RuleOptions::default(), 0);
            assert_eq!(engine.is_ok(), count == 10, "{count} aliases");
        }
    }
}

#[test]
fn aliases_used_twice_by_each_next_one_take_no_longer() {
    let mut catalog = Catalog::new();
    catalog.add(Relation::schemaless("demo"));
    let items: Vec<String> = (0..90).map(|i| format!("x{i} * x{i} AS x{}", i + 1)).collect();
    let sql = format!("SELECT a AS x0, {} FROM demo", items.join(", "));
    let mut engine = Engine::new(&sql, &catalog, RuleOptions::default(), 0).unwrap();
    let data: Object = [(Arc::from("a"), Value::Int(1))].into_iter().collect();
    engine.push(&Event { stream: "demo".into(), at: 0, data: Arc::new(data), meta: None });
    assert_eq!(engine.drain().count(), 1);
}
