//! Statements that are read, or refused.

use serde_json::{Value as Json, json};

use super::{failed, text};
use crate::catalog::{Catalog, Statement};
use crate::error::SqlError;
use crate::parser::{parse_select, parse_selects, parse_statement};
use crate::plan::{Mode, Plan, is_aggregate};

/// The stream that the cases of planning read.
const PLANNED: &str = "CREATE STREAM src1 (id1 bigint, temp bigint, name string, next struct(name string, nid bigint)) \
                       WITH (DATASOURCE=\"src1\", FORMAT=\"json\", KEY=\"ts\")";

fn outcome<T>(result: Result<T, SqlError>) -> Json {
    match result {
        Ok(_) => json!({ "ok": true }),
        Err(e) => failed(&e.to_string()),
    }
}

pub(super) fn run(case: &Json) -> Json {
    let sql = text(case, "sql");
    match text(case, "stage") {
        "ddl" => outcome(parse_statement(sql)),
        "ddl_sequence" => failed("streams are declared in files; there is no store of statements"),
        "plan_validate" => outcome(planned(sql)),
        "" => match parse_select(sql) {
            Ok(select) => json!({ "is_aggregate": is_aggregate(&select) }),
            Err(e) => failed(&e.to_string()),
        },
        _ => outcome(parse_selects(sql)),
    }
}

fn planned(sql: &str) -> Result<Plan, SqlError> {
    let mut catalog = Catalog::new();
    if let Statement::Create(relation) = parse_statement(PLANNED)? {
        catalog.add(relation);
    }
    Plan::new(&parse_select(sql)?, &catalog, Mode::Rule)
}
