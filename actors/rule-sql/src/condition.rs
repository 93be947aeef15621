//! One condition on one row, apart from any rule: `severity = 'critical' AND camera LIKE 'gate%'`.
//!
//! It has the language of WHERE, without what needs other rows: no window, no memory, no aggregate, no second stream.

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::error::{EvalError, Pos, SqlError};
use crate::exec::accepts_bare;
use crate::expr::{Row, Shared};
use crate::functions::Env;
use crate::functions::analytic::Hits;
use crate::parser::parse_select;
use crate::plan::{Mode, Plan};
use crate::value::{Object, Value, Zone};

/// A condition, ready to be asked.
#[derive(Debug, Clone)]
pub struct Condition {
    plan: Arc<Plan>,
    zone: Zone,
}

impl Condition {
    /// A condition on the rows of a stream of `catalog`. Times without a zone are in `zone`.
    ///
    /// # Errors
    /// When it can't be understood, names what the stream has not, or is more than a condition on one row. Places count from the
    /// condition's own beginning.
    pub fn new(text: &str, stream: &str, catalog: &Catalog, zone: Zone) -> Result<Self, SqlError> {
        let before = format!("SELECT * FROM {stream} WHERE ");
        let shift = |error: SqlError| SqlError { pos: error.pos.map(|pos| behind(pos, &before)), ..error };
        let select = parse_select(&format!("{before}{text}")).map_err(shift)?;
        let whole =
            || SqlError::whole("this is more than a condition").with_hint(Some("keep what stands behind WHERE".into()));
        let more = !select.also.is_empty()
            || !select.joins.is_empty()
            || select.sequence.is_some()
            || !select.group_by.is_empty()
            || select.window.is_some()
            || select.having.is_some()
            || select.alert.is_some()
            || !select.order_by.is_empty()
            || select.limit.is_some();
        if more || select.filter.is_none() {
            return Err(whole());
        }
        let plan = Plan::new(&select, catalog, Mode::Rule).map_err(shift)?;
        if !plan.judges_rows_alone() {
            let hint = Some("functions that remember earlier rows, such as lag, have no place here".into());
            return Err(SqlError::whole("the condition needs more than one row").with_hint(hint));
        }
        Ok(Self { plan: Arc::new(plan), zone })
    }

    /// Whether it holds for a row of time `at`, in milliseconds since 1970.
    ///
    /// # Errors
    /// When it can't be evaluated on this row.
    pub fn holds(&self, data: Arc<Object>, at: i64) -> Result<bool, EvalError> {
        let env = Env { rule_id: Value::Null, ..Env::new("", at, self.zone.clone()) };
        let shared =
            Shared { env: &env, aliases: &self.plan.aliases, hits: Hits::default(), agg_hits: Hits::default() };
        accepts_bare(&self.plan, &shared, &Row::new(0, at, data, None, &self.plan.columns))
    }
}

/// A place behind what was put before the text.
fn behind(pos: Pos, before: &str) -> Pos {
    let width = u32::try_from(before.chars().count()).unwrap_or(0);
    if pos.line == 1 { Pos { column: pos.column.saturating_sub(width).max(1), ..pos } } else { pos }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::catalog::{Column, Relation, Type};

    fn catalog() -> Catalog {
        let column = |name: &str, ty| Column { name: name.into(), ty, default: None };
        let columns = vec![column("label", Type::String), column("score", Type::Float)];
        let mut catalog = Catalog::new();
        catalog.add(Relation { name: "seen".into(), table: false, columns, options: Default::default() });
        catalog
    }

    fn condition(text: &str) -> Result<Condition, SqlError> {
        Condition::new(text, "seen", &catalog(), Zone::UTC)
    }

    #[test]
    fn rows_are_judged_alone() {
        let condition = condition("label = 'person' AND score > 0.5").unwrap();
        let holds = |json: serde_json::Value| condition.holds(Arc::new(Object::from_json(&json)), 0).unwrap();
        assert!(holds(serde_json::json!({"label": "person", "score": 0.9})));
        assert!(!holds(serde_json::json!({"label": "person", "score": 0.1})));
        assert!(!holds(serde_json::json!({"label": "dog", "score": 0.9})));
        assert!(!holds(serde_json::json!({"score": 0.9})), "what is absent equals nothing");
    }

    #[test]
    fn what_is_no_condition_is_refused_with_its_place() {
        let error = condition("labell = 'x'").unwrap_err();
        assert_eq!(error.pos, Some(Pos { line: 1, column: 1 }), "{error}");
        assert_eq!(condition("label = 'x' AND\n scoer > 1").unwrap_err().pos, Some(Pos { line: 2, column: 2 }));
        for text in [
            "",
            "label = 'x' GROUP BY tumblingwindow(ss, 1)",
            "label = 'x' LIMIT 1",
            "lag(label) = 'x'",
            "count(*) > 1",
            "label = 'x'; SELECT * FROM seen",
        ] {
            assert!(condition(text).is_err(), "{text} was taken");
        }
    }
}
