//! The statement of a rule: planned here, so that its errors are told with their place in the file.

use parapet_rule_sql::{
    Pos, SqlError, parse_select,
    plan::{Item, Mode, Plan},
};

use super::rule::placeholders;
use crate::{
    document::{Document, place},
    problem::Position,
    raw::RawRule,
    streams,
};

/// What a message may name besides the fields of the row.
const ALWAYS: [&str; 5] = ["camera", "rule", "label", "count", "score"];

/// The statement, when it has no error.
pub(super) fn statement(document: &mut Document<RawRule>, raw: &RawRule) -> Option<String> {
    let text = &raw.sql.as_ref()?.0;
    match parse_select(text).and_then(|select| Plan::new(&select, &streams::catalog(), Mode::Rule)) {
        Ok(plan) => {
            if let (Some(message), Some(fields)) = (&raw.message, fields(&plan)) {
                let mut known: Vec<&str> = fields.iter().map(String::as_str).collect();
                let others: Vec<&str> = ALWAYS.into_iter().filter(|word| !known.contains(word)).collect();
                known.extend(others);
                placeholders(document, &message.0, &known);
            }
            Some(text.clone())
        }
        Err(error) => {
            tell(document, &error);
            None
        }
    }
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
