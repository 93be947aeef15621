//! `uploaders/*.yaml`.

use std::collections::BTreeMap;

use parapet_contracts::UploaderId;

use super::Context;
use crate::{
    checked::{Sink, UploadKind, Uploader},
    document::{Document, place},
    raw::{RawHttpSink, RawSink, RawUploader, RawWhat},
    yaml::Step,
};

/// Checks an uploader's file.
pub(crate) fn uploader(
    document: &mut Document<RawUploader>,
    id: &UploaderId,
    context: &Context<'_>,
) -> Option<Uploader> {
    let raw = document.raw.take()?;
    if raw.backoff.first.0 > raw.backoff.max.0 {
        let at = document.at(place!["backoff"]);
        document.error(at, "the first wait is longer than the longest", "make `first` at most as long as `max`");
    }
    let sink = sink(document, raw.sink?, context)?;
    let mut what: Vec<UploadKind> = raw
        .what
        .iter()
        .map(|what| match what {
            RawWhat::Alerts => UploadKind::Alerts,
            RawWhat::Events => UploadKind::Events,
            RawWhat::Named => UploadKind::Named,
        })
        .collect();
    what.sort();
    what.dedup();
    Some(Uploader {
        id: id.clone(),
        enabled: raw.enabled,
        what,
        sink,
        backoff: (raw.backoff.first.0, raw.backoff.max.0),
    })
}

/// The one place where it sends to.
fn sink(document: &mut Document<RawUploader>, raw: RawSink, context: &Context<'_>) -> Option<Sink> {
    let there = |key: &'static str| document.has(place!["sink", key]);
    match (there("file"), there("http")) {
        (true, true) => {
            let at = document.at_key(place!["sink", "http"]);
            document.error(at, "`file` and `http` stand together", "an uploader has one sink: make a file for each");
            return None;
        }
        (false, false) => {
            let help = "add `file: {path: …}` or `http: {url: …}`";
            document.error(document.at(place!["sink"]), "it is not said where it sends to", help);
            return None;
        }
        (_, true) => return webhook(document, raw.http?),
        (_, false) => {}
    }
    let file = raw.file?;
    let path = context.absolute(&file.path?.0);
    if path.is_dir() {
        let at = document.at(place!["sink", "file", "path"]);
        document.error(at, "this path is a folder", "give a file in it, for example `alerts.jsonl`");
    }
    Some(Sink::File { path, rotate_bytes: file.rotate.0, keep: file.keep as usize })
}

fn webhook(document: &mut Document<RawUploader>, raw: RawHttpSink) -> Option<Sink> {
    let place = place!["sink", "http", "url"];
    let parsed =
        url::Url::parse(&raw.url?.0).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = parsed else {
        let help = "write `https://HOST/PATH`";
        document.error(document.at(place), "this is no address of a web server", help);
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        let help = "put it into `headers`: `authorization: \"Basic ${env:…}\"`";
        document.error(document.at(place), "the address holds a user or a password", help);
        return None;
    }
    let local = url.host_str().is_some_and(super::is_local);
    if url.scheme() == "http" && !local && !raw.headers.is_empty() {
        document.warn(document.at(place), "its headers travel unencrypted", "use `https://`");
    }
    for name in raw.headers.keys() {
        let token = |c: char| c.is_ascii_alphanumeric() || "-_.!#$%&'*+^`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            let at = document.at_key(&[Step::Key("sink"), Step::Key("http"), Step::Key("headers"), Step::Key(name)]);
            document.error(at, "this is no name of a header field", "for example `authorization`");
        }
    }
    let headers = raw.headers.into_iter().map(|(name, value)| (name, value.0)).collect();
    Some(Sink::Http { url, headers, timeout: raw.timeout.0 })
}

/// Tells uploaders that write into one file.
pub(crate) fn same_files(uploaders: &mut [(UploaderId, Document<RawUploader>, Option<Uploader>)]) {
    let mut seen = BTreeMap::new();
    for (id, document, uploader) in uploaders {
        let Some(Uploader { sink: Sink::File { path, .. }, .. }) = uploader else { continue };
        match seen.get(path) {
            None => drop(seen.insert(path.clone(), id.clone())),
            Some(other) => {
                let at = document.at(place!["sink", "file", "path"]);
                document.error(
                    at,
                    format!("the uploader `{other}` writes into this file, too"),
                    "give each a file of its own",
                );
            }
        }
    }
}
