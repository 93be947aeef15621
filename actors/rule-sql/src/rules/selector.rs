//! Which of many statements a row may concern, for whoever runs each of them in a place of its own.
//!
//! The conditions that the filters begin with are indexed as in a [`super::RuleSet`]: each is evaluated once a row, and only for
//! rows that come near it. A statement that is not chosen would have left the row out; one that is chosen decides by itself.

use std::sync::Arc;

use super::conditions;
use super::hashing::QuickMap;
use super::index::Index;
use super::predicate::{Predicate, Test};
use crate::plan::Plan;
use crate::value::{Object, Value};

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    streams: QuickMap<Arc<str>, Index>,
    found: Vec<(usize, bool)>,
}

impl Selector {
    /// Adds a statement under a number. `only` are columns that must have one of some values besides. False: each row of its
    /// streams may concern it, be it for what it leaves out; it is not added then.
    pub fn add(&mut self, plan: &Plan, only: &[(&str, Vec<Value>)], number: usize) -> bool {
        if !plan.judges_rows_alone() {
            return false;
        }
        let Some((stream, mut found, _)) = conditions(plan, false) else { return false };
        let besides = only
            .iter()
            .map(|(column, values)| Predicate { column: Arc::from(*column), test: Test::In(values.clone()) });
        found.splice(0..0, besides);
        self.streams.entry(stream).or_default().add(found, false, number);
        true
    }

    /// The numbers of the statements that a row of a stream may concern.
    pub fn concerned(&mut self, stream: &str, data: &Object, out: &mut Vec<usize>) {
        if let Some(index) = self.streams.get_mut(stream) {
            index.concerned(data, &mut self.found);
            out.extend(self.found.drain(..).map(|(number, _)| number));
        }
    }

    /// Whether any statement was added that reads a stream.
    pub fn reads(&self, stream: &str) -> bool {
        self.streams.contains_key(stream)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::catalog::{Catalog, Relation};
    use crate::parser::parse_select;
    use crate::plan::Mode;

    fn plan(sql: &str) -> Plan {
        let mut catalog = Catalog::new();
        catalog.add(Relation::schemaless("demo"));
        Plan::new(&parse_select(sql).unwrap(), &catalog, Mode::Rule).unwrap()
    }

    fn chosen(selector: &mut Selector, row: &serde_json::Value) -> Vec<usize> {
        let mut out = Vec::new();
        selector.concerned("demo", &Object::from_json(row), &mut out);
        out.sort_unstable();
        out
    }

    #[test]
    fn a_row_chooses_those_whose_filters_it_may_pass() {
        let mut selector = Selector::default();
        let cameras = |ids: &[&str]| vec![("camera", ids.iter().map(Value::str).collect::<Vec<_>>())];
        for (number, (filter, ids)) in [
            ("label = 'person' AND score > 0.5", &["gate", "yard"][..]),
            ("label = 'person' AND score > 0.9", &["gate"]),
            ("score > 0.5 AND abs(x) > 3", &["gate"]),
            ("label = 'car'", &["yard"]),
        ]
        .into_iter()
        .enumerate()
        {
            let plan = plan(&format!("SELECT * FROM demo WHERE {filter}"));
            assert!(selector.add(&plan, &cameras(ids), number));
        }
        let person = |camera: &str, score: f64| json!({ "camera": camera, "label": "person", "score": score });
        assert_eq!(chosen(&mut selector, &person("gate", 0.6)), [0, 2]);
        assert_eq!(chosen(&mut selector, &person("gate", 0.95)), [0, 1, 2]);
        assert_eq!(chosen(&mut selector, &person("yard", 0.95)), [0]);
        assert_eq!(chosen(&mut selector, &person("dock", 0.95)), [0; 0]);
        assert_eq!(chosen(&mut selector, &json!({ "camera": "yard", "label": "car" })), [3]);
        // What a filter refuses, its rule tells.
        assert_eq!(chosen(&mut selector, &json!({ "camera": "gate", "label": 7, "score": 0.6 })), [0, 1, 2]);
    }

    #[test]
    fn who_minds_what_is_left_out_or_asks_nothing_that_can_be_looked_up_is_not_taken() {
        let mut selector = Selector::default();
        for sql in [
            "SELECT * FROM demo",
            "SELECT * FROM demo WHERE abs(x) > 3",
            "SELECT * FROM demo WHERE x > 3 FOR 10s",
            "SELECT * FROM demo WHERE x > lag(x)",
            "SELECT count(*) AS n FROM demo WHERE x > 3 GROUP BY tumblingwindow(ss, 10)",
            "SELECT changed_cols('', true, x) FROM demo WHERE x > 3",
        ] {
            assert!(!selector.add(&plan(sql), &[], 0), "{sql}");
        }
        assert!(!selector.reads("demo"));
    }
}
