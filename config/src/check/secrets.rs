//! `secrets:` in `site.yaml`.

use std::path::Path;

use super::{absolute, entra::entra, is_local};
use crate::{
    document::{Document, place},
    raw::{RawKeyVault, RawSecrets, RawSite},
    secrets::{SecretSettings, VaultSettings},
};

/// Where secrets come from; without a vault when what is said about it has an error.
pub(crate) fn secrets(document: &mut Document<RawSite>, raw: RawSecrets, dir: &Path) -> SecretSettings {
    let mounts = absolute(dir, &raw.mounts.0);
    SecretSettings { mounts, vault: raw.keyvault.and_then(|raw| vault(document, raw, dir)) }
}

fn vault(document: &mut Document<RawSite>, raw: RawKeyVault, dir: &Path) -> Option<VaultSettings> {
    let place = place!["secrets", "keyvault", "url"];
    let identity = raw.entra.and_then(|raw| entra(document, &["secrets", "keyvault", "entra"], raw, dir));
    let plain = |url: &url::Url| {
        url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let url = url::Url::parse(&raw.url?.0).ok().filter(plain);
    let fits =
        |url: &url::Url| url.scheme() == "https" || url.scheme() == "http" && url.host_str().is_some_and(is_local);
    let Some(url) = url.filter(fits) else {
        let help = "write `https://NAME.vault.azure.net`";
        document.error(document.at(place), "this is no address of a vault", help);
        return None;
    };
    Some(VaultSettings { url, identity: identity?, refresh: raw.refresh.0, timeout: raw.timeout.0 })
}
