//! The reference in `docs/configuration.md`, written from the schema.

use serde_json::Value;

use crate::{
    expected,
    schema::{self, FileKind, schema},
};

/// The whole page, Markdown. Its YAML examples are whole files, each preceded by its path.
pub fn reference_markdown() -> String {
    let mut out = include_str!("reference_intro.md").to_owned();
    for kind in FileKind::ALL {
        let part = schema(kind);
        let place = kind.folder().map_or_else(|| "site.yaml".to_owned(), |folder| format!("{folder}/*.yaml"));
        out.push_str(&format!("\n## `{place}`\n\n{}\n\n", text(part)));
        out.push_str("| key | value | default | meaning |\n|---|---|---|---|\n");
        rows(&mut out, part, "");
        out.push_str(&format!("\n{}", example(kind)));
    }
    out.push_str(include_str!("reference_outro.md"));
    out
}

fn example(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Site => include_str!("examples/site.md"),
        FileKind::Camera => include_str!("examples/camera.md"),
        FileKind::Model => include_str!("examples/model.md"),
        FileKind::Rule => include_str!("examples/rule.md"),
        FileKind::Uploader => include_str!("examples/uploader.md"),
        FileKind::Stream => include_str!("examples/stream.md"),
        FileKind::Table => include_str!("examples/table.md"),
    }
}

fn rows(out: &mut String, part: &Value, prefix: &str) {
    let required: Vec<&str> =
        part.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let Some(properties) = schema::properties(part) else { return };
    // What must be given comes first.
    let (first, then): (Vec<_>, Vec<_>) = properties.iter().partition(|(name, _)| required.contains(&name.as_str()));
    for (name, property) in first.into_iter().chain(then) {
        let key = format!("{prefix}{name}");
        let default = match property.get("default") {
            _ if required.contains(&name.as_str()) => "**required**".to_owned(),
            Some(default) if is_section(property) || default.as_array().is_some_and(Vec::is_empty) => String::new(),
            Some(Value::String(default)) => format!("`{default}`"),
            Some(default) => format!("`{default}`"),
            None => String::new(),
        };
        out.push_str(&format!("| `{key}` | {} | {default} | {} |\n", cell(&value(property)), cell(&meaning(property))));
        for inner in inner(property) {
            let prefix = if schema::types(inner.0).contains(&"object") && inner.1 {
                format!("{key}[].")
            } else {
                format!("{key}.")
            };
            rows(out, inner.0, &prefix);
        }
    }
}

/// The objects inside a property: its own keys, or those of its list's items.
fn inner(property: &Value) -> Vec<(&Value, bool)> {
    let branches = schema::branches(property);
    let mut out: Vec<(&Value, bool)> = branches.iter().flat_map(inner).collect();
    if schema::properties(property).is_some() {
        out.push((property, false));
    }
    if let Some(items) = property.get("items").filter(|items| schema::properties(items).is_some()) {
        out.push((items, true));
    }
    out
}

fn is_section(property: &Value) -> bool {
    schema::properties(property).is_some()
}

fn value(property: &Value) -> String {
    if is_section(property) {
        return "keys below".to_owned();
    }
    expected::phrase(property)
}

fn meaning(property: &Value) -> String {
    let mut out = text(property);
    let choices = property.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    for choice in choices {
        if let (Some(name), Some(meaning)) =
            (choice.get("const").and_then(Value::as_str), choice.get("description").and_then(Value::as_str))
        {
            out.push_str(&format!(" `{name}`: {}", meaning.trim_end_matches('.').replace('\n', " ")));
            out.push('.');
        }
    }
    out
}

fn text(part: &Value) -> String {
    part.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
