//! `parapet init`: a site to start from. It asks nothing, passes the check, and runs as it is.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use parapet_config::FileKind;

use super::{WRONG_INPUT, say, tell};

/// Write a site to start from.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The folder to write it into; made when it is not there. No file in it is overwritten.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// The files of the site, by their paths in it.
const FILES: [(&str, &str); 6] = [
    ("site.yaml", include_str!("init/site.yaml")),
    ("cameras/test.yaml", include_str!("init/camera.yaml")),
    ("models/none.yaml", include_str!("init/model.yaml")),
    ("rules/intruder.yaml", include_str!("init/rule.yaml")),
    ("media/README.md", include_str!("init/media.md")),
    (".gitignore", "# What the site writes while it runs.\n/data/\n"),
];

/// Runs the command: exit code 2 when a file is in the way.
///
/// # Errors
/// When the folder can't be written.
pub fn run(args: InitArgs) -> anyhow::Result<ExitCode> {
    let dir = args.dir;
    let files = files()?;
    let in_the_way = in_the_way(&dir, &files);
    if !in_the_way.is_empty() {
        tell(&format!("{} has these files already, and none is overwritten: {}", dir.display(), in_the_way.join(", ")));
        tell("choose another folder, or move them away");
        return Ok(ExitCode::from(WRONG_INPUT));
    }
    write(&dir, &files).with_context(|| format!("{} can't be written", dir.display()))?;
    for line in [
        format!(
            "A site lies in {}: a camera that the machine makes up, a model that sees nothing, and a rule.",
            dir.display()
        ),
        format!("  parapet check --config {0}    tells what is wrong with its files", dir.display()),
        format!("  parapet run --config {0}      runs it; then see http://127.0.0.1:8080", dir.display()),
        "Your own camera and model: see the comments in cameras/test.yaml and models/none.yaml.".to_owned(),
    ] {
        say(&line);
    }
    Ok(ExitCode::SUCCESS)
}

/// Every file that is written, by its path in the site.
fn files() -> anyhow::Result<Vec<(String, String)>> {
    let mut files: Vec<(String, String)> =
        FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    for kind in FileKind::ALL {
        // Editors find it by the first line of each file.
        let schema = serde_json::to_string_pretty(parapet_config::schema(kind))?;
        files.push((format!(".schema/{}.json", kind.name()), schema + "\n"));
    }
    Ok(files)
}

/// The files that there are already: ours, and those with a site's name in its other spelling.
fn in_the_way(dir: &Path, files: &[(String, String)]) -> Vec<String> {
    let names = files.iter().map(|(name, _)| name.as_str()).chain(["site.yml"]);
    names.filter(|name| dir.join(name).symlink_metadata().is_ok()).map(str::to_owned).collect()
}

fn write(dir: &Path, files: &[(String, String)]) -> anyhow::Result<()> {
    for (name, text) in files {
        create(&dir.join(name), text)?;
    }
    for folder in FileKind::ALL.into_iter().filter_map(FileKind::folder) {
        fs::create_dir_all(dir.join(folder))?;
    }
    Ok(())
}

fn create(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::File::create_new(path)?.write_all(text.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parapet_config::{Secrets, load};
    use parapet_contracts::ports::probe::NoProbe;

    use super::*;

    #[test]
    fn the_site_passes_the_check_and_every_commented_line_is_right_too() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &files().unwrap()).unwrap();
        let loaded = load(dir.path(), &NoProbe, &Secrets::standard()).unwrap();
        assert_eq!(loaded.warnings, []);
        assert_eq!((loaded.config.cameras.len(), loaded.config.models.len(), loaded.config.rules.len()), (1, 1, 1));
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let mine = dir.path().join("cameras/test.yaml");
        fs::create_dir_all(mine.parent().unwrap()).unwrap();
        fs::write(&mine, "mine").unwrap();
        run(InitArgs { dir: dir.path().to_owned() }).unwrap();
        assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
        assert!(!dir.path().join("site.yaml").exists());
    }

    /// Text behind `#:` is an alternative that a user may uncomment; it must be valid.
    #[test]
    fn what_the_comments_offer_is_valid() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &files().unwrap()).unwrap();
        let mut offered = 0;
        for (name, text) in FILES.iter().filter(|(name, _)| name.ends_with(".yaml")) {
            let alternative: Vec<String> =
                text.lines().filter_map(|line| line.strip_prefix("#: ")).map(str::to_owned).collect();
            if !alternative.is_empty() {
                offered += 1;
                let path = dir.path().join(name).with_file_name("alternative.yaml");
                fs::write(path, alternative.join("\n")).unwrap();
            }
        }
        assert_eq!(offered, 2, "a camera and a model are offered");
        fs::write(dir.path().join("models/people.onnx"), "x").unwrap();
        fs::write(dir.path().join("password"), "x").unwrap();
        fs::rename(dir.path().join("models/alternative.yaml"), dir.path().join("models/people.yaml")).unwrap();
        let loaded = load(dir.path(), &NoProbe, &Secrets::standard()).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!((loaded.config.cameras.len(), loaded.config.models.len()), (2, 2));
    }
}
