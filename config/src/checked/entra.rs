//! Who a site is at Microsoft Entra ID.

use std::path::PathBuf;

use parapet_contracts::Secret;

/// Who a site is at Microsoft Entra ID.
#[derive(Debug, Clone, PartialEq)]
pub enum EntraConfig {
    /// An application with a secret.
    Secret {
        /// The directory.
        tenant: String,
        /// The application's id.
        client_id: String,
        /// Its secret.
        secret: Secret,
        /// The authority; that of Azure's public cloud when absent.
        authority: Option<String>,
    },
    /// A workload; what is absent is in its environment.
    Workload {
        /// The directory.
        tenant: Option<String>,
        /// The application's id.
        client_id: Option<String>,
        /// Where its token lies.
        token_file: Option<PathBuf>,
        /// The authority.
        authority: Option<String>,
    },
    /// The machine's identity.
    Managed {
        /// The id of one that a user has assigned.
        client_id: Option<String>,
    },
}
