//! `sink: {file: …}`.

use std::collections::BTreeMap;

use parapet_contracts::UploaderId;

use crate::{
    check::Context,
    checked::{Sink, Uploader},
    document::{Document, place},
    raw::{RawFileSink, RawUploader},
};

pub(super) fn file(document: &mut Document<RawUploader>, raw: RawFileSink, context: &Context<'_>) -> Option<Sink> {
    let path = context.absolute(&raw.path?.0);
    if path.is_dir() {
        let at = document.at(place!["sink", "file", "path"]);
        document.error(at, "this path is a folder", "give a file in it, for example `alerts.jsonl`");
    }
    Some(Sink::File { path, rotate_bytes: raw.rotate.0, keep: raw.keep as usize })
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
                let message = format!("the uploader `{other}` writes into this file, too");
                document.error(at, message, "give each a file of its own");
            }
        }
    }
}
