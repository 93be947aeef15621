//! The statement of a rule: planned here, so that its errors are told with their place in the file.

use std::sync::Arc;

use parapet_contracts::{CameraId, RuleId};
use parapet_rule_sql::{
    Pos, SqlError, parse_select,
    plan::{AlertSource, Item, Mode, Plan},
};

use super::{Context, dangling, named, no_twins, rule::templates};
use crate::{
    checked::Reads,
    document::{Document, place},
    problem::Position,
    raw::RawRule,
    streams,
};

/// What a message may name besides the fields of the row.
const ALWAYS: [&str; 5] = ["camera", "rule", "label", "count", "score"];

/// The statement, when it has no error, and what else than cameras it reads.
pub(super) fn statement(
    document: &mut Document<RawRule>,
    raw: &RawRule,
    id: &RuleId,
    cameras: &[CameraId],
    context: &Context<'_>,
) -> Option<(String, Reads)> {
    let text = &raw.sql.as_ref()?.0;
    let mut catalog = streams::catalog();
    streams::declare(&mut catalog, &context.streams, &context.tables);
    streams::schedule(&mut catalog, &context.schedules);
    let select = parse_select(text);
    if let Ok(select) = &select {
        let mut read = std::iter::once(&select.from).chain(select.joins.iter().map(|join| &join.source));
        let broken = |name: &str| context.unreadable.iter().any(|id| id == name);
        if read.any(|source| broken(source.name.strip_suffix(streams::LATEST).unwrap_or(&source.name))) {
            return None;
        }
    }
    match select.and_then(|select| Ok((Plan::new(&select, &catalog, Mode::Rule)?, select))) {
        Ok((plan, select)) => {
            for error in named::wrong(&select, &plan, cameras, context) {
                tell(document, &error);
            }
            if let Some(fields) = fields(&plan) {
                let mut known: Vec<&str> = fields.iter().map(String::as_str).collect();
                let others: Vec<&str> = ALWAYS.into_iter().filter(|word| !known.contains(word)).collect();
                known.extend(others);
                templates(document, raw, &known);
            }
            if plan.alert.is_some() {
                for key in ["held_for", "resolve_after"] {
                    if document.has(place![key]) {
                        let at = document.at_key(place![key]);
                        let message =
                            format!("`{key}` stands beside a statement that says itself what begins and is over");
                        document.error(
                            at,
                            message,
                            "say it in the statement (FOR, RESOLVE AFTER), or leave its clauses out",
                        );
                    }
                }
            }
            let mut reads = reads(document, raw, id, &plan, context);
            reads.lasts = plan
                .alert
                .as_ref()
                .is_some_and(|alert| alert.hold.is_some() || matches!(alert.source, AlertSource::Absence(_)));
            if plan.waits_for_silence() {
                let enabled = |id: &&CameraId| match context.cameras.get(*id) {
                    Some(Some(facts)) => facts.enabled,
                    // One of a rule that stands alone.
                    _ => true,
                };
                reads.expects = cameras.iter().filter(enabled).cloned().collect();
            }
            Some((text.clone(), reads))
        }
        Err(error) => {
            tell(document, &error);
            None
        }
    }
}

/// The declared streams and tables of a plan, and whose alerts it hears.
fn reads(document: &mut Document<RawRule>, raw: &RawRule, id: &RuleId, plan: &Plan, context: &Context<'_>) -> Reads {
    let mut reads = Reads { schedules: context.schedules.clone(), ..Reads::default() };
    for source in &plan.sources {
        let name = source.name.as_ref();
        let stream = name.strip_suffix(streams::LATEST).unwrap_or(name);
        if let Some(stream) = context.streams.get(stream) {
            reads.streams.push(Arc::clone(stream));
        } else if let Some((table, _)) = context.tables.get_key_value(name) {
            reads.tables.push(table.clone());
        } else {
            continue;
        }
        reads.relations.push(source.relation.clone());
    }
    let hears = plan.source(streams::ALERTS).is_some();
    if !hears && raw.alerts_of.is_some() {
        let at = document.at_key(place!["alerts_of"]);
        document.error(
            at,
            "the statement does not read the stream `alerts`",
            "remove `alerts_of`, or select from `alerts`",
        );
    }
    if hears {
        let names: Option<Vec<String>> =
            raw.alerts_of.as_ref().map(|names| names.iter().map(|name| name.0.clone()).collect());
        match names {
            None => reads.alerts_of = context.telling.iter().filter(|other| *other != id).cloned().collect(),
            Some(names) => {
                no_twins(document, place!["alerts_of"], &names);
                for (index, name) in names.iter().enumerate() {
                    match context.rules.iter().find(|id| id.as_str() == name) {
                        Some(id) => reads.alerts_of.push(id.clone()),
                        None => {
                            let known = context.rules.iter().map(RuleId::as_str);
                            dangling(document, place!["alerts_of", index], "rule", "rules", known);
                        }
                    }
                }
            }
        }
    }
    reads
}

/// Whether a rule reads the stream of alerts. One that can't be parsed does not run.
pub(crate) fn hears_alerts(document: &Document<RawRule>) -> bool {
    let sql = document.raw.as_ref().and_then(|raw| raw.sql.as_ref());
    sql.and_then(|text| parse_select(&text.0).ok()).is_some_and(|select| {
        let mut read = std::iter::once(&select.from).chain(select.joins.iter().map(|join| &join.source));
        read.any(|source| source.name.as_ref() == streams::ALERTS)
    })
}

/// The names of the fields that are put out; `None` when they are known at run time only.
fn fields(plan: &Plan) -> Option<Vec<String>> {
    if plan.output.rows.is_some() {
        return None;
    }
    let name = |item: &Item| match item {
        Item::Named { name, .. } => Some(name.to_string()),
        Item::All(_) | Item::Columns(_) => None,
    };
    plan.output.items.iter().map(name).collect()
}

fn tell(document: &mut Document<RawRule>, error: &SqlError) {
    let at = document.at(place!["sql"]);
    if document.resolved(place!["sql"]) {
        // Words of the statement may be what a reference became.
        document.error(at, "the statement has an error (not shown, as `${…}` stands in it)", "write the statement out");
        return;
    }
    let hint = error.hint.clone().unwrap_or_else(|| "see docs/rules.md".to_owned());
    match (error.pos, error.pos.and_then(|pos| place_in_file(document, pos))) {
        (_, Some(exact)) => document.error(exact, error.message.clone(), hint),
        (Some(pos), None) => {
            let message = format!("line {}, column {} of the statement: {}", pos.line, pos.column, error.message);
            document.error(at, message, hint);
        }
        (None, None) => document.error(at, error.message.clone(), hint),
    }
}

/// Where a place of the statement stands in the file: exactly so for a block (`sql: |`) and for a text on the key's own line
/// without escapes; `None` for what YAML folds.
fn place_in_file(document: &Document<RawRule>, pos: Pos) -> Option<Position> {
    let (line, column) = (usize::try_from(pos.line).ok()?, usize::try_from(pos.column).ok()?);
    let key = document.at_key(place!["sql"]);
    let after: Vec<char> = document.line(key.line).chars().skip(key.column - 1).collect();
    let colon = after.iter().position(|c| *c == ':')?;
    let value = colon + 1 + after.get(colon + 1..)?.iter().position(|c| !c.is_whitespace())?;
    let rest: String = after.get(value..)?.iter().collect();
    match rest.chars().next()? {
        '|' => {
            let explicit = rest.chars().nth(1).into_iter().chain(rest.chars().nth(2)).find_map(|c| c.to_digit(10));
            let first = (1..=line).map(|n| document.line(key.line + n)).find(|text| !text.trim().is_empty());
            let leading = |text: &str| text.chars().take_while(|c| *c == ' ').count();
            let indent = match explicit {
                Some(digit) => key.column - 1 + digit as usize,
                None => first.map_or(0, leading),
            };
            Some(Position { line: key.line + line, column: indent + column })
        }
        '>' | '&' | '!' | '*' => None,
        quote @ ('"' | '\'') => {
            let inner = rest.get(1..)?;
            (line == 1 && inner.contains(quote) && !rest.contains('\\') && !inner.contains("''"))
                .then(|| Position { line: key.line, column: key.column + value + column })
        }
        _ => {
            let whole = document.written(place!["sql"]) == rest.trim_end();
            (line == 1 && whole).then(|| Position { line: key.line, column: key.column + value + column - 1 })
        }
    }
}
