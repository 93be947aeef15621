//! What makes no sense is refused, with its place and what to do.

use crate::site::made;

#[test]
fn every_mistake_is_placed_and_explained() {
    for (sql, column, message, hint) in [
        ("SELECT * FROM demo FOR 10", 24, "found \"10\", expected a length of time after FOR", "10s, 10m"),
        ("SELECT * FROM demo FOR soon", 24, "found \"soon\", expected a length of time", "500ms"),
        ("SELECT * FROM demo PER a FOR 10s", 26, "FOR stands in the wrong place", "the order is"),
        ("SELECT * FROM demo RESOLVE", 27, "found the end, expected AFTER or WHEN after RESOLVE", ""),
        ("SELECT * FROM demo FOR 2s ALLOWING 1s", 36, "found \"1s\", expected GAPS", ""),
        ("SELECT * FROM demo WHERE a = 1 THEN b = 1", 37, "the last step of a sequence needs a time", "WITHIN"),
        ("SELECT * FROM demo WHERE a = 1 AS x", 26, "one condition cannot be called x", "THEN must follow"),
        ("SELECT * FROM demo WHERE a = 1 WITHIN 3s", 32, "expected THEN before WITHIN", "A THEN B"),
        ("SELECT * FROM demo WHERE a = 1 THEN NOT b = 1 AS y WITHIN 1s", 41, "a step with NOT cannot have a name", ""),
        ("SELECT * FROM demo WHERE a = 1 AS x THEN b = 1 AS x WITHIN 1s", 42, "two steps are called x", ""),
        (
            "SELECT * FROM demo WHERE a = 1 THEN b = 1 THEN NOT c = 1 WITHIN 1s",
            37,
            "needs to know when the step is over",
            "WITHIN",
        ),
        ("SELECT * FROM demo WHERE a = 1 THEN b = 1 WITHIN 1s KEEP ALL", 58, "expected FIRST, LAST or EACH", ""),
        ("SELECT * FROM demo WHERE a = 1 THEN b = 1 WITHIN 1s FOR 2s", 53, "a sequence is a moment", "RESOLVE AFTER"),
        (
            "SELECT count(*) FROM demo WHERE a = 1 THEN b = 1 WITHIN 1s",
            8,
            "aggregate functions take the rows of a window",
            "",
        ),
        ("SELECT * FROM demo, doors", 21, "several streams after FROM are not joined", "JOIN"),
        ("SELECT * FROM demo ABSENT 1s FOR 2s", 20, "ABSENT takes no FOR", "it is over when"),
        ("SELECT count(*) AS n FROM demo GROUP BY tumblingwindow(ss, 1) ABSENT 1s", 63, "ABSENT takes no window", ""),
        (
            "SELECT count(*) AS n FROM demo GROUP BY tumblingwindow(ss, 1) FOR 1s RESOLVE WHEN n = 1",
            83,
            "RESOLVE WHEN looks at single rows",
            "RESOLVE AFTER",
        ),
        ("SELECT * FROM detections FOR 1s PER trak", 37, "unknown field trak", "track"),
        ("SELECT * FROM detections WHERE in_zone(track)", 32, "Expect 2 arguments", ""),
        ("SELECT * FROM detections WHERE crossed(track, 'a', 'up')", 32, "must be one of left, right, not up", ""),
        ("SELECT * FROM detections WHERE inzone(track, 'a')", 32, "function inzone not found", "in_zone"),
        (
            "SELECT * FROM detections WHERE label = 'a' AS x THEN x.lable = 'b' WITHIN 1s",
            54,
            "unknown field lable",
            "label",
        ),
        ("SELECT * FROM demo WHERE during(a)", 26, "Expect string type for parameter 1", ""),
    ] {
        let error = made(sql).err().unwrap_or_else(|| panic!("{sql} was taken"));
        let all = error.to_string();
        assert!(error.message.contains(message), "{sql}: {all}");
        assert_eq!(error.pos.map(|pos| pos.column), Some(column), "{sql}: {all}");
        assert!(error.hint.as_deref().unwrap_or("").contains(hint), "{sql}: {all}");
    }
}

#[test]
fn lengths_of_time_are_written_with_their_units() {
    for length in ["10s", "1.5s", "500ms", "5m", "2h", "1d", "1m30s", "1h5m"] {
        assert!(made(&format!("SELECT * FROM demo FOR {length}")).is_ok(), "{length}");
    }
    for length in ["10x", "10 s", "10us", "s", "999999999d", "-5s"] {
        assert!(made(&format!("SELECT * FROM demo FOR {length}")).is_err(), "{length}");
    }
    assert!(made("SELECT * FROM demo WHERE dwell(track, 'dock') > 1m30s").is_ok());
}

#[test]
fn the_new_words_are_names_elsewhere() {
    let sql = "SELECT for, per, within, absent, resolve, keep, gaps FROM demo WHERE for = 1 AND within < per";
    assert!(made(sql).is_ok(), "{:?}", made(sql).err());
}
