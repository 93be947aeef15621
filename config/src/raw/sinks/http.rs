//! `sink: {http: …}`.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    raw::{SecretText, Text},
    units::{Size, Span},
};

/// A webhook.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawHttpSink {
    /// Where to. It holds no user and password: put them into `headers`.
    #[schemars(extend("examples" = ["https://pager.example.org/hooks/parapet"]))]
    #[schemars(required)]
    pub url: Option<Text>,
    /// Header fields that are added, such as `authorization`. Their values are never shown.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretText>,
    /// Signs each request with this (HMAC-SHA256, as <https://www.standardwebhooks.com> says): `webhook-id`, `webhook-timestamp` and
    /// `webhook-signature` tell the receiver who sent it, and when. A text, or `whsec_` and base64.
    pub secret: Option<SecretText>,
    /// How long an answer may take. Any 2xx confirms; 408, 425, 429 and 5xx are tried again, not before `Retry-After`; every other puts
    /// the event to the dead letters.
    #[serde(default = "answer")]
    #[schemars(extend("x-min" = "100ms", "x-max" = "5m"))]
    pub timeout: Span,
    /// An event that is bigger goes to the dead letters.
    #[serde(default = "largest")]
    #[schemars(extend("x-min" = "1kB"))]
    pub max_body: Size,
}

fn answer() -> Span {
    Span(Duration::from_secs(10))
}

fn largest() -> Size {
    Size(1 << 20)
}
