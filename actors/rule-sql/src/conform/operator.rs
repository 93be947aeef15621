//! One stage of a statement on prepared rows.

use serde_json::{Value as Json, json};

use super::codec::{self, Rows as Codec};
use super::{failed, text};
use crate::catalog::Catalog;
use crate::engine::{Engine, RuleOptions};
use crate::error::EvalError;
use crate::exec::{self, Group, Memories, Place, Rows, Set};
use crate::expr::{Shared, Tuple};
use crate::functions::Env;
use crate::functions::analytic::{Hits, Memory};
use crate::parser::parse_select;
use crate::plan::{Mode, Over, Plan};
use crate::value::{Object, Zone};

/// When the simulated rule began.
const RULE_START: i64 = 12_345;

pub(super) fn run(case: &Json) -> Json {
    let stage = text(case, "stage");
    if matches!(stage, "table_align" | "agg_in_where") {
        return failed("this stage is not one of the engine's");
    }
    let Ok(select) = parse_select(text(case, "sql")) else { return json!({ "parse_error": true }) };
    let plan = match Plan::new(&select, &Catalog::new(), Mode::Stage) {
        Ok(plan) => plan,
        Err(e) => return failed(&e.to_string()),
    };
    let input = case.get("input").unwrap_or(&Json::Null);
    // An error that comes in goes out.
    if let Some(error) = codec::only(input, "error") {
        return json!({ "error": error });
    }
    let result = if let Some(rows) = input.get("rows").and_then(Json::as_array) {
        sequence(&plan, case, rows)
    } else {
        one(&plan, stage, case, input)
    };
    result.unwrap_or_else(|e| failed(&e.to_string()))
}

fn option(case: &Json, key: &str) -> bool {
    case.get("operator_options").and_then(|o| o.get(key)).and_then(Json::as_bool).unwrap_or(false)
}

fn engine(plan: &Plan) -> Engine {
    let options = RuleOptions { rule_id: "rule0".into(), ..RuleOptions::default() };
    Engine::from_plan(std::sync::Arc::new(plan.clone()), options, RULE_START)
}

/// Rows through one instance with a memory.
fn sequence(plan: &Plan, case: &Json, rows: &[Json]) -> Result<Json, EvalError> {
    let mut engine = engine(plan);
    let mut codec = Codec::new(plan);
    let mut memories = memories(plan);
    let mut out = Vec::new();
    for json in rows {
        let row = codec.row(json.get("$row").unwrap_or(json));
        let tuple = engine.analyze(std::sync::Arc::new(row))?;
        out.push(Json::Array(selected(plan, case, &tuple, &mut memories)?));
    }
    Ok(json!({ "value": out }))
}

fn with_shared<T>(plan: &Plan, run: impl FnOnce(&Shared<'_>) -> T) -> T {
    let env = Env::new("rule0", RULE_START, Zone::UTC);
    run(&Shared { env: &env, aliases: &plan.aliases, hits: Hits::default(), agg_hits: Hits::default() })
}

/// What the calls over what is put out remember.
fn memories(plan: &Plan) -> Vec<Memory> {
    vec![Memory::default(); plan.analytics.len()]
}

fn selected(plan: &Plan, case: &Json, tuple: &Tuple, memories: &mut [Memory]) -> Result<Vec<Json>, EvalError> {
    let mut rows: Vec<Object> = with_shared(plan, |shared| {
        let mut recalled = Vec::new();
        let tuples = std::slice::from_ref(tuple);
        let place = Place { shared, tuples, folded: &[], range: None, group: false };
        let mut memories = Memories { of: memories, limit: usize::MAX, partition: &mut String::new() };
        memories.recall(plan, Over::Groups, &place, &mut recalled)?;
        memories.recall(plan, Over::Output, &place, &mut recalled)?;
        exec::project_row(plan, shared, tuple, &recalled, option(case, "sendNilField"))
    })?;
    if option(case, "sendMetaToSink")
        && let Some(meta) = tuple.parts().first().and_then(|row| row.meta.as_ref())
    {
        rows.iter_mut().for_each(|row| row.set("__meta", crate::value::Value::Object(meta.clone())));
    }
    Ok(rows.iter().map(codec::encode_object).collect())
}

fn one(plan: &Plan, stage: &str, case: &Json, input: &Json) -> Result<Json, EvalError> {
    let mut codec = Codec::new(plan);
    let list = |key: &str| input.get(key).and_then(Json::as_array);
    let Some(tuples) = list("$window").or_else(|| list("$join_set")) else {
        return match list("$groups") {
            Some(groups) => grouped(plan, stage, case, groups, &mut codec),
            None => single(plan, stage, case, input, &mut codec),
        };
    };
    let joined_input = input.get("$join_set").is_some();
    let range_json = input.get("range");
    let tuples: Vec<Tuple> = tuples.iter().map(|t| codec.tuple(t)).collect();
    let set = Set::of(Rows::Loose(tuples), codec::range(range_json));
    if stage == "select" {
        return output(plan, case, set);
    }
    let set = with_shared(plan, |shared| stages(plan, stage, shared, set))?;
    if set.is_empty() {
        return Ok(json!({ "dropped": true }));
    }
    let with_range = |mut json: Json| {
        if let (Some(range), Some(map)) = (range_json, json.as_object_mut()) {
            map.insert("range".into(), range.clone());
        }
        json
    };
    let value = match &set.rows {
        Rows::Loose(tuples) => {
            let key = if joined_input || stage == "join" { "$join_set" } else { "$window" };
            with_range(json!({ key: tuples.iter().map(|t| codec.encode(t)).collect::<Vec<_>>() }))
        }
        Rows::Grouped(groups) => {
            let group = |g: &Group| {
                with_range(json!({ "$group": g.tuples.iter().map(|t| codec.encode(t)).collect::<Vec<_>>() }))
            };
            json!({ "$groups": groups.iter().map(group).collect::<Vec<_>>() })
        }
    };
    Ok(json!({ "value": value }))
}

fn stages(plan: &Plan, stage: &str, shared: &Shared<'_>, set: Set) -> Result<Set, EvalError> {
    match stage {
        "where" => exec::filter(plan, shared, set),
        "group_by" => exec::group(plan, shared, set),
        "having" => {
            let range = set.range;
            let none = Set::of(Rows::Loose(Vec::new()), range);
            exec::having(plan, shared, set).map(|kept| kept.unwrap_or(none))
        }
        "order_by" => exec::order(plan, shared, set),
        "join" => {
            let Rows::Loose(tuples) = set.rows else { return Err(EvalError::new("a join takes loose rows")) };
            let rows: Vec<_> = tuples.iter().flat_map(|t| t.parts().to_vec()).collect();
            Ok(Set::of(Rows::Loose(exec::join(plan, shared, &rows)?), set.range))
        }
        other => Err(EvalError::new(format!("the stage \"{other}\" is not known"))),
    }
}

fn output(plan: &Plan, case: &Json, set: Set) -> Result<Json, EvalError> {
    let rows = with_shared(plan, |shared| {
        let mut of = memories(plan);
        let mut memories = Memories { of: &mut of, limit: usize::MAX, partition: &mut String::new() };
        let set = memories.groups(plan, shared, set)?;
        let set = memories.output(plan, shared, set)?;
        exec::project_set(plan, shared, &set, option(case, "sendNilField"))
    })?;
    Ok(json!({ "value": rows.iter().map(codec::encode_object).collect::<Vec<_>>() }))
}

fn grouped(plan: &Plan, stage: &str, case: &Json, groups: &[Json], codec: &mut Codec<'_>) -> Result<Json, EvalError> {
    let mut read: Vec<Group> = Vec::new();
    for group in groups {
        let tuples = group.get("$group").and_then(Json::as_array);
        read.push(Group::of(tuples.into_iter().flatten().map(|t| codec.tuple(t)).collect()));
    }
    let range_json = groups.first().and_then(|g| g.get("range"));
    let set = Set::of(Rows::Grouped(read), codec::range(range_json));
    if stage == "select" {
        return output(plan, case, set);
    }
    let set = with_shared(plan, |shared| stages(plan, stage, shared, set))?;
    if set.is_empty() {
        return Ok(json!({ "dropped": true }));
    }
    let Rows::Grouped(groups) = &set.rows else { return Err(EvalError::new("groups are expected")) };
    let encode = |group: &Group| {
        let mut json = json!({ "$group": group.tuples.iter().map(|t| codec.encode(t)).collect::<Vec<_>>() });
        if let (Some(range), Some(map)) = (range_json, json.as_object_mut()) {
            map.insert("range".into(), range.clone());
        }
        json
    };
    Ok(json!({ "value": { "$groups": groups.iter().map(encode).collect::<Vec<_>>() } }))
}

fn single(plan: &Plan, stage: &str, case: &Json, input: &Json, codec: &mut Codec<'_>) -> Result<Json, EvalError> {
    let inner = input.get("$row").unwrap_or(input);
    match stage {
        "select" => {
            let tuple = engine(plan).analyze(std::sync::Arc::new(codec.row(inner)))?;
            Ok(json!({ "value": selected(plan, case, &tuple, &mut memories(plan))? }))
        }
        "where" => {
            let tuple = codec.tuple(input);
            let kept = with_shared(plan, |shared| exec::accepts(plan, shared, &tuple))?;
            Ok(if kept { json!({ "value": input }) } else { json!({ "dropped": true }) })
        }
        // A single row is in order, and a group of its own.
        _ => Ok(json!({ "value": input })),
    }
}
