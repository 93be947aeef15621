//! Where a camera's pictures come from: the text of `source`, and the keys that go with it.

use std::path::Path;

use parapet_contracts::camera::{Location, Pace};
use url::Url;

use super::{Context, resolved};
use crate::{
    document::{Document, place},
    raw::{RawCamera, RawPace},
    units, words,
};

/// Patterns of `test://`, as GStreamer's videotestsrc names them.
const PATTERNS: [&str; 26] = [
    "smpte",
    "snow",
    "black",
    "white",
    "red",
    "green",
    "blue",
    "checkers-1",
    "checkers-2",
    "checkers-4",
    "checkers-8",
    "circular",
    "blink",
    "smpte75",
    "zone-plate",
    "gamut",
    "chroma-zone-plate",
    "solid-color",
    "ball",
    "smpte100",
    "bar",
    "pinwheel",
    "spokes",
    "gradient",
    "colors",
    "smpte-rp-219",
];

/// Pictures of a folder when the camera's `fps` does not say otherwise.
const FOLDER_FPS: f64 = 1.0;

/// Reads the address at `key`, `source` or `substream`; `None` when it is none, which is told.
pub(super) fn location(
    document: &mut Document<RawCamera>,
    key: &str,
    text: &str,
    raw: &RawCamera,
    context: &mut Context<'_>,
) -> Option<Location> {
    let text = text.trim().to_owned();
    let at = document.at(place![key]);
    let location = match text.split_once("://") {
        Some(("rtsp" | "rtsps" | "http" | "https", _)) => network(document, key, &text)?,
        Some(("test", rest)) => test(document, key, rest)?,
        Some(("file", _)) => {
            document.error(
                at,
                "a file is given by its path, not by `file://`",
                "for example `media/yard.mp4` or `/srv/video/yard.mp4`",
            );
            return None;
        }
        Some((scheme, _)) => {
            let known = ["rtsp", "rtsps", "http", "https", "test"];
            let scheme = if document.resolved(place![key]) { "" } else { scheme };
            let help = words::did_you_mean(scheme, "Known kinds of address", &known);
            document.error(at, "a source of this kind is not known", help);
            return None;
        }
        None => path_source(document, key, &text, raw, context)?,
    };
    if key == "source" {
        misplaced(document, raw, &location);
    }
    Some(location)
}

/// Keys that do nothing for this kind of source.
fn misplaced(document: &mut Document<RawCamera>, raw: &RawCamera, location: &Location) {
    let rtsp = matches!(location, Location::Rtsp { .. });
    let recorded = matches!(location, Location::File { .. } | Location::Images { .. });
    let network = rtsp || matches!(location, Location::Http { .. });
    let keys = [
        ("transport", rtsp || raw.transport.is_none(), "`rtsp://` sources"),
        ("latency", rtsp || raw.latency.is_none(), "`rtsp://` sources"),
        ("pace", recorded || raw.pace.is_none(), "files and folders"),
        ("repeat", recorded || raw.repeat.is_none(), "files and folders"),
        ("username", network || raw.username.is_none(), "sources on the network"),
    ];
    for (key, fine, what) in keys {
        if !fine {
            let at = document.at_key(place![key]);
            document.warn(at, format!("`{key}` does nothing here"), format!("it is for {what}"));
        }
    }
}

fn network(document: &mut Document<RawCamera>, key: &str, text: &str) -> Option<Location> {
    let at = document.at(place![key]);
    let url = match Url::parse(text) {
        Ok(url) if url.host_str().is_some_and(|host| !host.is_empty()) => url,
        Ok(_) => {
            document.error(at, "this address names no host", "expected one such as `rtsp://192.168.1.20/stream1`");
            return None;
        }
        Err(error) => {
            // The parser's words name no part of the address.
            document.error(
                at,
                format!("this is no address: {error}"),
                "expected one such as `rtsp://192.168.1.20/stream1`",
            );
            return None;
        }
    };
    if !url.username().is_empty() || url.password().is_some() {
        document.error(
            at,
            "the address holds a user or password, and addresses are shown",
            "move them to `username:` and `password:`, for example `password: ${env:CAMERA_PASSWORD}`",
        );
        return None;
    }
    let telltale = |key: &str| {
        matches!(key.to_ascii_lowercase().as_str(), "password" | "passwd" | "pass" | "pwd" | "pw" | "token")
    };
    if url.query_pairs().any(|(key, _)| telltale(&key)) {
        document.warn(
            at,
            "the address seems to hold a password, and addresses are shown",
            "use `username:` and `password:` if the camera takes them",
        );
    }
    let url = text.to_owned();
    Some(if text.starts_with("rtsp") { Location::Rtsp { url } } else { Location::Http { url } })
}

fn test(document: &mut Document<RawCamera>, key: &str, rest: &str) -> Option<Location> {
    let at = document.at(place![key]);
    let open = !document.resolved(place![key]);
    let (pattern, query) = rest.split_once('?').unwrap_or((rest, ""));
    let pattern = if pattern.is_empty() { "smpte" } else { pattern };
    let example = "for example `test://ball?size=640x360&fps=10`";
    if !PATTERNS.contains(&pattern) {
        document.error(
            at,
            "a test picture of this name is not known",
            words::did_you_mean(if open { pattern } else { "" }, "Known pictures", &PATTERNS),
        );
        return None;
    }
    let (mut width, mut height, mut fps) = (640, 360, 10.0);
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let side = |t: &str| t.parse::<u32>().ok().filter(|n| (16..=8192).contains(n) && n % 2 == 0);
        let rate = |t: &str| units::parse_rate(t).or_else(|| units::parse_rate(&format!("{t}fps")));
        match part.split_once('=') {
            Some(("size", size)) => match size.split_once('x').and_then(|(w, h)| side(w).zip(side(h))) {
                Some(size) => (width, height) = size,
                None => document.error(
                    at,
                    "the `size` of this test picture is none",
                    format!("expected even numbers from 16 to 8192, {example}"),
                ),
            },
            Some(("fps", text)) => match rate(text) {
                Some(rate) => fps = rate,
                None => document.error(
                    at,
                    "the `fps` of this test picture is none",
                    format!("expected a number above 0, {example}"),
                ),
            },
            _ => document.error(at, "a test picture has only `size` and `fps`", example),
        }
    }
    Some(Location::Test { pattern: pattern.to_owned(), width, height, fps })
}

fn path_source(
    document: &mut Document<RawCamera>,
    key: &str,
    text: &str,
    raw: &RawCamera,
    context: &mut Context<'_>,
) -> Option<Location> {
    let at = document.at(place![key]);
    let path = context.absolute(text);
    let real = resolved(&path);
    if let Some(media) = &context.media
        && !media.iter().any(|folder| real.starts_with(resolved(folder)))
    {
        let folders: Vec<&str> = context.media_shown.iter().map(String::as_str).collect();
        let known = if folders.is_empty() {
            "`media` is empty".to_owned()
        } else {
            format!("they are {}", words::list(&folders))
        };
        let wanted = if text.starts_with("/dev/") { "/dev".to_owned() } else { parent_shown(document, key, text) };
        let message = "this path lies outside the folders that sources may come from (symbolic links followed)";
        document.error(at, message, format!("{known}; move it there, or add `{wanted}` to `media` in site.yaml"));
        return None;
    }
    if !path.exists() {
        document.warn(
            at,
            format!("there is no {} yet", super::quoted(document, place![key])),
            "the camera waits for it; a relative path begins at the site's folder",
        );
    }
    let pace = match raw.pace {
        Some(RawPace::Fast) => Pace::Fast,
        Some(RawPace::RealTime) | None => Pace::RealTime,
    };
    let repeat = raw.repeat.unwrap_or(false);
    Some(if text.starts_with("/dev/") {
        Location::Device { path }
    } else if path.is_dir() || text.ends_with('/') {
        Location::Images { path, fps: raw.fps.map_or(FOLDER_FPS, |fps| fps.0), pace, repeat }
    } else {
        Location::File { path, pace, repeat }
    })
}

/// The folder of a path as a message may show it.
fn parent_shown(document: &Document<RawCamera>, key: &str, text: &str) -> String {
    if document.resolved(place![key]) {
        return "its folder".to_owned();
    }
    Path::new(text)
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .map_or_else(|| ".".to_owned(), |p| p.display().to_string())
}
