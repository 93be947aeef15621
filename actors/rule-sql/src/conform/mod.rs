//! Runs conformance cases: `{"cases": [{"id", "level", "stage", "sql", "input", "expect", "tier", …}]}`.
//!
//! A case passes only under all its options. A case that fails and is listed among the deviations counts apart; nothing
//! else exempts a case. Errors compare by being there, not by their text.

mod codec;
mod compare;
mod expression;
mod function;
mod operator;
mod parse;
mod report;
mod rule;
mod sink;
mod trace;

use std::collections::BTreeMap;

pub use report::{Failure, Group, Report};

use serde_json::{Value as Json, json};

/// Deviations: the id of a case, and why it is meant to fail.
pub type Deviations = BTreeMap<String, String>;

/// Reads deviations from YAML of the plain form `id: reason`, one a line; `#` begins a comment line.
pub fn parse_deviations(text: &str) -> Result<Deviations, String> {
    let mut out = Deviations::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((id, reason)) = line.split_once(": ") else {
            return Err(format!("line {}: expected `id: reason`", number + 1));
        };
        let unquoted = |s: &str| s.trim().trim_matches(['"', '\'']).to_owned();
        if out.insert(unquoted(id), unquoted(reason)).is_some() {
            return Err(format!("line {}: {id} is listed twice", number + 1));
        }
    }
    Ok(out)
}

fn cases(file: &Json) -> Result<&[Json], String> {
    let list = file.get("cases").unwrap_or(file);
    list.as_array().map(Vec::as_slice).ok_or_else(|| "there is no list of cases".into())
}

/// Runs all cases of a file and compares what came out with what was expected.
pub fn run_cases(file: &Json, deviations: &Deviations) -> Result<Report, String> {
    let mut report = Report::default();
    for case in cases(file)? {
        let id = text(case, "id");
        let level = text(case, "level");
        let tier = case.get("tier").and_then(Json::as_i64).unwrap_or(0);
        let outcomes = outcomes(case);
        let failed = outcomes.into_iter().find(|actual| !compare::matches(case, actual));
        let group = report.group(level, tier);
        match failed {
            None => group.passed += 1,
            Some(_) if deviations.contains_key(id) => {
                group.deviating += 1;
                group.deviations.push(id.to_owned());
            }
            Some(actual) => {
                group.failed += 1;
                let expected = case.get("expect").cloned().unwrap_or(Json::Null);
                group.failures.push(Failure { id: id.to_owned(), expected, actual });
            }
        }
    }
    Ok(report)
}

/// What came out of each case, in the shape of its expectation, which is not read: `(id, actual)`. Of several options,
/// the first speaks; the others must agree with it, or the outcome says that they do not.
pub fn run_actual(file: &Json) -> Result<Vec<(String, Json)>, String> {
    let run = |case: &Json| {
        let mut outcomes = outcomes(case);
        let first = if outcomes.is_empty() { json!({ "error": "nothing was run" }) } else { outcomes.remove(0) };
        let differs = outcomes.iter().any(|other| !compare::same(&first, other, false));
        let actual = if differs { json!({ "error": "the options give different results" }) } else { first };
        (text(case, "id").to_owned(), actual)
    };
    Ok(cases(file)?.iter().map(run).collect())
}

fn text<'a>(case: &'a Json, key: &str) -> &'a str {
    case.get(key).and_then(Json::as_str).unwrap_or("")
}

/// The outcome under each option of a case.
fn outcomes(case: &Json) -> Vec<Json> {
    match text(case, "level") {
        "rule" => rule::run(case),
        "operator" => vec![operator::run(case)],
        "expr" => vec![expression::run(case)],
        "function" => vec![function::run(case)],
        "window_trace" => vec![trace::run(case)],
        "parse" => vec![parse::run(case)],
        "sink" => vec![sink::run(case)],
        other => vec![failed(&format!("the level \"{other}\" is not known"))],
    }
}

fn failed(message: &str) -> Json {
    json!({ "error": message })
}
