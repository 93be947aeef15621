//! The page that operators live in: its files are part of the program. The page's own addresses (`/alerts/…`) are all answered with its
//! `index.html`: what they mean, the page knows.
//!
//! It promises: nothing but the files that were built in is read, whatever a path says; a program that was built without the page says so, and
//! how to build it.

use std::io::Read as _;

use axum::{
    body::Body,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use flate2::read::GzDecoder;

use super::error;

/// A file of the page.
struct File {
    /// Below the page's folder, with `/` between parts.
    path: &'static str,
    /// Changes with the content; in quotes.
    tag: &'static str,
    /// Whether the bytes are packed with gzip.
    packed: bool,
    bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/page.rs"));

const INDEX: &str = "index.html";
/// Files in here carry their content's hash in their name.
const UNCHANGING: &str = "assets/";

/// In the place of a page that was not built in.
const MISSING: &str = "<!doctype html><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>Parapet</title>\
    <h1>Parapet runs</h1><p>This program was built without its page. Build it with <code>script/web</code>, then build the program again.</p>\
    <p>The API is there: <a href=\"/api/v1/status\">/api/v1/status</a></p>";

/// Answers what no route knows: a file of the page, the page itself for who reads HTML, else that there is no such path.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let asked = |name: &str| FILES.iter().find(|file| file.path == name);
    let is_read = method == Method::GET || method == Method::HEAD;
    if !is_read || path.starts_with("api/") {
        return error::no_such_route(uri).await.into_response();
    }
    if let Some(file) = asked(path) {
        return answer(file, &headers);
    }
    if !path.is_empty() && !wants_html(&headers) {
        return error::no_such_route(uri).await.into_response();
    }
    match asked(INDEX) {
        Some(index) => answer(index, &headers),
        None => (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], MISSING).into_response(),
    }
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

fn answer(file: &File, headers: &HeaderMap) -> Response {
    let has = |name, text: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(text))
    };
    let keep = if file.path.starts_with(UNCHANGING) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let common = [
        (header::CONTENT_TYPE, media_type(file.path)),
        (header::CACHE_CONTROL, keep),
        (header::ETAG, file.tag),
        (header::VARY, "accept-encoding"),
    ];
    if has(header::IF_NONE_MATCH, file.tag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    if !file.packed {
        return (common, Body::from(file.bytes)).into_response();
    }
    if has(header::ACCEPT_ENCODING, "gzip") {
        return (common, [(header::CONTENT_ENCODING, "gzip")], Body::from(file.bytes)).into_response();
    }
    let mut bytes = Vec::new();
    match GzDecoder::new(file.bytes).read_to_end(&mut bytes) {
        Ok(_) => (common, bytes).into_response(),
        Err(error) => error::Problem::internal(format!("{}: {error}", file.path)).into_response(),
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("webmanifest" | "json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
