//! What is told of a version: that it is deprecated, since when, and when it ends.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::ApiVersion;

const SUPPORTED: HeaderName = HeaderName::from_static("api-supported-versions");
const DEPRECATED: HeaderName = HeaderName::from_static("api-deprecated-versions");
const SUNSET: HeaderName = HeaderName::from_static("sunset");
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");

/// What is told of one version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Deprecated since: it still works, and clients should leave it. `Deprecation`, RFC 9745.
    pub deprecated: Option<Timestamp>,
    /// It ends then. `Sunset`, RFC 8594.
    pub sunset: Option<Timestamp>,
    /// Where people read more: `Link` with `rel="deprecation"` and `rel="sunset"`.
    pub link: Option<String>,
}

impl Policy {
    /// Writes what is told of this version into the headers of an answer.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let mut put = |name: HeaderName, text: String| {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.append(name, value);
            }
        };
        let links = |rel| self.link.as_ref().map(|link| format!("<{link}>; rel=\"{rel}\""));
        if let Some(since) = self.deprecated {
            put(DEPRECATION, format!("@{}", since.as_second()));
            links("deprecation").into_iter().for_each(|link| put(axum::http::header::LINK, link));
        }
        if let Some(at) = self.sunset {
            put(SUNSET, at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
            links("sunset").into_iter().for_each(|link| put(axum::http::header::LINK, link));
        }
    }
}

/// Writes which versions there are into the headers of an answer.
pub(crate) fn report<'a>(versions: impl Iterator<Item = (&'a ApiVersion, &'a Policy)>, headers: &mut HeaderMap) {
    let (mut supported, mut deprecated) = (Vec::new(), Vec::new());
    for (version, policy) in versions {
        if policy.deprecated.is_some() { &mut deprecated } else { &mut supported }.push(version.to_string());
    }
    for (name, versions) in [(SUPPORTED, supported), (DEPRECATED, deprecated)] {
        if let Ok(value) = HeaderValue::try_from(versions.join(", "))
            && !versions.is_empty()
        {
            headers.insert(name, value);
        }
    }
}
