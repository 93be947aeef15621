//! A site in small: streams as a site has them, and an engine that is fed by hand.

use std::sync::Arc;

use parapet_rule_sql::schedule::Schedule;
use parapet_rule_sql::value::{Instant, Object, Value, Zone};
use parapet_rule_sql::{
    Catalog, ChangeKind, Emission, Engine, Event, Relation, RuleOptions, SqlError, parse_statement,
};
use serde_json::{Value as Json, json};

/// `detections` with the columns of a site; `frames`, `doors`, `alerts` and `demo` with any.
pub fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    for name in ["frames", "doors", "alerts", "demo"] {
        catalog.add(Relation::schemaless(name));
    }
    let ddl = "CREATE STREAM detections (camera string, ts datetime, label string, score float, box array(float), \
               track struct(id bigint, zones array(string), stationary boolean), attributes struct(helmet struct(label string, score float))) \
               WITH (DATASOURCE=\"detections\")";
    match parse_statement(ddl).unwrap() {
        parapet_rule_sql::catalog::Statement::Create(relation) => catalog.add(relation),
        other => panic!("{other:?}"),
    }
    catalog.add_schedule("night", Schedule::parse("22:00-06:00").unwrap());
    catalog
}

pub fn made(sql: &str) -> Result<Engine, SqlError> {
    Engine::new(sql, &catalog(), RuleOptions::default(), 0)
}

/// What a rule has told: when, what, and of which key.
pub type Told = (i64, &'static str, String);

pub fn told(emission: &Emission) -> Told {
    let change = emission.change.as_ref().unwrap_or_else(|| panic!("no change: {:?}", emission.result));
    let kind = match change.kind {
        ChangeKind::Happened => "happened",
        ChangeKind::Fired => "fired",
        ChangeKind::Resolved => "resolved",
    };
    (change.at, kind, change.key.to_string())
}

/// A rule at work. Times are seconds.
pub struct Rule {
    pub engine: Engine,
    zone: Zone,
}

impl Rule {
    pub fn new(sql: &str) -> Self {
        Self { engine: made(sql).unwrap_or_else(|e| panic!("{sql}: {e}")), zone: Zone::UTC }
    }

    /// In a zone, beginning at a time.
    pub fn in_zone(sql: &str, zone: &str, start: i64) -> Self {
        let zone = parapet_rule_sql::value::zone(zone).unwrap();
        let options = RuleOptions { zone: zone.clone(), ..RuleOptions::default() };
        Self { engine: Engine::new(sql, &catalog(), options, start).unwrap_or_else(|e| panic!("{sql}: {e}")), zone }
    }

    pub fn push(&mut self, stream: &str, seconds: f64, data: &Json) {
        self.push_at(stream, (seconds * 1e3).round() as i64, data);
    }

    pub fn push_at(&mut self, stream: &str, at: i64, data: &Json) {
        let mut row = Object::from_json(data);
        row.set("ts", Value::Time(Instant::from_millis(at, self.zone.clone())));
        self.engine.push(&Event { stream: stream.into(), at, data: Arc::new(row), meta: None });
    }

    /// An object of a camera with a track in some zones.
    pub fn see(&mut self, seconds: f64, camera: &str, label: &str, id: i64, zones: &[&str]) {
        let track = json!({ "id": id, "zones": zones });
        self.push("detections", seconds, &json!({ "camera": camera, "label": label, "track": track }));
    }

    pub fn until(&mut self, seconds: f64) {
        self.engine.advance((seconds * 1e3).round() as i64);
    }

    /// What was told since this was last asked. Errors end the test.
    pub fn told(&mut self) -> Vec<Told> {
        let emissions: Vec<Emission> = self.engine.drain().collect();
        for emission in &emissions {
            assert!(emission.result.is_ok(), "{emission:?}");
        }
        emissions.iter().map(told).collect()
    }

    /// The rows that were put out since this was last asked.
    pub fn rows(&mut self) -> Vec<Json> {
        let rows = self.engine.drain().flat_map(|emission| emission.result.unwrap());
        rows.map(|row| row.to_json()).collect()
    }
}

/// What is expected to be told, with times in seconds.
pub fn expect(list: &[(f64, &'static str, &str)]) -> Vec<Told> {
    list.iter().map(|(at, kind, key)| ((at * 1e3).round() as i64, *kind, (*key).to_owned())).collect()
}
