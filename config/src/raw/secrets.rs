//! `secrets:` in `site.yaml`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{PathText, RawEntra, Text};
use crate::units::Span;

/// Where `${…}` takes values from, besides `${env:NAME}` and `${file:/path}`, which need no settings. A value that changes restarts the actor
/// whose file uses it, and nothing else.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawSecrets {
    /// Where secrets of Kubernetes are mounted, each as a folder of its name: `${kubernetes:NAME/KEY}`.
    pub mounts: PathText,
    /// The vault of `${keyvault:NAME}`.
    pub keyvault: Option<RawKeyVault>,
}

impl Default for RawSecrets {
    fn default() -> Self {
        Self { mounts: "/var/run/secrets/parapet".into(), keyvault: None }
    }
}

/// Azure Key Vault. Values are kept in memory, never on the disk: while the vault is away the last value serves, and after a start without it what needs a
/// value waits for it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawKeyVault {
    /// The vault's address.
    #[schemars(extend("examples" = ["https://harbour.vault.azure.net"]))]
    #[schemars(required)]
    pub url: Option<Text>,
    /// Who the site is there. It needs the role "Key Vault Secrets User".
    #[schemars(required)]
    pub entra: Option<RawEntra>,
    /// How often the values are asked for again.
    #[serde(default = "refresh")]
    #[schemars(extend("x-min" = "1s", "x-max" = "1d"))]
    pub refresh: Span,
    /// How long an answer may take.
    #[serde(default = "patience")]
    #[schemars(extend("x-min" = "100ms", "x-max" = "1m"))]
    pub timeout: Span,
}

fn refresh() -> Span {
    Span(Duration::from_secs(300))
}

fn patience() -> Span {
    Span(Duration::from_secs(10))
}
