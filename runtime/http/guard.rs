//! What every answer tells browsers, and which requests of browsers are refused: those that another site's page sends.
//!
//! The API has no login yet, so anything that a browser on this machine can be made to send would be obeyed. What changes something, or opens a
//! socket, must come from a page of this site; a client that is no browser names no origin, and is let through.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::error::Problem;

/// What a page of this site may load: its own files, pictures and video that it made itself, and nothing from elsewhere.
const CONTENT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob: data:; \
                       media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
                       frame-ancestors 'none'";

/// Header fields of every answer.
const FIELDS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the header fields; those that a route has set itself stay.
pub async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in FIELDS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // What is told is true now; what may be kept says so itself.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses what another site's page sends.
pub async fn same_origin(request: Request, next: Next) -> Response {
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let opens = request.headers().contains_key(header::UPGRADE);
    if (!reads || opens) && is_foreign(request.headers()) {
        metrics::counter!("parapet_http_refused_total", "reason" => "foreign_origin").increment(1);
        return Problem::forbidden("the request comes from a page of another site").into_response();
    }
    next.run(request).await
}

/// Whether a browser says that the request comes from elsewhere.
fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    // `null`, and what is no text, is of nobody.
    let from = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    from.is_none() || from != text(header::HOST)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn foreign(fields: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(*name, value.parse().unwrap());
        }
        is_foreign(&headers)
    }

    #[test]
    fn a_page_of_this_site_and_a_client_without_a_page_are_let_through() {
        assert!(!foreign(&[("host", "box:8080")]));
        assert!(!foreign(&[("host", "box:8080"), ("origin", "http://box:8080")]));
        assert!(!foreign(&[("host", "box:8080"), ("origin", "https://box:8080")]), "a proxy ends TLS");
        assert!(!foreign(&[("host", "inner"), ("origin", "https://outer"), ("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn a_page_of_another_site_is_not() {
        for origin in ["http://evil", "http://box:8081", "http://box:8080.evil", "null", ""] {
            assert!(foreign(&[("host", "box:8080"), ("origin", origin)]), "{origin}");
        }
        assert!(foreign(&[("host", "box:8080"), ("sec-fetch-site", "cross-site")]));
        assert!(foreign(&[("host", "box:8080"), ("sec-fetch-site", "same-site")]), "another port of this machine");
    }
}
