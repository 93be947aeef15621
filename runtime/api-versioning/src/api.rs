//! The API: takes a request, finds its version, and hands it to the routes of that version.

use std::sync::Arc;

use axum::{
    Router,
    extract::{OriginalUri, Request},
    http::{StatusCode, Uri, header, uri::PathAndQuery},
    response::{IntoResponse, Response},
    routing::any,
};
use hyper::upgrade::OnUpgrade;
use tower::ServiceExt as _;

use crate::{ApiVersion, Asked, Code, Policy, Refusal, Routes, Wish, policy::report};

/// An API in several versions below one root.
#[derive(Debug, Clone, Default)]
pub struct VersionedApi {
    versions: Vec<(ApiVersion, Policy, Routes)>,
    neutral: Routes,
    assumed: Option<ApiVersion>,
}

impl VersionedApi {
    /// An API without versions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a version.
    #[must_use]
    pub fn version(mut self, version: ApiVersion, policy: Policy, routes: Routes) -> Self {
        self.versions.push((version, policy, routes));
        self.versions.sort_by(|a, b| a.0.cmp(&b.0));
        self
    }

    /// Routes that are the same in every version, and need none to be named.
    #[must_use]
    pub fn neutral(mut self, routes: Routes) -> Self {
        self.neutral = self.neutral.merge(routes);
        self
    }

    /// Takes this version where a request names none. Without it such a request is refused.
    #[must_use]
    pub fn assume(mut self, version: ApiVersion) -> Self {
        self.assumed = Some(version);
        self
    }

    /// A router that serves the API below `root`, such as `/api`: `root/v1/…` names the version in the path.
    pub fn at(self, root: &str) -> Router {
        let api = Arc::new(self);
        let prefix: Arc<str> = root.into();
        let serve = move |request: Request| {
            let (api, prefix) = (Arc::clone(&api), Arc::clone(&prefix));
            async move { api.serve(&prefix, request).await }
        };
        Router::new().route(&format!("{root}/{{*path}}"), any(serve))
    }

    async fn serve(&self, root: &str, mut request: Request) -> Response {
        let whole = request.uri().path().strip_prefix(root).unwrap_or_default().to_owned();
        let (segment, path) = split_version(&whole);
        let asked = Asked::read(segment, request.uri(), request.headers());
        let chosen = match self.choose(&asked, path, request.headers().contains_key(header::CONTENT_TYPE)) {
            Ok(chosen) => chosen,
            Err(refused) => return self.told(path, None, refused.into_response()),
        };
        let router = chosen.map_or(&self.neutral, |(_, _, routes)| routes).router().clone();
        if let Some(uri) = with_path(request.uri(), path) {
            let original = std::mem::replace(request.uri_mut(), uri);
            // What the outer route has captured would count as a parameter of the inner one; what a WebSocket needs stays.
            let upgrade = request.extensions_mut().remove::<OnUpgrade>();
            request.extensions_mut().clear();
            request.extensions_mut().insert(OriginalUri(original));
            if let Some(upgrade) = upgrade {
                request.extensions_mut().insert(upgrade);
            }
        }
        let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
        self.told(path, chosen.map(|(_, policy, _)| policy), response)
    }

    /// The version that serves a request; `None` for routes that are the same in all.
    #[allow(clippy::type_complexity)] // One element of `versions`, borrowed.
    fn choose(
        &self,
        asked: &Asked,
        path: &str,
        has_body: bool,
    ) -> Result<Option<&(ApiVersion, Policy, Routes)>, Refused> {
        if self.neutral.has(path) {
            return Ok(None);
        }
        let known = self.versions.iter().any(|(_, _, routes)| routes.has(path));
        let refuse = |status, code, detail| Err(Refused::Version(Refusal { status, code, detail }));
        let bad = |in_path: bool| if in_path { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
        let version = match (asked.wish(), &self.assumed) {
            (Wish::Version(version), _) => version,
            _ if !known => return Err(Refused::NoSuchPath),
            (Wish::None, Some(assumed)) => assumed.clone(),
            (Wish::None, None) => {
                let detail = "an API version is required, and none was named: write it into the path (/v1/), the query (?api-version=1.0), the header api-version, or the media type (; v=1.0)";
                return refuse(StatusCode::BAD_REQUEST, Code::ApiVersionUnspecified, detail.to_owned());
            }
            (Wish::Malformed(text), _) => {
                let detail = format!("`{text}` is no API version");
                return refuse(bad(asked.is_in_path()), Code::InvalidApiVersion, detail);
            }
            (Wish::Ambiguous(texts), _) => {
                let detail = format!("several API versions were named: {}", texts.join(", "));
                return refuse(StatusCode::BAD_REQUEST, Code::AmbiguousApiVersion, detail);
            }
        };
        if let Some(found) = self.versions.iter().find(|(v, _, routes)| *v == version && routes.has(path)) {
            return Ok(Some(found));
        }
        if !known && self.versions.iter().any(|(v, ..)| *v == version) {
            return Err(Refused::NoSuchPath);
        }
        let status = match (asked.is_in_path(), asked.is_in_media_types_alone()) {
            (true, _) => StatusCode::NOT_FOUND,
            (_, true) if has_body => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            (_, true) => StatusCode::NOT_ACCEPTABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        let there: Vec<_> = self.serving(path).map(|(version, _)| version.to_string()).collect();
        let there = if there.is_empty() { String::new() } else { format!("; there is {}", there.join(", ")) };
        refuse(status, Code::UnsupportedApiVersion, format!("API version {version} is not supported here{there}"))
    }

    /// The versions that have a path; all of them where none has it.
    fn serving<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a ApiVersion, &'a Policy)> {
        let known = self.versions.iter().any(|(_, _, routes)| routes.has(path));
        self.versions
            .iter()
            .filter(move |(_, _, routes)| !known || routes.has(path))
            .map(|(version, policy, _)| (version, policy))
    }

    fn told(&self, path: &str, policy: Option<&Policy>, mut response: Response) -> Response {
        report(self.serving(path), response.headers_mut());
        if let Some(policy) = policy {
            policy.tell(response.headers_mut());
        }
        response
    }
}

/// Why no version serves a request.
enum Refused {
    Version(Refusal),
    NoSuchPath,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Version(refusal) => refusal.into_response(),
            Self::NoSuchPath => {
                let body = serde_json::json!({
                    "type": "about:blank",
                    "title": "Not Found",
                    "status": 404,
                    "code": "not_found",
                    "detail": "the API has no such path in any version",
                });
                let kind = [(header::CONTENT_TYPE, "application/problem+json")];
                (StatusCode::NOT_FOUND, kind, body.to_string()).into_response()
            }
        }
    }
}

/// `/v1/cameras` as the version `1` and `/cameras`. A first segment counts as a version when a digit follows its `v`.
fn split_version(path: &str) -> (Option<&str>, &str) {
    let rest = path.strip_prefix('/').unwrap_or(path);
    let (first, tail) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match first.strip_prefix(['v', 'V']) {
        Some(version) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            (Some(version), if tail.is_empty() { "/" } else { tail })
        }
        _ => (None, path),
    }
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{path}{query}")).ok()?);
    Uri::from_parts(parts).ok()
}
