//! `remote:` in `site.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretText;

/// Remote control over MQTT 5 request and response. Off unless clients are named.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawRemote {
    /// Who may command, by name.
    pub clients: BTreeMap<String, RawRemoteClient>,
}

/// Somebody who may command.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRemoteClient {
    /// The key that the client signs its requests with: 16 characters at least. The site relies on it alone, not on who the broker lets publish.
    #[schemars(required)]
    pub key: Option<SecretText>,
    /// What the client may ask for.
    #[schemars(length(min = 1))]
    pub may: Vec<RawRemoteCommand>,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawRemoteCommand {
    /// Enable or disable a camera: it is written into the camera's file.
    Camera,
    /// Hold alerts back for a time.
    Silence,
    /// Take notice of an alert.
    Acknowledge,
    /// See what a camera shows now.
    Snapshot,
}
