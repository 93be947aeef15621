//! `uploaders/*.yaml`.

use std::collections::BTreeMap;

use parapet_contracts::UploaderId;

use super::Context;
use crate::{
    checked::{Sink, UploadKind, Uploader},
    document::{Document, place},
    raw::{RawUploader, RawWhat},
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
    let file = raw.sink.and_then(|sink| sink.file)?;
    let path = context.absolute(&file.path?.0);
    if path.is_dir() {
        let at = document.at(place!["sink", "file", "path"]);
        document.error(at, "this path is a folder", "give a file in it, for example `alerts.jsonl`");
    }
    let mut what: Vec<UploadKind> = raw
        .what
        .iter()
        .map(|what| match what {
            RawWhat::Alerts => UploadKind::Alerts,
            RawWhat::Events => UploadKind::Events,
        })
        .collect();
    what.sort();
    what.dedup();
    Some(Uploader {
        id: id.clone(),
        enabled: raw.enabled,
        what,
        sink: Sink::File { path, rotate_bytes: file.rotate.0, keep: file.keep as usize },
        backoff: (raw.backoff.first.0, raw.backoff.max.0),
    })
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
