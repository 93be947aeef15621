//! What went wrong, in sentences that a user understands, without anything secret in them.

use gstreamer::{self as gst, glib};
use parapet_contracts::{
    ErrorKind,
    camera::{Location, SourceSpec},
    ports::media::MediaError,
};

use crate::network::Endpoint;

pub(crate) fn retry(code: &'static str, text: impl Into<String>) -> MediaError {
    MediaError { kind: ErrorKind::Retry, code, text: text.into() }
}

pub(crate) fn reject(code: &'static str, text: impl Into<String>) -> MediaError {
    MediaError { kind: ErrorKind::Reject, code, text: text.into() }
}

pub(crate) fn fatal(code: &'static str, text: impl Into<String>) -> MediaError {
    MediaError { kind: ErrorKind::Fatal, code, text: text.into() }
}

/// An element that this source needs is not installed.
pub(crate) fn missing_element(element: &str) -> MediaError {
    let text =
        format!("GStreamer's element `{element}` is missing: install the Debian package {}", package_of(element));
    fatal("missing_element", text)
}

/// No decoder is installed for this kind of stream.
pub(crate) fn missing_decoder(codec: &str, caps: &str) -> MediaError {
    let package = if caps.starts_with("image/") { "gstreamer1.0-plugins-good" } else { "gstreamer1.0-libav" };
    fatal("missing_element", format!("no decoder for {codec} is installed: install the Debian package {package}"))
}

/// The Debian package that holds an element.
fn package_of(element: &str) -> &'static str {
    match element {
        "filesrc" | "typefind" | "identity" | "queue" | "capsfilter" | "fakesink" => "libgstreamer1.0-0",
        "videoconvert" | "appsink" | "appsrc" | "videotestsrc" | "parsebin" => "gstreamer1.0-plugins-base",
        "x264enc" => "gstreamer1.0-plugins-ugly",
        e if e.starts_with("avdec_") => "gstreamer1.0-libav",
        "h264parse" | "h265parse" | "tsdemux" | "av1parse" | "jpegparse" => "gstreamer1.0-plugins-bad",
        _ => "gstreamer1.0-plugins-good",
    }
}

/// What errors of one source need to know.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The source as people may see it.
    pub(crate) shown: String,
    pub(crate) endpoint: Option<Endpoint>,
    secrets: Secrets,
}

/// Texts that must never be seen. `Debug` does not show them.
#[derive(Clone, Default)]
struct Secrets(Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} secrets]", self.0.len())
    }
}

impl Context {
    pub(crate) fn new(spec: &SourceSpec) -> Result<Self, MediaError> {
        let endpoint = match &spec.location {
            Location::Rtsp { url } => Some(Endpoint::parse(url, &["rtsp", "rtsps"])?),
            Location::Http { url } => Some(Endpoint::parse(url, &["http", "https"])?),
            _ => None,
        };
        let mut secrets = Vec::new();
        if let Some(credentials) = &spec.credentials {
            for secret in [&credentials.password, &credentials.username] {
                let plain = secret.expose();
                secrets.extend([plain.to_owned(), percent_encoded(plain)]);
            }
        }
        secrets.retain(|s| !s.is_empty());
        Ok(Self { shown: scrub_addresses(&spec.location.to_string()), endpoint, secrets: Secrets(secrets) })
    }

    /// Takes secrets, user parts and queries of addresses out of a text of GStreamer's.
    pub(crate) fn redact(&self, text: &str) -> String {
        // Secrets first: a password with a question mark would be cut in two by the scrubbing.
        let plain =
            self.secrets.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "[secret]"));
        scrub_addresses(&plain)
    }

    /// Makes sense of an error message of GStreamer's. May try to connect, so call it where blocking is fine.
    pub(crate) fn explain(&self, error: &glib::Error, debug: &str, missing: Option<&str>) -> MediaError {
        let at = &self.shown;
        let said = self.redact(error.message());
        if let Some(missing) = missing {
            let text = format!(
                "{at}: GStreamer lacks a plugin ({}): install the Debian packages gstreamer1.0-plugins-good, -bad and gstreamer1.0-libav",
                self.redact(missing)
            );
            return fatal("missing_element", text);
        }
        if let Some(error) = error.kind::<gst::ResourceError>() {
            return self.explain_resource(error, &said, debug);
        }
        if let Some(error) = error.kind::<gst::StreamError>() {
            return self.explain_stream(error, &said, debug);
        }
        if error.kind::<gst::CoreError>() == Some(gst::CoreError::MissingPlugin) {
            return fatal("missing_element", format!("{at}: a GStreamer plugin is missing: {said}"));
        }
        retry("internal", format!("{at}: GStreamer failed: {said}"))
    }

    fn explain_resource(&self, error: gst::ResourceError, said: &str, debug: &str) -> MediaError {
        let at = &self.shown;
        match (error, &self.endpoint) {
            (gst::ResourceError::NotAuthorized, _) => reject(
                "unauthorized",
                format!("{at}: the camera refuses user or password (401): check the camera's credentials"),
            ),
            (gst::ResourceError::NotFound, Some(_)) if debug.contains("resolve") => self.unreachable(),
            (gst::ResourceError::NotFound, Some(_)) => {
                reject("not_found", format!("{at}: there is no such stream (404): check the path of the address"))
            }
            (gst::ResourceError::NotFound, None) => {
                reject("not_found", format!("{at}: there is no such file or device"))
            }
            (gst::ResourceError::Busy, _) => retry("unreachable", format!("{at} is used by somebody else")),
            (_, Some(_)) if debug.contains("Unauthorized") || debug.contains("(401)") => reject(
                "unauthorized",
                format!("{at}: the camera refuses user or password (401): check the camera's credentials"),
            ),
            (_, Some(_)) if debug.contains("Failed to connect") || debug.contains("onnect to server") => {
                self.unreachable()
            }
            (_, Some(_)) => retry("unreachable", format!("{at}: the connection failed: {said}")),
            (_, None) => retry("internal", format!("{at} can't be read: {said}")),
        }
    }

    fn explain_stream(&self, error: gst::StreamError, said: &str, debug: &str) -> MediaError {
        let at = &self.shown;
        match error {
            // The source element failed without saying why; for the network that is a connection that never came about.
            gst::StreamError::Failed if debug.contains("reason error (-5)") && self.endpoint.is_some() => {
                self.unreachable()
            }
            gst::StreamError::Failed if debug.contains("not-negotiated") => {
                reject("unsupported", format!("{at}: its pictures are of a kind that can't be used (no common format)"))
            }
            gst::StreamError::Failed if debug.contains("not-linked") => {
                reject("no_video", format!("{at} holds no video"))
            }
            gst::StreamError::TypeNotFound | gst::StreamError::WrongType | gst::StreamError::Demux => {
                reject("no_video", format!("{at} is no video, or a damaged one: {said}"))
            }
            gst::StreamError::CodecNotFound => {
                fatal("missing_element", format!("{at}: {said}. Install the Debian package gstreamer1.0-libav"))
            }
            gst::StreamError::Decode => retry("decode", format!("{at} can't be decoded: {said}")),
            _ => retry("decode", format!("{at}: the stream failed: {said}")),
        }
    }

    fn unreachable(&self) -> MediaError {
        match &self.endpoint {
            Some(endpoint) => {
                let why = endpoint.why_unreachable();
                MediaError { text: format!("{}: {}", self.shown, why.text), ..why }
            }
            None => retry("unreachable", format!("{} can't be reached", self.shown)),
        }
    }
}

/// As in an address, RFC 3986, section 2.1.
fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Cuts user parts and queries out of every address in a text.
fn scrub_addresses(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end =
            after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '>' | ')')).unwrap_or(after.len());
        let (address, tail) = after.split_at(end);
        let authority_end = address.find(['/', '?']).unwrap_or(address.len());
        let host = address[..authority_end].rfind('@').map_or(0, |at| at + 1);
        let shown = &address[host..];
        match shown.split_once('?') {
            Some((path, _)) => {
                out.push_str(path);
                out.push_str("?…");
            }
            None => out.push_str(shown),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parapet_contracts::{Secret, camera::Credentials};
    use proptest::prelude::*;

    use super::*;

    fn context(username: &str, password: &str) -> Context {
        let mut spec = SourceSpec::new(Location::Rtsp { url: "rtsp://cam/x?key=abc".into() });
        spec.credentials = Some(Credentials { username: Secret::new(username), password: Secret::new(password) });
        Context::new(&spec).unwrap()
    }

    #[test]
    fn addresses_lose_their_user_part_and_query() {
        assert_eq!(scrub_addresses("x rtsp://u:p@cam/s, y"), "x rtsp://cam/s, y");
        assert_eq!(scrub_addresses("http://cam/s?token=abc end"), "http://cam/s?… end");
        assert_eq!(scrub_addresses("rtsp://u:p@ss@cam:554/s"), "rtsp://cam:554/s");
        assert_eq!(scrub_addresses("no address here"), "no address here");
    }

    #[test]
    fn a_context_shows_no_secret() {
        let context = context("canary user", "pa ss/1");
        assert!(!format!("{context:?}").contains("canary") && !context.shown.contains("abc"), "{context:?}");
    }

    proptest! {
        #[test]
        fn secrets_are_taken_out_of_any_text(
            user in "[A-Z]{6}[ -~]{0,8}",
            password in "[0-9]{6}[ -~é€]{0,8}",
            before in "[a-z ]{0,20}",
            after in "[a-z ]{0,20}",
        ) {
            let context = context(&user, &password);
            let (quoted_user, quoted) = (percent_encoded(&user), percent_encoded(&password));
            let text = format!("{before}{user} {password} rtsp://{quoted_user}:{quoted}@cam/x?p={quoted} rtsp://{user}:{password}@cam/{after}");
            let shown = context.redact(&text);
            for secret in [&user[..6], &password[..6]] {
                prop_assert!(!shown.contains(secret), "{shown}");
            }
        }

        #[test]
        fn no_text_makes_scrubbing_fail(text in ".{0,200}") {
            let once = scrub_addresses(&text);
            prop_assert_eq!(&scrub_addresses(&once), &once);
        }
    }
}
