//! What a client is answered, for each way to name a version and each way to get it wrong.
#![allow(clippy::unwrap_used)]

use axum::{
    body::Body,
    extract::OriginalUri,
    http::{HeaderMap, Request, StatusCode},
    routing::{get, post},
};
use http_body_util::BodyExt as _;
use parapet_api_versioning::{ApiVersion, Policy, Routes, VersionedApi};
use tower::ServiceExt as _;

fn api() -> VersionedApi {
    let deprecated = Policy {
        deprecated: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        sunset: Some("2027-01-01T00:00:00Z".parse().unwrap()),
        link: Some("https://example.org/v0".to_owned()),
    };
    let preview = ApiVersion::new(2, 0).with_status("preview").unwrap();
    VersionedApi::new()
        .version("0.9".parse().unwrap(), deprecated, Routes::new().route("/cameras", get(async || "old")))
        .version(
            ApiVersion::new(1, 0),
            Policy::default(),
            Routes::new()
                .route("/cameras", get(async || "one").post(async || "made"))
                .route("/cameras/{id}", get(async |OriginalUri(uri): OriginalUri| uri.to_string()))
                .route("/rules", post(async || "rule")),
        )
        .version(preview, Policy::default(), Routes::new().route("/cameras", get(async || "two")))
        .neutral(Routes::new().route("/versions", get(async || "all")))
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status and the code of a problem.
    fn problem(&self) -> (u16, String) {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["status"], self.status.as_u16());
        (self.status.as_u16(), body["code"].as_str().unwrap().to_owned())
    }
}

async fn ask(api: VersionedApi, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = api.at("/api").oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn got(uri: &str, headers: &[(&str, &str)]) -> Answer {
    ask(api(), "GET", uri, headers).await
}

#[tokio::test]
async fn each_reader_leads_to_the_version() {
    assert_eq!(got("/api/v1/cameras", &[]).await.body, "one");
    assert_eq!(got("/api/v1.0/cameras", &[]).await.body, "one");
    assert_eq!(got("/api/v2-preview/cameras", &[]).await.body, "two");
    assert_eq!(got("/api/cameras?api-version=2.0-preview", &[]).await.body, "two");
    assert_eq!(got("/api/cameras", &[("api-version", "1.0")]).await.body, "one");
    assert_eq!(got("/api/cameras", &[("accept", "application/json; v=1.0")]).await.body, "one");
    assert_eq!(got("/api/v1/cameras?api-version=1.0", &[("api-version", "1")]).await.body, "one");
}

#[tokio::test]
async fn handlers_see_the_path_as_it_was_asked_for() {
    assert_eq!(got("/api/v1/cameras/gate?full=yes", &[]).await.body, "/api/v1/cameras/gate?full=yes");
    assert_eq!(got("/api/cameras/gate", &[("api-version", "1")]).await.body, "/api/cameras/gate");
}

#[tokio::test]
async fn a_neutral_path_needs_no_version() {
    assert_eq!(got("/api/versions", &[]).await.body, "all");
    assert_eq!(got("/api/v1/versions", &[]).await.body, "all");
}

#[tokio::test]
async fn without_a_version_the_request_is_refused_or_one_is_assumed() {
    assert_eq!(got("/api/cameras", &[]).await.problem(), (400, "ApiVersionUnspecified".to_owned()));
    let assuming = api().assume(ApiVersion::new(1, 0));
    assert_eq!(ask(assuming, "GET", "/api/cameras", &[]).await.body, "one");
}

#[tokio::test]
async fn a_malformed_version_is_told() {
    assert_eq!(got("/api/cameras?api-version=one", &[]).await.problem(), (400, "InvalidApiVersion".to_owned()));
    assert_eq!(got("/api/v1.x/cameras", &[]).await.problem(), (404, "InvalidApiVersion".to_owned()));
}

#[tokio::test]
async fn two_versions_are_ambiguous() {
    let answer = got("/api/v1/cameras?api-version=2.0-preview", &[]).await;
    assert_eq!(answer.problem(), (400, "AmbiguousApiVersion".to_owned()));
}

#[tokio::test]
async fn an_unsupported_version_is_answered_as_it_was_asked_for() {
    let code = || "UnsupportedApiVersion".to_owned();
    assert_eq!(got("/api/cameras?api-version=3.0", &[]).await.problem(), (400, code()));
    assert_eq!(got("/api/v3/cameras", &[]).await.problem(), (404, code()));
    assert_eq!(got("/api/cameras", &[("accept", "application/json; v=3.0")]).await.problem(), (406, code()));
    let body = [("content-type", "application/json; v=3.0")];
    assert_eq!(ask(api(), "POST", "/api/rules", &body).await.problem(), (415, code()));
    // A version that is there, but has no such path while another has it.
    assert_eq!(got("/api/rules?api-version=2.0-preview", &[]).await.problem(), (400, code()));
}

#[tokio::test]
async fn a_path_of_no_version_is_not_found() {
    for uri in ["/api/dogs", "/api/v1/dogs", "/api/dogs?api-version=1.0", "/api/v1"] {
        assert_eq!(got(uri, &[]).await.problem(), (404, "not_found".to_owned()), "{uri}");
    }
}

#[tokio::test]
async fn versions_are_reported_with_answers_and_with_refusals() {
    for uri in ["/api/v1/cameras", "/api/cameras", "/api/cameras?api-version=7"] {
        let answer = got(uri, &[]).await;
        assert_eq!(answer.header("api-supported-versions"), "1.0, 2.0-preview", "{uri}");
        assert_eq!(answer.header("api-deprecated-versions"), "0.9", "{uri}");
    }
    assert_eq!(got("/api/v1/cameras/gate", &[]).await.header("api-supported-versions"), "1.0");
}

#[tokio::test]
async fn a_deprecated_version_works_and_says_when_it_ends() {
    let answer = got("/api/v0.9/cameras", &[]).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, "old"));
    assert_eq!(answer.header("deprecation"), "@1767225600");
    assert_eq!(answer.header("sunset"), "Fri, 01 Jan 2027 00:00:00 GMT");
    let links: Vec<_> = answer.headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
    let page = "<https://example.org/v0>";
    assert_eq!(links, [format!("{page}; rel=\"deprecation\""), format!("{page}; rel=\"sunset\"")]);
    let current = got("/api/v1/cameras", &[]).await;
    assert!(current.headers.get("sunset").is_none() && current.headers.get("deprecation").is_none());
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_refused_by_the_path() {
    assert_eq!(ask(api(), "DELETE", "/api/v1/cameras", &[]).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(ask(api(), "POST", "/api/v1/cameras", &[]).await.body, "made");
}
