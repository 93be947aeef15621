//! `${kubernetes:NAME/KEY}`: a key of a secret that is mounted into the pod as a folder.
//!
//! The kubelet writes a new version into a folder of its own and then swaps the link `..data`, so all keys of a secret change at once. Links are
//! followed when files are looked at, so the swap shows, and whoever uses a value gets the new one.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::{NoSecret, SecretProvider, SecretSettings, text_of};

/// See the module.
#[derive(Debug)]
pub struct Mounts {
    folder: Mutex<PathBuf>,
}

impl Default for Mounts {
    fn default() -> Self {
        Self { folder: Mutex::new(SecretSettings::default().mounts) }
    }
}

impl Mounts {
    fn path(&self, name: &str, site: &Path) -> Option<PathBuf> {
        // As Kubernetes says: a DNS name, and a key of letters, digits, `-`, `_` and `.`.
        let plain = |part: &str| {
            !part.is_empty()
                && part.len() <= 253
                && !part.starts_with("..")
                && part != "."
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        let (secret, key) = name.split_once('/')?;
        (plain(secret) && plain(key)).then(|| site.join(&*self.folder.lock()).join(secret).join(key))
    }
}

impl SecretProvider for Mounts {
    fn scheme(&self) -> &str {
        "kubernetes"
    }

    fn configure(&self, settings: &SecretSettings) {
        self.folder.lock().clone_from(&settings.mounts);
    }

    fn read(&self, name: &str, site: &Path) -> Result<String, NoSecret> {
        let path = self.path(name, site).ok_or("write the secret's name and a key of it: `SECRET/KEY`")?;
        let folder = path.parent().unwrap_or(site);
        if !folder.is_dir() {
            let shown = folder.display();
            return Err(NoSecret::Wrong(format!(
                "no secret is mounted at {shown}: add a volume, or name another folder as `secrets: {{mounts: …}}` in site.yaml"
            )));
        }
        if !path.exists() {
            return Err(NoSecret::Wrong(format!("the secret at {} has no such key", folder.display())));
        }
        text_of(&path).map_err(NoSecret::Wrong)
    }

    fn watched(&self, name: &str, site: &Path) -> Option<PathBuf> {
        self.path(name, site)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn mounts(folder: &Path) -> Mounts {
        let mounts = Mounts::default();
        mounts.configure(&SecretSettings { mounts: folder.to_owned(), vault: None });
        mounts
    }

    #[test]
    fn a_key_of_a_mounted_secret_is_read_and_nothing_else_is() {
        let root = tempfile::tempdir().unwrap();
        let version = root.path().join("camera/..2026_11_25");
        std::fs::create_dir_all(&version).unwrap();
        std::fs::write(version.join("password"), "first\n").unwrap();
        std::os::unix::fs::symlink("..2026_11_25", root.path().join("camera/..data")).unwrap();
        std::os::unix::fs::symlink("..data/password", root.path().join("camera/password")).unwrap();
        std::fs::write(root.path().join("outside"), "canary").unwrap();
        let mounts = mounts(root.path());
        let read = |name: &str| mounts.read(name, Path::new("/site"));
        assert_eq!(read("camera/password").unwrap(), "first");
        for bad in [
            "camera",
            "camera/",
            "/password",
            "../outside",
            "camera/../outside",
            "camera/..data",
            "..",
            "a/b/c",
            "camera/other",
            "nobody/x",
        ] {
            let NoSecret::Wrong(why) = read(bad).unwrap_err() else { panic!("{bad}") };
            assert!(!why.contains("canary"), "{why}");
        }
    }
}
