//! Where `${…}` takes values from in this build: the environment, files, mounted secrets of Kubernetes, and Azure Key Vault.

mod keyvault;
mod memory;
mod unasked;

use std::sync::Arc;

use parapet_config::Secrets;
use serde::Serialize;

pub use keyvault::VaultStatus;

use self::{keyvault::Vault, unasked::Unasked};

/// The providers of one process, and how they fare. Clones are the same providers: values are asked for once.
#[derive(Clone)]
pub struct SiteSecrets {
    providers: Arc<Secrets>,
    vault: Vault,
}

/// How the providers fare that may be away.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SecretsStatus {
    /// The vault, when the site has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyvault: Option<VaultStatus>,
}

impl SiteSecrets {
    /// All providers. A vault is asked once a file refers to it.
    pub fn new() -> Self {
        let vault = Vault::default();
        Self { providers: Arc::new(Secrets::standard().with(Box::new(vault.clone()))), vault }
    }

    /// For loading.
    pub fn providers(&self) -> &Arc<Secrets> {
        &self.providers
    }

    /// How they fare.
    pub fn status(&self) -> SecretsStatus {
        SecretsStatus { keyvault: self.vault.status() }
    }

    /// Why values are not asked for any more, or never were; `None` when all is well.
    pub fn trouble(&self) -> Option<String> {
        self.vault.status().and_then(|status| status.failing).map(|failing| failing.why)
    }
}

impl Default for SiteSecrets {
    fn default() -> Self {
        Self::new()
    }
}

/// For commands that only want to know where a site is, and leave its vault alone.
pub fn without_vault() -> Secrets {
    Secrets::standard().with(Box::new(Unasked))
}
