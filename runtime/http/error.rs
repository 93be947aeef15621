//! Errors as answers: problem details (RFC 9457).

use axum::{
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use parapet_contracts::ports::{evidence::EvidenceError, store::StoreError};

/// An error that a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl Problem {
    /// A stable word.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// What is wrong, for people.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// There is no such thing.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not_found", detail: what.into() }
    }

    /// The request can't be understood.
    pub fn bad_request(what: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "bad_request", detail: what.into() }
    }

    /// Whoever asks may not.
    pub fn forbidden(what: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, code: "forbidden", detail: what.into() }
    }

    /// The thing is not in a state for it.
    pub fn conflict(what: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, code: "conflict", detail: what.into() }
    }

    /// It was there once, and is no more.
    pub fn gone(what: impl Into<String>) -> Self {
        Self { status: StatusCode::GONE, code: "gone", detail: what.into() }
    }

    /// It comes too fast.
    pub fn too_many(what: impl Into<String>) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, code: "too_fast", detail: what.into() }
    }

    /// It is too much at once.
    pub fn too_large(what: impl Into<String>) -> Self {
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, code: "too_large", detail: what.into() }
    }

    /// It did not come in time.
    pub fn timed_out(what: impl Into<String>) -> Self {
        Self { status: StatusCode::REQUEST_TIMEOUT, code: "timed_out", detail: what.into() }
    }

    /// It may work later.
    pub fn unavailable(what: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "unavailable", detail: what.into() }
    }

    /// Something here has failed.
    pub fn internal(what: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, code: "internal", detail: what.into() }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error.code {
            "bad_cursor" => Self::bad_request(error.text),
            code => Self { status: StatusCode::SERVICE_UNAVAILABLE, code, detail: error.text },
        }
    }
}

impl From<EvidenceError> for Problem {
    fn from(error: EvidenceError) -> Self {
        let status = if error.code == "not_found" { StatusCode::NOT_FOUND } else { StatusCode::SERVICE_UNAVAILABLE };
        Self { status, code: error.code, detail: error.text }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
    }
}

/// A path that leads nowhere.
pub async fn no_such_route(uri: Uri) -> Problem {
    Problem::not_found(format!("there is no {}; the API lives under /api/v1", uri.path()))
}
