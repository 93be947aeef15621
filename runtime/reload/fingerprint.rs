//! What the files look like from outside, cheaply: names, sizes, times and inodes. Links are followed, so that a swap of a
//! link that a file lies behind shows.

use std::{
    collections::BTreeMap,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The look of all files that make up a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    folder_exists: bool,
    files: BTreeMap<PathBuf, Option<Look>>,
    inputs: BTreeMap<PathBuf, Option<Look>>,
}

/// Device, inode, size, and the times of the last change of content and of metadata, in nanoseconds.
type Look = (u64, u64, u64, i128, i128);

impl Fingerprint {
    /// Looks at the files of a site, and at those that it refers to.
    pub(super) fn of(site: &Path, inputs: &[PathBuf]) -> Self {
        let looks = |paths: Vec<PathBuf>| paths.into_iter().map(|path| (path.clone(), look(&path))).collect();
        Self { folder_exists: site.is_dir(), files: looks(parapet_config::files(site)), inputs: looks(inputs.to_vec()) }
    }

    /// Takes in which files a load has read besides. Those that were known keep their look from before the load, so that a change
    /// during the load still shows. True when one was not known.
    pub(super) fn take_in(&mut self, inputs: &[PathBuf]) -> bool {
        self.inputs.retain(|path, _| inputs.contains(path));
        let known = self.inputs.len();
        for path in inputs {
            self.inputs.entry(path.clone()).or_insert_with(|| look(path));
        }
        self.inputs.len() > known
    }
}

/// How one path looks; `None` when there is nothing.
pub(super) fn look(path: &Path) -> Option<Look> {
    let meta = std::fs::metadata(path).ok()?;
    let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    Some((
        meta.dev(),
        meta.ino(),
        meta.len(),
        nanos(meta.mtime(), meta.mtime_nsec()),
        nanos(meta.ctime(), meta.ctime_nsec()),
    ))
}
