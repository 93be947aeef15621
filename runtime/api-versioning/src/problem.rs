//! Answers to requests whose version can't be served: problem details (RFC 9457), with the codes and statuses of ASP.NET API Versioning.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// What is wrong with the version that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// None was given, and one is needed.
    ApiVersionUnspecified,
    /// It is no version.
    InvalidApiVersion,
    /// There is no such version of what was asked for.
    UnsupportedApiVersion,
    /// Several were given.
    AmbiguousApiVersion,
}

impl Code {
    /// The word in the field `code`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiVersionUnspecified => "ApiVersionUnspecified",
            Self::InvalidApiVersion => "InvalidApiVersion",
            Self::UnsupportedApiVersion => "UnsupportedApiVersion",
            Self::AmbiguousApiVersion => "AmbiguousApiVersion",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::ApiVersionUnspecified => "Unspecified API version",
            Self::InvalidApiVersion => "Invalid API version",
            Self::UnsupportedApiVersion => "Unsupported API version",
            Self::AmbiguousApiVersion => "Ambiguous API version",
        }
    }

    fn kind(self) -> String {
        let word = match self {
            Self::ApiVersionUnspecified => "unspecified",
            Self::InvalidApiVersion => "invalid",
            Self::UnsupportedApiVersion => "unsupported",
            Self::AmbiguousApiVersion => "ambiguous",
        };
        format!("https://docs.api-versioning.org/problems#{word}")
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its status.
    pub status: StatusCode,
    /// Why.
    pub code: Code,
    /// What to do, for people.
    pub detail: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "type": self.code.kind(),
            "title": self.code.title(),
            "status": self.status.as_u16(),
            "code": self.code.as_str(),
            "detail": self.detail,
        });
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
    }
}
