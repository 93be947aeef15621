//! The store of a site that does not run, found by the site's folder.

use std::path::Path;

use anyhow::{anyhow, bail};
use parapet_config::SiteConfig;
use parapet_contracts::ports::probe::NoProbe;
use parapet_store_rocksdb::{RocksStore, StoreOptions};

/// What the site's files say.
///
/// # Errors
/// When they have errors.
pub fn config(folder: &Path) -> anyhow::Result<SiteConfig> {
    let secrets = crate::secrets::without_vault();
    let loaded = parapet_config::load(folder, &NoProbe, &secrets).map_err(|problems| anyhow!("{problems}"))?;
    Ok(loaded.config)
}

/// Opens it.
///
/// # Errors
/// When the folder holds no site, or the site has no store or is running and has it.
pub fn open(folder: &Path) -> anyhow::Result<RocksStore> {
    let config = config(folder)?;
    let path = &config.site.store.path;
    if !path.join("CURRENT").exists() {
        bail!("there is no store in {}", path.display());
    }
    Ok(RocksStore::open(path, StoreOptions::default())?)
}
