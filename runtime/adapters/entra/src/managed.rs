//! The identity of a machine, from the endpoint that the machine has for it.
//!
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>,
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity>,
//! <https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication>

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use parapet_contracts::{ErrorKind, Secret};
use reqwest::{
    Client,
    header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE},
};
use url::Url;

use crate::{
    EntraError, answer,
    request::{away, exchange, send},
    variable,
};

const METADATA: &str = "/metadata/identity/oauth2/token";
const VIRTUAL_MACHINE: &str = "http://169.254.169.254";
/// Where the agent of Azure Arc listens, and what shows that it is there.
const ARC: &str = "http://127.0.0.1:40342/metadata/identity/oauth2/token";
const ARC_AGENT: &str = "/opt/azcmagent/bin/himds";
/// Where the agent puts the proofs that whoever asks may read files of this machine.
const ARC_KEYS: &str = "/var/opt/azcmagent/tokens";
const LARGEST_KEY: u64 = 4096;

/// Who gives out the identity of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManagedEndpoint {
    /// The metadata service of a virtual machine, by its origin.
    VirtualMachine(String),
    /// App Service, Container Apps and what is like them.
    AppService {
        /// Its address.
        url: String,
        /// What shows that whoever asks runs there.
        header: Secret,
    },
    /// The agent of Azure Arc on a server anywhere.
    Arc {
        /// Its address.
        url: String,
        /// The folder that its proofs must lie in.
        keys: PathBuf,
    },
}

impl ManagedEndpoint {
    /// The one that this machine has, as its environment says.
    pub fn of_environment() -> Self {
        match (variable("IDENTITY_ENDPOINT"), variable("IDENTITY_HEADER"), variable("IMDS_ENDPOINT")) {
            (Some(url), Some(header), _) => Self::AppService { url, header: Secret::new(header) },
            (Some(url), None, Some(_)) => Self::Arc { url, keys: ARC_KEYS.into() },
            _ if Path::new(ARC_AGENT).exists() => Self::Arc { url: ARC.to_owned(), keys: ARC_KEYS.into() },
            _ => {
                let other = variable("AZURE_POD_IDENTITY_AUTHORITY_HOST");
                Self::VirtualMachine(other.unwrap_or_else(|| VIRTUAL_MACHINE.to_owned()))
            }
        }
    }

    fn shown(&self) -> &'static str {
        match self {
            Self::VirtualMachine(_) => "the machine's metadata service",
            Self::AppService { .. } => "the service's identity endpoint",
            Self::Arc { .. } => "the agent of Azure Arc",
        }
    }

    /// The address of the request for a token.
    fn address(&self, client: Option<&str>, scope: &str) -> Result<Url, EntraError> {
        let (base, version) = match self {
            Self::VirtualMachine(origin) => (format!("{}{METADATA}", origin.trim_end_matches('/')), "2018-02-01"),
            Self::AppService { url, .. } => (url.clone(), "2019-08-01"),
            Self::Arc { url, .. } => (url.clone(), "2020-06-01"),
        };
        let wrong =
            |_| EntraError::new(ErrorKind::Fatal, "unauthorised", format!("{} has no usable address", self.shown()));
        let mut url = Url::parse(&base).map_err(wrong)?;
        // These endpoints know resources, not scopes.
        let resource = scope.strip_suffix("/.default").unwrap_or(scope);
        url.query_pairs_mut().append_pair("api-version", version).append_pair("resource", resource);
        if let Some(client) = client {
            url.query_pairs_mut().append_pair("client_id", client);
        }
        Ok(url)
    }
}

/// A token of the machine, and how long it lives.
pub(crate) async fn ask(
    http: &Client,
    endpoint: &ManagedEndpoint,
    client: Option<&str>,
    scope: &str,
) -> Result<(Secret, Duration), EntraError> {
    let (url, shown) = (endpoint.address(client, scope)?, endpoint.shown());
    match endpoint {
        ManagedEndpoint::VirtualMachine(_) => send(http.get(url).header("Metadata", "true"), shown, &[]).await,
        ManagedEndpoint::AppService { header, .. } => {
            let request = http.get(url).header("X-IDENTITY-HEADER", hidden(header.expose(), shown)?);
            send(request, shown, &[header.expose()]).await
        }
        ManagedEndpoint::Arc { keys, .. } => {
            let challenge =
                http.get(url.clone()).header("Metadata", "true").send().await.map_err(|error| away(&error, shown))?;
            let status = challenge.status().as_u16();
            if status != 401 {
                let body = challenge.text().await.map_err(|error| away(&error, shown))?;
                return answer::token(status, &body, shown, &[]);
            }
            let field =
                challenge.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let key = proof(field, keys)
                .map_err(|why| EntraError::new(ErrorKind::Fatal, "unauthorised", format!("{shown} {why}")))?;
            let request =
                http.get(url).header("Metadata", "true").header(AUTHORIZATION, hidden(&format!("Basic {key}"), shown)?);
            let (status, body) = exchange(request, shown).await?;
            answer::token(status, &body, shown, &[&key])
        }
    }
}

/// A header's value that shows nowhere.
fn hidden(value: &str, shown: &str) -> Result<HeaderValue, EntraError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        EntraError::new(ErrorKind::Fatal, "unauthorised", format!("what {shown} wants to see can't be sent"))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What the file holds that the agent's challenge names. Only a file of the agent's own folder is read: whoever else listens on the port must
/// not be able to ask for the content of any other.
fn proof(challenge: &str, keys: &Path) -> Result<String, String> {
    let named = challenge.split_once('=').filter(|(scheme, _)| scheme.trim().eq_ignore_ascii_case("basic realm"));
    let Some((_, path)) = named else { return Err("asks for a proof of a kind that is not known".to_owned()) };
    let path = Path::new(path.trim().trim_matches('"'));
    let unreadable = |error: std::io::Error| {
        format!("names a proof that can't be read (is this user in the group `himds`?): {error}")
    };
    let within =
        path.canonicalize().map_err(unreadable)?.parent() == Some(keys.canonicalize().map_err(unreadable)?.as_path());
    if !within || path.extension().is_none_or(|extension| extension != "key") {
        return Err("names a proof outside of its own folder".to_owned());
    }
    if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST_KEY {
        return Err("names a proof that is too large to be one".to_owned());
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_proof_of_the_agents_own_folder_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("tokens");
        std::fs::create_dir(&keys).unwrap();
        std::fs::write(keys.join("a.key"), "proof").unwrap();
        std::fs::write(keys.join("a.txt"), "canary").unwrap();
        std::fs::write(keys.join("large.key"), "x".repeat(5000)).unwrap();
        std::fs::write(folder.path().join("b.key"), "canary").unwrap();
        std::os::unix::fs::symlink(folder.path().join("b.key"), keys.join("link.key")).unwrap();
        let of = |path: &Path| proof(&format!("Basic realm={}", path.display()), &keys);
        assert_eq!(of(&keys.join("a.key")), Ok("proof".to_owned()));
        for path in
            ["tokens/a.txt", "tokens/large.key", "b.key", "tokens/../b.key", "tokens/link.key", "tokens/none.key"]
        {
            let told = of(&folder.path().join(path)).unwrap_err();
            assert!(!told.contains("canary"), "{path}: {told}");
        }
        assert!(proof("Bearer x", &keys).is_err() && proof("", &keys).is_err());
    }

    #[test]
    fn each_endpoint_is_asked_in_its_own_way() {
        let scope = "https://vault.azure.net/.default";
        let machine = ManagedEndpoint::VirtualMachine("http://169.254.169.254".to_owned());
        assert_eq!(
            machine.address(Some("c"), scope).unwrap().as_str(),
            "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net&client_id=c"
        );
        let service = ManagedEndpoint::AppService {
            url: "http://127.0.0.1:4141/MSI/token/?".to_owned(),
            header: Secret::new("h"),
        };
        assert!(
            service
                .address(None, scope)
                .unwrap()
                .as_str()
                .ends_with("api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net")
        );
    }
}
