//! `entra:`: who the site is at Microsoft Entra ID.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PathText, SecretText, Text};

/// Who the site is at Microsoft Entra ID.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawEntra {
    /// What kind of identity it is; `secret` when there is a `client_secret`.
    pub identity: Option<RawIdentity>,
    /// The directory: its id or its domain. Of a workload what the environment says (`AZURE_TENANT_ID`) when absent.
    #[schemars(extend("examples" = ["72f988bf-86f1-41af-91ab-2d7cd011db47"]))]
    pub tenant: Option<Text>,
    /// The application's id. Of a workload what the environment says (`AZURE_CLIENT_ID`), of a machine its own identity when absent.
    pub client_id: Option<Text>,
    /// The application's secret.
    pub client_secret: Option<SecretText>,
    /// Where a workload's token lies; what the environment says (`AZURE_FEDERATED_TOKEN_FILE`) when absent.
    pub token_file: Option<PathText>,
    /// Where tokens are asked for, when it is not Azure's public cloud. Not for `managed`.
    #[schemars(extend("examples" = ["https://login.microsoftonline.us"]))]
    pub authority: Option<Text>,
}

/// A kind of identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawIdentity {
    /// An application with a secret.
    Secret,
    /// A workload in Kubernetes, whose own token is exchanged.
    Workload,
    /// The identity of the machine: of a virtual machine, of App Service, or of a server with the agent of Azure Arc.
    Managed,
}
