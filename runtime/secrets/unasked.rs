//! A vault that is not asked.

use std::path::Path;

use parapet_config::{NoSecret, SecretProvider};

/// Stands for the vault in commands that read a site's files and use no secret of them.
pub(super) struct Unasked;

impl SecretProvider for Unasked {
    fn scheme(&self) -> &str {
        "keyvault"
    }

    fn read(&self, _name: &str, _site: &Path) -> Result<String, NoSecret> {
        Ok("not-asked".to_owned())
    }
}
