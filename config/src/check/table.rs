//! `tables/*.yaml`, and the files with their rows.

use std::path::Path;

use parapet_contracts::TableId;
use serde_json::{Map, Value};

use super::{Context, columns::columns};
use crate::{
    checked::Table,
    columns::{ColumnDef, fit, read},
    csv,
    document::{Document, place},
    raw::RawTable,
};

/// A table's file is at most this big.
const MAX_BYTES: u64 = 16 << 20;
/// A table has at most so many rows.
const MAX_ROWS: usize = 100_000;

/// Checks a table's file, and reads its rows.
pub(crate) fn table(document: &mut Document<RawTable>, id: &TableId, context: &mut Context<'_>) -> Option<Table> {
    let raw = document.raw.take()?;
    if crate::streams::OWN.contains(&id.as_str()) || id.as_str().ends_with(crate::streams::LATEST) {
        let message = format!("the table `{id}` can't be declared: the name is taken by the site itself");
        document.error(document.at(&[]), message, "rename the file");
    }
    let columns = columns(document, raw.columns.as_ref());
    let path = context.absolute(&raw.file?.0);
    context.inputs.push(path.clone());
    let columns = columns?;
    match rows(&path, &columns) {
        Ok(rows) => Some(Table { id: id.clone(), columns, rows }),
        Err(problem) => {
            document.error(document.at(place!["file"]), problem, "see `parapet schema table`");
            None
        }
    }
}

fn rows(path: &Path, columns: &[ColumnDef]) -> Result<Vec<Map<String, Value>>, String> {
    let unreadable = |error: std::io::Error| format!("the table's file can't be read: {error}");
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_BYTES {
        return Err(format!("the table's file has {size} bytes; at most {MAX_BYTES} are read"));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let rows = match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => of_csv(&text, columns)?,
        Some("json") => {
            let list: Vec<Map<String, Value>> = serde_json::from_str(&text)
                .map_err(|error| format!("the table's file is no list of JSON objects: {error}"))?;
            let fits = |(number, object): (usize, &Map<String, Value>)| {
                fit(columns, object).map_err(|misfit| format!("row {} of the table: {}", number + 1, misfit.text))
            };
            list.iter().enumerate().map(fits).collect::<Result<_, _>>()?
        }
        Some("jsonl") => of_lines(&text, columns)?,
        _ => return Err("the table's file ends in neither `.csv`, `.json` nor `.jsonl`".to_owned()),
    };
    if rows.len() > MAX_ROWS {
        return Err(format!("the table has {} rows; at most {MAX_ROWS} are read", rows.len()));
    }
    Ok(rows)
}

fn of_lines(text: &str, columns: &[ColumnDef]) -> Result<Vec<Map<String, Value>>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let place = |what: String| format!("line {} of the table: {what}", number + 1);
            let object = serde_json::from_str(line).map_err(|error| place(format!("no JSON object: {error}")))?;
            fit(columns, &object).map_err(|misfit| place(misfit.text))
        })
        .collect()
}

fn of_csv(text: &str, columns: &[ColumnDef]) -> Result<Vec<Map<String, Value>>, String> {
    let mut records = csv::records(text);
    let (_, names) = records.next().transpose()?.ok_or("the table's file has no line of names")?;
    if let Some(column) = columns.iter().find(|column| !column.optional && !names.contains(&column.name)) {
        return Err(format!("the table's first line does not name the column `{}`", column.name));
    }
    records
        .map(|record| {
            let (line, texts) = record?;
            if texts.len() != names.len() {
                let (has, wanted) = (texts.len(), names.len());
                return Err(format!("line {line} of the table has {has} values, and the first line {wanted} names"));
            }
            read(columns, &names, &texts).map_err(|misfit| format!("line {line} of the table: {}", misfit.text))
        })
        .collect()
}
