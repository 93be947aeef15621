//! One expression on one row.

use serde_json::{Value as Json, json};

use super::{codec, failed, text};
use crate::ast::{Select, SelectItem};
use crate::catalog::Catalog;
use crate::expr::{Frame, Shared};
use crate::functions::Env;
use crate::functions::analytic::Hits;
use crate::parser::parse_select;
use crate::plan::{Item, Mode, Plan};
use crate::value::Zone;

pub(super) fn run(case: &Json) -> Json {
    let Ok(mut select) = parse_select(text(case, "sql")) else { return json!({ "parse_error": true }) };
    let stage = text(case, "stage");
    if stage == "where" {
        let Some(condition) = select.filter.take() else { return failed("there is no WHERE") };
        select = Select { items: vec![item(&select, condition)], ..select };
    }
    select.items.truncate(1);
    let plan = match Plan::new(&select, &Catalog::new(), Mode::Stage) {
        Ok(plan) => plan,
        Err(e) => return failed(&e.to_string()),
    };
    let mut rows = codec::Rows::new(&plan);
    let tuple = rows.tuple(case.get("input").unwrap_or(&Json::Null));
    let env = Env::new("rule0", 0, Zone::UTC);
    let shared = Shared { env: &env, aliases: &plan.aliases, hits: Hits::default(), agg_hits: Hits::default() };
    let Some(Item::Named { node, .. }) = plan.output.items.first() else { return failed("there is no expression") };
    match Frame::row(&shared, &tuple, None).eval(node) {
        Ok(value) => json!({ "value": codec::encode(&value) }),
        Err(e) => failed(&e.to_string()),
    }
}

fn item(select: &Select, expr: crate::ast::Expr) -> SelectItem {
    let name = select.items.first().map_or_else(|| "value".into(), |i| i.name.clone());
    SelectItem { expr, alias: None, name, invisible: false }
}
