//! The streaming SQL engine: pure, no I/O, no clock of its own, deterministic.
//!
//! A rule is a SELECT over streams of events. [`Engine::new`] compiles it once; then [`Engine::push`] brings events,
//! [`Engine::advance`] tells the time, and [`Engine::drain`] gives what came out. The language is that of eKuiper, with
//! the differences listed in `deviations.yaml`. The same calls give the same emissions on every machine: there is no
//! clock, no environment, no randomness but a seeded one.
//!
//! ```
//! use std::sync::Arc;
//! use parapet_rule_sql::{Catalog, Engine, Event, Relation, RuleOptions, value::Object};
//!
//! let mut catalog = Catalog::new();
//! catalog.add(Relation::schemaless("detections"));
//! let sql = "SELECT camera, count(*) AS seen FROM detections WHERE label = 'person' \
//!            GROUP BY tumblingwindow(ss, 10), camera";
//! let mut engine = Engine::new(sql, &catalog, RuleOptions::default(), 0)?;
//! let json = serde_json::json!({ "camera": "gate", "label": "person" });
//! let data = Arc::new(Object::from_json(&json));
//! engine.push(&Event { stream: "detections".into(), at: 1_000, data, meta: None });
//! engine.advance(10_000);
//! let emitted: Vec<_> = engine.drain().collect();
//! assert_eq!(emitted.len(), 1);
//! # Ok::<(), parapet_rule_sql::SqlError>(())
//! ```

pub mod alerting;
pub mod ast;
pub mod catalog;
pub mod condition;
pub mod conform;
pub mod engine;
pub mod error;
pub mod exec;
pub mod expr;
pub mod functions;
pub mod lexer;
pub mod parser;
pub mod plan;
pub mod rules;
pub mod schedule;
pub mod sink;
pub mod value;
pub mod window;

pub use catalog::{Catalog, Relation};
pub use condition::Condition;
pub use engine::{
    Change, ChangeKind, Checkpoint, Counted, Counters, Emission, Engine, Event, RestoreError, RuleOptions,
};
pub use error::{EvalError, Pos, SqlError};
pub use parser::{parse_select, parse_statement};
pub use rules::{RuleId, RuleSet};
