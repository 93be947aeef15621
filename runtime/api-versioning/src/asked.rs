//! Which version a request asks for: where it is looked for, and what was found.

use axum::http::{HeaderMap, Uri, header};

use crate::ApiVersion;

/// The name of the query parameter and of the header.
pub const NAME: &str = "api-version";
/// The parameter of a media type: `application/json; v=1.0`.
pub const MEDIA_PARAMETER: &str = "v";

/// Where a version was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `/api/v1/…`.
    Path,
    /// `?api-version=1.0`.
    Query,
    /// `api-version: 1.0`.
    Header,
    /// `Content-Type: application/json; v=1.0`.
    ContentType,
    /// `Accept: application/json; v=1.0`.
    Accept,
}

/// All versions that a request names, as they stand there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked(Vec<(Place, String)>);

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// No version.
    None,
    /// This one.
    Version(ApiVersion),
    /// Something that is no version.
    Malformed(String),
    /// Several at once.
    Ambiguous(Vec<String>),
}

impl Asked {
    /// Reads a request whose path had `segment` in the place of a version: `1` of `/api/v1/…`.
    pub fn read(segment: Option<&str>, uri: &Uri, headers: &HeaderMap) -> Self {
        let mut found = Vec::new();
        found.extend(segment.map(|version| (Place::Path, version.to_owned())));
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        found.extend(
            query.filter(|(name, _)| name.eq_ignore_ascii_case(NAME)).map(|(_, v)| (Place::Query, v.into_owned())),
        );
        for value in headers.get_all(NAME) {
            // What is no text can't be a version either.
            let text = value.to_str().unwrap_or("?");
            found.extend(text.split(',').map(|version| (Place::Header, version.trim().to_owned())));
        }
        for (name, place) in [(header::CONTENT_TYPE, Place::ContentType), (header::ACCEPT, Place::Accept)] {
            let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
            let ranges = values.flat_map(|value| value.split(','));
            found.extend(ranges.filter_map(media_version).map(|version| (place, version.to_owned())));
        }
        found.retain(|(_, version)| !version.is_empty());
        Self(found)
    }

    /// What it comes to.
    pub fn wish(&self) -> Wish {
        let Some((_, first)) = self.0.first() else { return Wish::None };
        let parsed: Vec<_> = self.0.iter().map(|(_, text)| text.parse::<ApiVersion>()).collect();
        let same_text = self.0.iter().all(|(_, text)| text.eq_ignore_ascii_case(first));
        match &parsed[0] {
            Ok(version) if parsed.iter().all(|other| other.as_ref() == Ok(version)) => Wish::Version(version.clone()),
            Err(_) if same_text => Wish::Malformed(first.clone()),
            _ => Wish::Ambiguous(self.0.iter().map(|(_, text)| text.clone()).collect()),
        }
    }

    /// Whether the path names a version.
    pub fn is_in_path(&self) -> bool {
        self.0.iter().any(|(place, _)| *place == Place::Path)
    }

    /// Whether media types alone name a version.
    pub fn is_in_media_types_alone(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|(place, _)| matches!(place, Place::ContentType | Place::Accept))
    }
}

/// The parameter `v` of a media type, without quotes.
fn media_version(range: &str) -> Option<&str> {
    range.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case(MEDIA_PARAMETER).then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wish(segment: Option<&str>, uri: &str, headers: &[(&'static str, &'static str)]) -> Wish {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Asked::read(segment, &uri.parse().unwrap(), &map).wish()
    }

    #[test]
    fn a_version_is_found_wherever_it_stands() {
        let one = Wish::Version(ApiVersion::new(1, 0));
        assert_eq!(wish(Some("1"), "/cameras", &[]), one);
        assert_eq!(wish(None, "/cameras?limit=3&API-Version=1.0", &[]), one);
        assert_eq!(wish(None, "/cameras", &[("api-version", "1.0")]), one);
        assert_eq!(wish(None, "/cameras", &[("accept", "text/html, application/json; q=0.9; v=\"1.0\"")]), one);
        assert_eq!(wish(None, "/cameras", &[("content-type", "application/json;v=1")]), one);
        assert_eq!(wish(None, "/cameras?api-version=", &[("accept", "*/*")]), Wish::None);
    }

    #[test]
    fn the_same_version_twice_is_one_and_two_are_ambiguous() {
        let both = [("api-version", "1.0"), ("accept", "application/json; v=1.0")];
        assert_eq!(wish(Some("1"), "/cameras?api-version=1.0", &both), Wish::Version(ApiVersion::new(1, 0)));
        assert!(matches!(wish(Some("1"), "/cameras?api-version=2.0", &[]), Wish::Ambiguous(_)));
        assert!(matches!(wish(None, "/cameras", &[("api-version", "1.0, 2.0")]), Wish::Ambiguous(_)));
        assert!(matches!(wish(None, "/cameras?api-version=1.0&api-version=x", &[]), Wish::Ambiguous(_)));
    }

    #[test]
    fn what_is_no_version_is_told_as_such() {
        assert_eq!(wish(None, "/cameras?api-version=one", &[]), Wish::Malformed("one".to_owned()));
        assert_eq!(wish(Some("1.x"), "/cameras", &[]), Wish::Malformed("1.x".to_owned()));
    }
}
