//! `streams/*.yaml`.

use parapet_contracts::{StreamId, topics};

use super::{Context, columns::columns, resolved};
use crate::{
    checked::{Stream, StreamSource},
    columns::{ColumnDef, ColumnKind},
    document::{Document, place},
    raw::{RawFrom, RawStream},
    streams, words,
};

/// Checks a stream's file.
pub(crate) fn stream(document: &mut Document<RawStream>, id: &StreamId, context: &Context<'_>) -> Option<Stream> {
    let raw = document.raw.take()?;
    if streams::OWN.contains(&id.as_str()) || id.as_str().ends_with(streams::LATEST) {
        let message = format!("the stream `{id}` can't be declared: the name is taken by the site itself");
        document.error(document.at(&[]), message, "rename the file");
    }
    let columns = columns(document, raw.columns.as_ref());
    let source = source(document, &raw, context);
    let columns = columns?;
    let timestamp = column(document, "timestamp", raw.timestamp.as_ref().map(|text| text.0.as_str()), &columns);
    if let Some(name) = &timestamp
        && columns.iter().any(|c| c.name == *name && (c.kind != ColumnKind::Time || c.list || c.optional))
    {
        let at = document.at(place!["timestamp"]);
        document.error(at, format!("the column `{name}` does not say when it happened"), "declare it as `time`");
    }
    let key = column(document, "key", raw.key.as_ref().map(|text| text.0.as_str()), &columns);
    Some(Stream {
        id: id.clone(),
        name: raw.name.map_or_else(|| id.to_string(), |name| name.0),
        enabled: raw.enabled,
        source: source?,
        columns,
        timestamp,
        key,
    })
}

/// The one place where its messages come from.
fn source(document: &mut Document<RawStream>, raw: &RawStream, context: &Context<'_>) -> Option<StreamSource> {
    let there: Vec<&str> = ["mqtt", "http", "file"].into_iter().filter(|key| document.has(place![*key])).collect();
    match there.as_slice() {
        [_] => {}
        [] => {
            let help = "add `mqtt: {topic: …}`, `http: {}` or `file: {path: …}`";
            document.error(document.at(&[]), "it is not said where the messages come from", help);
            return None;
        }
        [_, second, ..] => {
            let at = document.at_key(place![*second]);
            let message = format!("{} stand together", words::list(&there));
            document.error(at, message, "a stream has one source: make a file for each");
            return None;
        }
    }
    if let Some(topic) = raw.mqtt.as_ref().and_then(|mqtt| mqtt.topic.as_ref()) {
        if !topics::is_filter(&topic.0) {
            let at = document.at(place!["mqtt", "topic"]);
            let help = "`+` and `#` stand alone between slashes, `#` in the last place";
            document.error(at, "this is no topic that can be subscribed", help);
            return None;
        }
        return Some(StreamSource::Mqtt { topic: topic.0.clone() });
    }
    if raw.http.is_some() {
        return Some(StreamSource::Http);
    }
    let file = raw.file.as_ref()?;
    let path = context.absolute(&file.path.as_ref()?.0);
    let real = resolved(&path);
    let below = |folder: &std::path::Path| real.starts_with(resolved(folder));
    if context.media.as_ref().is_some_and(|media| !below(context.dir) && !media.iter().any(|folder| below(folder))) {
        let at = document.at(place!["file", "path"]);
        let help = "put it there, or add its folder to `media` in site.yaml";
        document.error(at, "the file lies neither below the site's folder nor below one of `media`", help);
    }
    if path.is_dir() {
        document.error(document.at(place!["file", "path"]), "this path is a folder", "give a file in it");
    }
    Some(StreamSource::File { path, from_beginning: file.from == RawFrom::Beginning })
}

/// A column that another key names.
fn column(
    document: &mut Document<RawStream>,
    key: &'static str,
    name: Option<&str>,
    columns: &[ColumnDef],
) -> Option<String> {
    let name = name?;
    if columns.iter().any(|column| column.name == name) {
        return Some(name.to_owned());
    }
    let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let hint = if document.resolved(place![key]) { "" } else { name };
    let message = format!("there is no column {}", super::quoted(document, place![key]));
    document.error(document.at(place![key]), message, words::did_you_mean(hint, "Known columns", &known));
    None
}
