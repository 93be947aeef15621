//! `sink: {http: …}`.

use super::unencrypted;
use crate::{
    check::is_local,
    checked::{HttpSinkConfig, Sink},
    document::{Document, place},
    raw::{RawHttpSink, RawUploader},
    yaml::Step,
};

pub(super) fn http(document: &mut Document<RawUploader>, raw: RawHttpSink) -> Option<Sink> {
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
    let local = url.host_str().is_some_and(is_local);
    if url.scheme() == "http" && !local && !raw.headers.is_empty() {
        unencrypted(document, place, "its headers", "https://");
    }
    for name in raw.headers.keys() {
        let token = |c: char| c.is_ascii_alphanumeric() || "-_.!#$%&'*+^`|~".contains(c);
        let at = document.at_key(&[Step::Key("sink"), Step::Key("http"), Step::Key("headers"), Step::Key(name)]);
        if name.is_empty() || !name.chars().all(token) {
            document.error(at, "this is no name of a header field", "for example `authorization`");
        } else if name.to_ascii_lowercase().starts_with("webhook-") {
            document.error(at, "the fields of the signature are set by `secret`", "remove this one");
        }
    }
    let headers = raw.headers.into_iter().map(|(name, value)| (name, value.0)).collect();
    let secret = raw.secret.map(|secret| secret.0);
    if secret.as_ref().is_some_and(|secret| secret.expose().trim() == "whsec_") {
        let at = document.at(place!["sink", "http", "secret"]);
        document.error(at, "there is nothing behind `whsec_`", "give the whole secret");
    }
    Some(Sink::Http(HttpSinkConfig { url, headers, secret, timeout: raw.timeout.0, max_body: raw.max_body.0 }))
}
