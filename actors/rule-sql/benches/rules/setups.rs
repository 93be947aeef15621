//! What is measured: statements, how many, and the events that they are given.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value as Json, json};

/// One set-up.
pub struct Setup {
    pub name: &'static str,
    /// `{}` stands for the number of the rule.
    pub sql: &'static str,
    /// The nearest that the peer has, where it lacks what the statement says.
    pub peer_sql: Option<&'static str>,
    pub rules: usize,
    /// Event n goes to stream n modulo this.
    pub streams: usize,
    pub events: usize,
    pub event_time: bool,
    /// How many events come in a millisecond of the engine's time.
    pub per_milli: usize,
    /// Events a second by the clock, for the percentile and for a peer that drops what comes faster; 0 means as fast as can be.
    pub rate: f64,
    /// Whether the peer runs it, too.
    pub peer: bool,
}

const FILTER: Setup = Setup {
    name: "filter",
    sql: "SELECT n, camera, score FROM s0 WHERE score > 0.8 AND label = \"person\"",
    peer_sql: None,
    rules: 1,
    streams: 1,
    events: 400_000,
    event_time: false,
    per_milli: 1,
    rate: 0.0,
    peer: true,
};

/// A car within 30 s of a person on the same track, for an engine without sequences.
const SEQUENCE_BY_CALLS: &str = "SELECT n, track FROM s0 WHERE label = \"car\" AND \
    ts - latest(ts, 0) OVER (PARTITION BY track WHEN label = \"person\") < 30000";

/// The set-ups. 300 rules at 500 events a second on one stream and 8,000 rules with 800 events a second in all, of which
/// nine in ten are filtered out, are those for which eKuiper publishes figures.
pub const SETUPS: [Setup; 10] = [
    FILTER,
    Setup {
        name: "tumbling by camera, clock",
        sql: "SELECT camera, count(*) AS seen, avg(score) AS mean FROM s0 GROUP BY camera, TUMBLINGWINDOW(ss, 1)",
        // About as many as the peer takes in a second.
        per_milli: 200,
        ..FILTER
    },
    Setup {
        name: "tumbling by camera, events",
        sql: "SELECT camera, count(*) AS seen, avg(score) AS mean FROM s0 GROUP BY camera, TUMBLINGWINDOW(ss, 10)",
        event_time: true,
        events: 20_000,
        ..FILTER
    },
    Setup {
        name: "sequence",
        sql: "SELECT n, track FROM s0 WHERE label = \"person\" THEN label = \"car\" WITHIN 30s PER track",
        peer_sql: Some(SEQUENCE_BY_CALLS),
        events: 200_000,
        ..FILTER
    },
    Setup { name: "sequence, by analytic calls", sql: SEQUENCE_BY_CALLS, events: 200_000, ..FILTER },
    Setup { name: "one rule, 500 events/s", events: 2_500, rate: 500.0, ..FILTER },
    Setup {
        name: "300 rules, 500 events/s",
        sql: "SELECT n, camera, score FROM s0 WHERE score > 0.9",
        rules: 300,
        events: 2_500,
        rate: 500.0,
        ..FILTER
    },
    Setup {
        name: "300 rules, a camera each",
        sql: "SELECT n, camera, score FROM s0 WHERE camera = \"cam-{}\" AND score > 0.9",
        rules: 300,
        events: 2_500,
        rate: 500.0,
        ..FILTER
    },
    Setup {
        name: "8000 rules, a stream each",
        sql: "SELECT n, camera, score FROM s{} WHERE score > 0.9",
        rules: 8_000,
        streams: 8_000,
        events: 8_000,
        rate: 800.0,
        ..FILTER
    },
    // On the peer, 6.4 million evaluations a second.
    Setup {
        name: "8000 rules on one stream",
        sql: "SELECT n, camera, score FROM s0 WHERE camera = \"cam-{}\" AND score > 0.9",
        rules: 8_000,
        events: 8_000,
        rate: 800.0,
        peer: false,
        ..FILTER
    },
];

impl Setup {
    /// The statements.
    pub fn statements(&self) -> impl Iterator<Item = String> + '_ {
        self.numbered(self.sql)
    }

    /// The statements for the peer.
    pub fn peer_statements(&self) -> impl Iterator<Item = String> + '_ {
        self.numbered(self.peer_sql.unwrap_or(self.sql))
    }

    fn numbered(&self, sql: &'static str) -> impl Iterator<Item = String> + '_ {
        (0..self.rules).map(move |number| sql.replace("{}", &number.to_string()))
    }

    /// The events, as both sides read them. The last comes late enough to end every window.
    pub fn data(&self) -> impl Iterator<Item = Json> + '_ {
        (0..self.events).map(|n| {
            let label = ["person", "car", "dog", "bicycle"][n % 4];
            let ts = 100_000 + n + if n + 1 == self.events { 60_000 } else { 0 };
            json!({
                "n": n, "ts": ts, "camera": format!("cam-{}", n % 300), "track": n % 499, "label": label,
                "score": (n % 97) as f64 / 97.0, "x": 0.25, "y": 0.5,
            })
        })
    }

    /// Writes the events for the peer, one a line.
    pub fn write(&self, path: &Path) {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
        for event in self.data() {
            writeln!(file, "{event}").unwrap();
        }
        file.flush().unwrap();
    }
}
