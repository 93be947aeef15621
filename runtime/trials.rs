//! Shadows and canaries in a site's folder: what becomes of their files when they are promoted or dropped.
//!
//! It promises: each change of a file is whole or has not happened, also after a power cut; a running site takes the change in as any other, so that
//! a promoted model takes the other one's place without a frame that nobody looks at.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use parapet_config::{Model, SiteConfig, load};

use crate::{probe::OnnxProbe, secrets::without_vault};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// There is no such shadow or canary.
    #[error("{0}")]
    NoSuch(String),
    /// The folder, or the file, is not fit for it.
    #[error("{0:#}")]
    Unfit(anyhow::Error),
}

impl From<anyhow::Error> for TrialError {
    fn from(error: anyhow::Error) -> Self {
        Self::Unfit(error)
    }
}

/// A model on trial: a shadow or a canary.
struct Trial {
    file: PathBuf,
    /// The key that makes it one.
    key: &'static str,
    /// The model that it might replace.
    of: String,
}

/// Puts a shadow or a canary in the place of the other model: its file, without what makes it one, takes that one's place. Returns what was
/// done, for people.
///
/// # Errors
/// When there is no such model on trial, its file must be changed by hand, or the files can't be written.
pub fn promote(folder: &Path, id: &str) -> Result<String, TrialError> {
    let Trial { file, key, of } = find(folder, id)?;
    let target = folder.join(format!("models/{of}.yaml"));
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let promoted = without(&text, key).with_context(|| {
        format!("{}: `{key}` does not begin a line of its own: remove it by hand, and rename the file", file.display())
    })?;
    replace(&target, &promoted)?;
    remove(&file)?;
    let (target, file) = (target.display(), file.display());
    Ok(format!("{target} says now what {file} said; a running site takes it in when it is found good"))
}

/// Removes the file of a shadow or a canary. Returns what was done, for people.
///
/// # Errors
/// When there is no such model on trial, or its file can't be removed.
pub fn drop_it(folder: &Path, id: &str) -> Result<String, TrialError> {
    let Trial { file, of, .. } = find(folder, id)?;
    remove(&file)?;
    Ok(format!("{} is gone; {of} is what it was", file.display()))
}

fn remove(file: &Path) -> anyhow::Result<()> {
    fs::remove_file(file).with_context(|| file.display().to_string())
}

fn find(folder: &Path, id: &str) -> Result<Trial, TrialError> {
    let loaded = load(folder, &OnnxProbe, &without_vault())
        .map_err(|problems| anyhow::anyhow!("{problems}"))
        .context("the site's files have errors, mend them first")?;
    let config: &SiteConfig = &loaded.config;
    let found = config.models.values().find(|model| model.id.as_str() == id).and_then(|model| on_trial(model));
    let Some((key, of)) = found else {
        let known: Vec<_> =
            config.models.values().filter(|model| on_trial(model).is_some()).map(|model| model.id.as_str()).collect();
        let known =
            if known.is_empty() { "there is none".to_owned() } else { format!("there are {}", known.join(", ")) };
        return Err(TrialError::NoSuch(format!("{} has no shadow or canary `{id}`: {known}", folder.display())));
    };
    Ok(Trial { file: folder.join(format!("models/{id}.yaml")), key, of })
}

fn on_trial(model: &Model) -> Option<(&'static str, String)> {
    let shadow = model.shadow.as_ref().map(|shadow| ("shadow", shadow.of.to_string()));
    shadow.or_else(|| model.canary.as_ref().map(|canary| ("canary", canary.of.to_string())))
}

/// A file's text without a key and what belongs to it; `None` when the key does not begin a line.
fn without(text: &str, key: &str) -> Option<String> {
    let mut kept = String::new();
    let (mut found, mut inside) = (false, false);
    for line in text.split_inclusive('\n') {
        if line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')) {
            (found, inside) = (true, true);
            continue;
        }
        // What is deeper, or empty, belongs to the key before.
        inside = inside && (line.starts_with([' ', '\t']) || line.trim().is_empty());
        if !inside {
            kept.push_str(line);
        }
    }
    found.then_some(kept)
}

/// Writes a file so that whoever reads it sees the old text or the new one, whole, also after a power cut.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".promoted-").tempfile_in(folder)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    if let Ok(old) = fs::metadata(path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path).with_context(|| path.display().to_string())?;
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_with_all_that_belongs_to_it_and_nothing_else() {
        let kept = Some("file: a.onnx\nslots: 2\n".to_owned());
        for text in [
            "file: a.onnx\nshadow: {of: people, share: 0.1}\nslots: 2\n",
            "file: a.onnx\nshadow:\n  of: people\n\n  share: 0.1\nslots: 2\n",
            "shadow: {of: people,\n  share: 0.1}\nfile: a.onnx\nslots: 2\n",
        ] {
            assert_eq!(without(text, "shadow"), kept, "{text}");
            assert_eq!(without(&text.replace("shadow", "canary"), "canary"), kept, "{text}");
            assert_eq!(without(text, "canary"), None, "{text}");
        }
        assert_eq!(without("{file: a.onnx, shadow: {of: people}}", "shadow"), None);
        assert_eq!(without("# shadow: not this\nshadows: 1\nfile: a.onnx\n", "shadow"), None);
    }
}
