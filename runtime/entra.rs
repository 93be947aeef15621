//! Who a site is at Entra ID, from what its files say.

use parapet_config::EntraConfig;
use parapet_entra::{Identity, ManagedEndpoint, PUBLIC_CLOUD};

/// Who the site is.
///
/// # Errors
/// When the environment does not say who a workload is.
pub(crate) fn identity(config: EntraConfig) -> Result<Identity, String> {
    Ok(match config {
        EntraConfig::Secret { tenant, client_id, secret, authority } => {
            let authority = authority.unwrap_or_else(|| PUBLIC_CLOUD.to_owned());
            Identity::ClientSecret { tenant, client: client_id, secret, authority }
        }
        EntraConfig::Workload { tenant, client_id, token_file, authority } => {
            Identity::workload(tenant, client_id, token_file, authority)?
        }
        EntraConfig::Managed { client_id } => {
            Identity::Managed { client: client_id, endpoint: ManagedEndpoint::of_environment() }
        }
    })
}
