//! Where an uploader sends to: exactly one place, which can be what the file says.

mod file;
mod http;
mod kafka;
mod mqtt;
mod object_store;
mod smtp;

pub(crate) use file::same_files;

use super::Context;
use crate::{
    checked::{Sink, TlsConfig},
    document::{Document, place},
    raw::{RawSink, RawUploader},
    words,
    yaml::Step,
};

/// The kinds of sink, as they stand in a file.
const KINDS: [&str; 6] = ["file", "http", "kafka", "mqtt", "object_store", "smtp"];

/// The one place where it sends to.
pub(super) fn sink(document: &mut Document<RawUploader>, raw: RawSink, context: &mut Context<'_>) -> Option<Sink> {
    let there: Vec<&str> =
        KINDS.into_iter().filter(|kind| document.has(&[Step::Key("sink"), Step::Key(kind)])).collect();
    match there.as_slice() {
        [_] => {}
        [] => {
            let help = format!("add one of {}, for example `file: {{path: …}}`", words::list(&KINDS));
            document.error(document.at(place!["sink"]), "it is not said where it sends to", help);
            return None;
        }
        [first, .., last] => {
            let at = document.at_key(&[Step::Key("sink"), Step::Key(last)]);
            let message = format!("`{first}` and `{last}` stand together");
            document.error(at, message, "an uploader has one sink: make a file for each");
            return None;
        }
    }
    let RawSink { file, http, kafka, mqtt, object_store, smtp } = raw;
    file.map(|raw| file::file(document, raw, context))
        .or_else(|| http.map(|raw| http::http(document, raw)))
        .or_else(|| kafka.map(|raw| kafka::kafka(document, *raw, context)))
        .or_else(|| mqtt.map(|raw| mqtt::mqtt(document, raw, context)))
        .or_else(|| object_store.map(|raw| object_store::object_store(document, raw)))
        .or_else(|| smtp.map(|raw| smtp::smtp(document, raw, context)))?
}

/// Tells credentials that anybody on the way can read.
fn unencrypted(document: &mut Document<RawUploader>, place: &[Step<'_>], what: &str, use_this: &str) {
    document.warn(document.at(place), format!("{what} travel unencrypted"), format!("use `{use_this}`"));
}

/// TLS below `sink` and the key of the kind; it makes no sense without a secure address.
fn tls(
    document: &mut Document<RawUploader>,
    kind: &str,
    secure: bool,
    raw: Option<&crate::raw::RawTls>,
    context: &mut Context<'_>,
) -> Option<TlsConfig> {
    let place = [Step::Key("sink"), Step::Key(kind), Step::Key("tls")];
    if !secure && document.has(&place) {
        let at = document.at_key(&place);
        document.error(at, "`tls` needs an address with TLS", "write `mqtts://` in `broker`, or remove `tls`");
    }
    let dir = context.dir;
    secure.then(|| super::broker::tls(document, &["sink", kind, "tls"], raw, dir, &mut context.inputs))
}
