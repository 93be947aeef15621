//! Declared columns of a stream or a table.

use std::collections::BTreeMap;

use crate::{
    columns::{ColumnDef, parse_type},
    document::{Document, place},
    raw::{ColumnName, ColumnType},
};

/// At most so many columns.
const MOST: usize = 200;

/// The columns; those that are no columns are told.
pub(super) fn columns<T>(
    document: &mut Document<T>,
    raw: Option<&BTreeMap<ColumnName, ColumnType>>,
) -> Option<Vec<ColumnDef>> {
    let raw = raw?;
    if raw.is_empty() && !document.problems.is_empty() {
        return None; // What stood there was told, and taken out.
    }
    if raw.is_empty() || raw.len() > MOST {
        let message = format!("there are {} columns", raw.len());
        document.error(document.at(place!["columns"]), message, format!("1 to {MOST} are expected"));
        return None;
    }
    let mut columns = Vec::new();
    for (name, ty) in raw {
        let mut chars = name.chars();
        let begins = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !begins || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_') || name.len() > 63 {
            let at = document.at_key(&[crate::yaml::Step::Key("columns"), crate::yaml::Step::Key(name)]);
            let help = "use letters, digits and `_`, beginning with a letter, so that a statement can name it";
            document.error(at, "this is no name of a column", help);
            continue;
        }
        let (kind, list, optional) = parse_type(&ty.0)?;
        columns.push(ColumnDef { name: name.clone(), kind, list, optional });
    }
    Some(columns)
}
