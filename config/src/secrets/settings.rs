//! What `site.yaml` says about secrets, read before anything else is, since everything else may refer to them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::Secrets;
use crate::{check, checked::EntraConfig, document::Document, raw::RawSite, schema::FileKind};

/// Where secrets come from.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretSettings {
    /// The folder of mounted secrets, each a folder: `${kubernetes:NAME/KEY}`.
    pub mounts: PathBuf,
    /// The vault of `${keyvault:NAME}`.
    pub vault: Option<VaultSettings>,
}

/// A vault of Azure.
#[derive(Debug, Clone, PartialEq)]
pub struct VaultSettings {
    /// `https://NAME.vault.azure.net`.
    pub url: url::Url,
    /// Who the site is there.
    pub identity: EntraConfig,
    /// How often values are asked for again.
    pub refresh: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl Default for SecretSettings {
    fn default() -> Self {
        Self { mounts: "/var/run/secrets/parapet".into(), vault: None }
    }
}

/// What a site's file says about secrets; the defaults as far as it can't be understood, which is told when the whole file is read. Here
/// only providers serve that need no settings.
pub(crate) fn settings_in(site_file: &[u8], dir: &Path) -> SecretSettings {
    let (mut inputs, secrets) = (Vec::new(), Secrets::standard());
    let mut document: Document<RawSite> =
        Document::read_part(FileKind::Site, "site.yaml", "secrets", site_file, dir, &secrets, &mut inputs);
    let raw = document.raw.take().map(|site| site.secrets).unwrap_or_default();
    check::secrets(&mut document, raw, dir)
}
