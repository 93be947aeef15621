//! What the reference's own documentation shows, statement by statement: the language here is its language.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use parapet_rule_sql::value::Object;
use parapet_rule_sql::{Catalog, Engine, Event, Relation, RuleOptions};
use serde_json::{Value as Json, json};

/// What a statement over `demo`, `demo1` and the table `names` puts out, all rows in turn. Events come a second apart.
fn rows(sql: &str, events: &[Json]) -> Vec<Json> {
    let mut catalog = Catalog::new();
    catalog.add(Relation::schemaless("demo"));
    catalog.add(Relation::schemaless("demo1"));
    catalog.add(Relation { table: true, ..Relation::schemaless("names") });
    let mut engine = Engine::new(sql, &catalog, RuleOptions::default(), 0).unwrap_or_else(|e| panic!("{sql}: {e}"));
    let object = |json: &Json| Arc::new(Object::from_json(json));
    engine.load_table(
        "names",
        [object(&json!({ "id": 1, "called": "one" })), object(&json!({ "id": 2, "called": "two" }))],
    );
    for (at, event) in (0_i64..).zip(events) {
        // `{"demo1": {…}}` is an event of the other stream.
        let (stream, data) = match event.get("demo1") {
            Some(data) => ("demo1", data),
            None => ("demo", event),
        };
        engine.push(&Event { stream: stream.into(), at: at * 1_000, data: object(data), meta: None });
    }
    engine.advance(100_000);
    let out: Vec<Json> = engine
        .drain()
        .flat_map(|e| e.result.unwrap_or_else(|e| panic!("{sql}: {e}")))
        .map(|row| row.to_json())
        .collect();
    out
}

/// One value: the `v` of a statement's only row.
fn value(expression: &str, event: &Json) -> Json {
    let rows = rows(&format!("SELECT {expression} AS v FROM demo"), std::slice::from_ref(event));
    rows.first().and_then(|row| row.get("v")).cloned().unwrap_or(Json::Null)
}

fn person() -> Json {
    json!({
        "name": { "first": "Tom", "last": "Anderson" }, "age": 37, "children": ["Sara", "Alex", "Jack"],
        "fav.movie": "Deer Hunter", "x": 0, "y": 2,
        "friends": [
            { "first": "Dale", "last": "Murphy", "age": 44 },
            { "first": "Roger", "last": "Craig", "age": 68 },
            { "first": "Jane", "last": "Murphy", "age": 47 },
        ],
        "followers": { "Group1": [
            { "first": "John", "last": "Shavor", "age": 22 }, { "first": "Ken", "last": "Miller", "age": 33 },
        ] },
        "ops": { "functionA": { "numArgs": 2 }, "functionB": { "numArgs": 3 } },
    })
}

#[test]
fn nested_values_are_reached_as_documented() {
    for (expression, expected) in [
        ("demo.age", json!(37)),
        ("demo.name->first", json!("Tom")),
        ("demo.name.first", json!("Tom")),
        ("name.first", json!("Tom")),
        ("name->first", json!("Tom")),
        ("ops->functionA.numArgs", json!(2)),
        ("`fav.movie`", json!("Deer Hunter")),
        ("children[0]", json!("Sara")),
        ("children[-1]", json!("Jack")),
        ("children[-2]", json!("Alex")),
        ("demo.friends[0]->last", json!("Murphy")),
        ("children[0:1]", json!(["Sara"])),
        ("children[1:-1]", json!(["Alex"])),
        ("children[0:-1]", json!(["Sara", "Alex"])),
        ("children[:]", json!(["Sara", "Alex", "Jack"])),
        ("children[:2]", json!(["Sara", "Alex"])),
        ("children[x:y]", json!(["Sara", "Alex"])),
        ("children[x+1:y]", json!(["Alex"])),
        ("json_path_query(followers, \"$.Group1[*].last\")", json!(["Shavor", "Miller"])),
        ("json_path_exists(followers, \"$.Group1[? @.age>30]\")", json!(true)),
        ("json_path_query(followers, \"$.Group1[?(@.age>30)].last\")", json!(["Miller"])),
        ("json_path_query_first(followers, \"$.Group1[*].first\")", json!("John")),
    ] {
        assert_eq!(value(expression, &person()), expected, "{expression}");
    }
}

#[test]
fn functions_answer_as_documented() {
    let event = json!({
        "o": { "a": 1, "b": 2 }, "o2": { "b": 3 }, "pairs": [["a", 1], ["b", 2]], "names": ["a", "b"], "values": [1, 2],
        "mixed": [3, 2, "b", "a"], "nested": [[1, 4], [2, 3]], "kv": [{ "key": "k", "value": 1 }],
        "abc": { "baz": [1, 2, 3], "bar": "hello world", "foo": "emq" }, "n": null, "nums": [1, null, 4.0],
        "path": "/test/device001/message",
    });
    for (expression, expected) in [
        ("split_value(path, \"/\", 0)", json!("")),
        ("split_value(path, \"/\", 3)", json!("message")),
        ("keys(o)", json!(["a", "b"])),
        ("values(o)", json!([1, 2])),
        ("object(names, `values`)", json!({ "a": 1, "b": 2 })),
        ("zip(pairs)", json!({ "a": 1, "b": 2 })),
        ("items(o)", json!([["a", 1], ["b", 2]])),
        ("object_construct(\"a\", 1, \"b\", 2)", json!({ "a": 1, "b": 2 })),
        ("object_concat(o, o2)", json!({ "a": 1, "b": 3 })),
        ("erase(abc, \"foo\")", json!({ "baz": [1, 2, 3], "bar": "hello world" })),
        ("erase(abc, names)", json!({ "baz": [1, 2, 3], "bar": "hello world", "foo": "emq" })),
        ("array_sort(mixed)", json!([2, 3, "a", "b"])),
        ("array_flatten(nested)", json!([1, 4, 2, 3])),
        ("kvpair_array_to_obj(kv)", json!({ "k": 1 })),
        ("cardinality(n)", json!(0)),
        ("array_position(n, 1)", json!(-1)),
        ("array_last_position(names, \"b\")", json!(1)),
        ("array_cardinality(nums)", json!(2)),
        ("array_avg(nums)", json!(2.5)),
        ("array_avg(names)", json!(null)),
        ("array_concat(names, n, `values`)", json!(["a", "b", 1, 2])),
        ("concat(names, `values`)", json!(["a", "b", 1, 2])),
        ("concat(\"a\", path)", json!("a/test/device001/message")),
        ("format(12332.1234567, 4, \"en_US\")", json!("12,332.1235")),
        ("coalesce(n, names)", json!(["a", "b"])),
        ("isnull(n)", json!(true)),
        ("indexof(\"hello\", \"l\")", json!(2)),
        ("length(names)", json!(2)),
        ("lpad(\"a\", 2)", json!("  a")),
        ("trunc(2.4512, 2)", json!(2.45)),
        ("log(2, 8)", json!(3.0)),
        ("mod(7, 4)", json!(3.0)),
        ("CASE WHEN isnull(n) THEN \"none\" ELSE \"some\" END", json!("none")),
    ] {
        assert_eq!(value(expression, &event), expected, "{expression}");
    }
}

/// The events of the documentation of the functions that detect changes.
fn climate() -> Vec<Json> {
    [(23, 88), (23, 88), (23, 88), (25, 88), (25, 90), (25, 91), (25, 91), (25, 91)]
        .into_iter()
        .zip(1..)
        .map(|((temperature, humidity), ts)| json!({ "ts": ts, "temperature": temperature, "humidity": humidity }))
        .collect()
}

#[test]
fn changes_are_told_as_documented() {
    let not_empty =
        |sql: &str| -> Vec<Json> { rows(sql, &climate()).into_iter().filter(|row| *row != json!({})).collect() };
    assert_eq!(
        not_empty("SELECT changed_cols(\"\", true, temperature) FROM demo"),
        [json!({ "temperature": 23 }), json!({ "temperature": 25 })]
    );
    assert_eq!(
        not_empty("SELECT changed_cols(\"c_\", true, temperature, humidity) FROM demo"),
        [
            json!({ "c_temperature": 23, "c_humidity": 88 }),
            json!({ "c_temperature": 25 }),
            json!({ "c_humidity": 90 }),
            json!({ "c_humidity": 91 }),
        ]
    );
    let ts = |sql: &str| -> Vec<Json> { rows(sql, &climate()).into_iter().map(|row| row["ts"].clone()).collect() };
    assert_eq!(ts("SELECT ts FROM demo WHERE had_changed(true, temperature, humidity) = true"), [1, 4, 5, 6]);
    assert_eq!(
        ts("SELECT ts FROM demo WHERE had_changed(true, temperature) = true AND had_changed(true, humidity) = false"),
        [4]
    );
    assert_eq!(ts("SELECT ts FROM demo WHERE changed_col(true, temperature) > 24"), [4]);
}

#[test]
fn analytic_functions_remember_as_documented() {
    let devices: Vec<Json> =
        [(1, 20), (2, 30), (1, 21), (2, 31), (1, 22)].map(|(id, t)| json!({ "id": id, "t": t })).to_vec();
    let v = |sql: &str| -> Vec<Json> {
        rows(sql, &devices).into_iter().map(|row| row.get("v").cloned().unwrap_or(Json::Null)).collect()
    };
    assert_eq!(v("SELECT lag(t) AS v, id FROM demo"), [json!(null), json!(20), json!(30), json!(21), json!(31)]);
    assert_eq!(
        v("SELECT lag(t, 1, 0) OVER (PARTITION BY id) AS v FROM demo"),
        [json!(0), json!(0), json!(20), json!(30), json!(21)]
    );
    assert_eq!(v("SELECT lag(t, 2, 0 - 1) AS v FROM demo"), [json!(-1), json!(-1), json!(20), json!(30), json!(21)]);
    // An event for which WHEN does not hold is told what was saved.
    assert_eq!(v("SELECT latest(t) OVER (WHEN id = 1) AS v FROM demo"), [20, 20, 21, 21, 22]);
    assert_eq!(v("SELECT acc_sum(t) AS v FROM demo"), [20.0, 50.0, 71.0, 102.0, 124.0]);
    assert_eq!(v("SELECT acc_avg(t) OVER (PARTITION BY id) AS v FROM demo"), [20.0, 30.0, 20.5, 30.5, 21.0]);
    assert_eq!(v("SELECT acc_max(t) AS v FROM demo"), [20.0, 30.0, 30.0, 31.0, 31.0]);
    assert_eq!(v("SELECT acc_count(t) AS v FROM demo"), [1, 2, 3, 4, 5]);
}

#[test]
fn captures_and_streaks_are_told_as_documented() {
    let status: Vec<Json> = [json!(0), json!(1), json!(null), json!(1), json!(2)]
        .into_iter()
        .zip(0..)
        .map(|(status, ts)| json!({ "ts": ts, "status": status }))
        .collect();
    let v = |sql: &str, events: &[Json]| -> Vec<Json> {
        rows(sql, events).into_iter().map(|row| row.get("v").cloned().unwrap_or(Json::Null)).collect()
    };
    assert_eq!(
        v("SELECT ts, change_capture(ts, status, 1, true) AS v FROM demo", &status),
        [json!(null), json!(1), json!(1), json!(1), json!(1)]
    );
    assert_eq!(v("SELECT change_to(status, 1, true) AS v FROM demo", &status), [false, true, false, false, false]);
    let levels: Vec<Json> =
        [json!(1), json!(2), json!(null), json!(2)].into_iter().map(|level| json!({ "level": level })).collect();
    assert_eq!(v("SELECT change_to(level, 2, false) AS v FROM demo", &levels), [false, true, false, true]);
    let heat: Vec<Json> = [25, 32, 35, 28, 33].map(|t| json!({ "t": t })).to_vec();
    assert_eq!(v("SELECT consecutive_count(t > 30) AS v FROM demo", &heat), [0, 1, 2, 0, 1]);
    assert_eq!(
        v("SELECT t, consecutive_start(t > 30, t) AS v FROM demo", &heat),
        [json!(null), json!(32), json!(32), json!(null), json!(33)]
    );
}

#[test]
fn aggregates_answer_as_documented() {
    let events = [
        json!({ "a": { "a": 2 }, "b": 2, "c": 3 }),
        json!({ "a": { "b": 2 }, "b": 5, "d": 6 }),
        json!({ "a": { "a": 3 }, "b": 8 }),
    ];
    for (expression, expected) in [
        ("merge_agg(*)", json!({ "a": { "a": 3 }, "b": 8, "c": 3, "d": 6 })),
        ("merge_agg(a)", json!({ "a": 3, "b": 2 })),
        ("merge_agg(b)", json!({})),
        ("collect(b)", json!([2, 5, 8])),
        ("collect(*)[1]->b", json!(5)),
        ("count(c)", json!(1)),
        ("count(*)", json!(3)),
        ("sum(b)", json!(15)),
        ("avg(b)", json!(5)),
        ("max(b)", json!(8)),
        ("min(d)", json!(6)),
        ("percentile_disc(b, 0.5)", json!(5.0)),
        ("last_value(d, true)", json!(6)),
    ] {
        let sql = format!("SELECT {expression} AS v FROM demo GROUP BY countwindow(3)");
        assert_eq!(rows(&sql, &events), [json!({ "v": expected })], "{expression}");
    }
    let twice = [json!({ "a": 32, "b": "hello" }), json!({ "a": 45, "b": "world" }), json!({ "a": 32, "b": "again" })];
    let sql = "SELECT deduplicate(a, true) AS v FROM demo GROUP BY countwindow(3)";
    assert_eq!(rows(sql, &twice), [json!({ "v": [{ "a": 32, "b": "hello" }, { "a": 45, "b": "world" }] })]);
}

#[test]
fn streams_and_tables_are_joined_as_documented() {
    let mixed = [
        json!({ "id": 1, "v": 10 }),
        json!({ "demo1": { "id": 1, "w": 100 } }),
        json!({ "id": 2, "v": 20 }),
        json!({ "demo1": { "id": 3, "w": 300 } }),
    ];
    let joined = |kind: &str| {
        let sql = format!(
            "SELECT demo.id AS l, demo1.id AS r FROM demo {kind} JOIN demo1 ON demo.id = demo1.id \
             GROUP BY tumblingwindow(ss, 10)"
        );
        rows(&sql, &mixed)
    };
    let both = json!({ "l": 1, "r": 1 });
    assert_eq!(joined("INNER"), std::slice::from_ref(&both));
    assert_eq!(joined("LEFT"), [both.clone(), json!({ "l": 2 })]);
    assert_eq!(joined("RIGHT"), [both.clone(), json!({ "r": 3 })]);
    assert_eq!(joined("FULL"), [both, json!({ "l": 2 }), json!({ "r": 3 })]);
    let cross = "SELECT demo.id AS l, demo1.id AS r FROM demo CROSS JOIN demo1 GROUP BY tumblingwindow(ss, 10)";
    assert_eq!(rows(cross, &mixed).len(), 4);
    let looked_up = "SELECT v, called FROM demo LEFT JOIN names ON demo.id = names.id";
    let events = [json!({ "id": 2, "v": 20 }), json!({ "id": 9, "v": 90 })];
    assert_eq!(rows(looked_up, &events), [json!({ "v": 20, "called": "two" }), json!({ "v": 90 })]);
}

#[test]
fn windows_hold_what_is_documented() {
    let numbers: Vec<Json> = (0..12).map(|n| json!({ "n": n, "even": n % 2 == 0 })).collect();
    let held = |window: &str| -> Vec<Json> {
        let sql = format!("SELECT collect(n) AS v FROM demo GROUP BY {window}");
        rows(&sql, &numbers).into_iter().map(|row| row["v"].clone()).filter(|v| *v != json!([])).collect()
    };
    // Events come at 0 s, 1 s, … 11 s.
    assert_eq!(held("tumblingwindow(ss, 5)"), [json!([0, 1, 2, 3, 4]), json!([5, 6, 7, 8, 9]), json!([10, 11])]);
    assert_eq!(held("hoppingwindow(ss, 4, 2)")[..3], [json!([0, 1]), json!([0, 1, 2, 3]), json!([2, 3, 4, 5])]);
    assert_eq!(held("slidingwindow(ss, 2) OVER (WHEN n = 5)"), [json!([3, 4, 5])]);
    assert_eq!(held("slidingwindow(ss, 1, 2) OVER (WHEN n = 5)"), [json!([4, 5, 6])], "the end is open");
    assert_eq!(held("countwindow(5, 2)")[..2], [json!([1, 2, 3, 4, 5]), json!([3, 4, 5, 6, 7])]);
    assert_eq!(held("countwindow(3) FILTER (WHERE even = true)"), [json!([0, 2, 4]), json!([6, 8, 10])]);
    assert_eq!(held("statewindow(n = 3, n = 6)"), [json!([3, 4, 5, 6])]);
    assert_eq!(held("sessionwindow(ss, 100, 5)"), [json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])]);
}

#[test]
fn rows_are_made_of_arrays_as_documented() {
    let event = json!({ "x": [{ "a": 1, "b": 2 }, { "a": 3, "b": 4 }], "y": [1, 2], "other": 5 });
    assert_eq!(
        rows("SELECT unnest(x), other FROM demo", std::slice::from_ref(&event)),
        [json!({ "a": 1, "b": 2, "other": 5 }), json!({ "a": 3, "b": 4, "other": 5 })]
    );
    assert_eq!(rows("SELECT unnest(y) AS item FROM demo", &[event]), [json!({ "item": 1 }), json!({ "item": 2 })]);
}
