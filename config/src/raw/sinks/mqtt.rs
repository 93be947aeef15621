//! `sink: {mqtt: …}`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    raw::{PathText, RawTls, SecretText, Text},
    units::Span,
};

/// A bridge to another broker. An event keeps its topic, behind `prefix`. What the broker refuses with a reason code goes to the
/// dead letters; when it forgets its sessions nothing is lost, since what it had not acknowledged is sent again.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMqttSink {
    /// Its address: `mqtt://HOST[:1883]` or `mqtts://HOST[:8883]`.
    #[schemars(extend("examples" = ["mqtts://mqtt.example.org"]))]
    #[schemars(required)]
    pub broker: Option<Text>,
    /// What stands before the topic of each event, such as `sites/`.
    pub prefix: Option<Text>,
    /// The user at the broker.
    pub username: Option<SecretText>,
    /// The password at the broker.
    pub password: Option<SecretText>,
    /// A file with a Kubernetes service account token, in the place of user and password (`K8S-SAT`, as for `bus`).
    pub token_file: Option<PathText>,
    /// The client's id at the broker; `parapet-`, the site's id and the uploader's when absent.
    pub client_id: Option<Text>,
    /// TLS to a `mqtts://` broker.
    pub tls: Option<RawTls>,
    /// The most events that wait for their acknowledgement at a time: after a lost connection at most so many come twice.
    #[serde(default = "in_flight")]
    #[schemars(range(min = 1, max = 1_000))]
    pub in_flight: u16,
    /// A connection on which an acknowledgement takes longer is given up.
    #[serde(default = "patience")]
    #[schemars(extend("x-min" = "1s", "x-max" = "10m"))]
    pub timeout: Span,
}

fn in_flight() -> u16 {
    64
}

fn patience() -> Span {
    Span(Duration::from_secs(30))
}
