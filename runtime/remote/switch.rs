//! `enabled` in a camera's file: written there as a person would, so that files and site agree. Pure, but for [`write`].

use std::path::{Path, PathBuf};

/// The text of a file with another `enabled`, and all the rest as it is. `None` when the file is written in a way in which the key can't be
/// found for sure, as on one line.
fn with(text: &str, enabled: bool) -> Option<String> {
    let flow = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#') && *line != "---");
    if flow.is_some_and(|line| line.starts_with(['{', '[', '"'])) {
        return None;
    }
    let mut found = false;
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("enabled:") {
            Some(rest) if !found => {
                found = true;
                let comment = rest.find('#').map(|at| rest.get(at..).unwrap_or_default().trim_end());
                let comment = comment.map(|comment| format!(" {comment}")).unwrap_or_default();
                let end = if line.ends_with('\n') { "\n" } else { "" };
                out.push_str(&format!("enabled: {enabled}{comment}{end}"));
            }
            _ => out.push_str(line),
        }
    }
    if !found {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&format!("enabled: {enabled}\n"));
    }
    Some(out)
}

/// Writes `enabled` into a camera's file; true when that was news. It blocks as the disk does.
///
/// # Errors
/// In words, when there is no such file or it can't be written.
pub(super) fn write(folder: &Path, camera: &str, enabled: bool) -> Result<bool, String> {
    let path = ["yaml", "yml"]
        .map(|ending| folder.join(format!("cameras/{camera}.{ending}")))
        .into_iter()
        .find(|path| path.exists());
    let path: PathBuf = path.ok_or_else(|| format!("there is no file of the camera `{camera}`"))?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("the camera's file can't be read: {error}"))?;
    let new =
        with(&text, enabled).ok_or("the camera's file is not written line by line: change `enabled` there by hand")?;
    if new == text {
        return Ok(false);
    }
    // Beside it, so that a rename is enough; hidden, so that nobody reads it for a camera.
    let half = path.with_file_name(format!(".{camera}.half-written"));
    let written = std::fs::write(&half, new).and_then(|()| std::fs::rename(&half, &path));
    written.map(|()| true).map_err(|error| {
        format!("the camera's file can't be written: {error}: it may be mounted read only, or come from Git")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_that_key_changes() {
        let of = |text: &str, enabled| with(text, enabled).unwrap();
        assert_eq!(of("source: x\n", false), "source: x\nenabled: false\n");
        assert_eq!(
            of("# gate\nsource: x\nenabled: true # for now\nfps: 5fps", false),
            "# gate\nsource: x\nenabled: false # for now\nfps: 5fps"
        );
        assert_eq!(of("source: x\nmotion:\n  enabled: 1\n", true), "source: x\nmotion:\n  enabled: 1\nenabled: true\n");
        assert_eq!(of("source: x", true), "source: x\nenabled: true\n");
        assert_eq!(with("{source: x}", false), None);
        assert_eq!(with("---\n{source: x}", false), None);
    }

    #[test]
    fn a_file_is_written_whole_and_only_when_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("cameras")).unwrap();
        std::fs::write(dir.path().join("cameras/gate.yaml"), "source: x\n").unwrap();
        assert_eq!(write(dir.path(), "gate", false), Ok(true));
        assert_eq!(write(dir.path(), "gate", false), Ok(false));
        assert!(write(dir.path(), "nobody", false).is_err());
        let names: Vec<_> =
            std::fs::read_dir(dir.path().join("cameras")).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(names, ["gate.yaml"]);
    }
}
