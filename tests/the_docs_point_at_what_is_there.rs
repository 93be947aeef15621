//! Links in the README and in docs/ lead to files that are there, and the README names the commands that the program has.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
};

use parapet_testkit::command::parapet;
use support::PARAPET;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Markdown files below a folder.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                pages(&path)
            } else if path.extension().is_some_and(|ext| ext == "md") {
                vec![path]
            } else {
                Vec::new()
            }
        })
        .collect()
}

/// The targets of `[text](target)`, without anchors, of those that are no address of the web.
fn targets(text: &str) -> Vec<String> {
    let parts = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let files = parts.map(|target| target.split('#').next().unwrap_or_default());
    files.filter(|target| !target.is_empty() && !target.contains("://")).map(str::to_owned).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    let mut broken = Vec::new();
    for page in pages(&root().join("docs")).into_iter().chain([root().join("README.md")]) {
        for target in targets(&fs::read_to_string(&page).unwrap()) {
            seen += 1;
            if !page.parent().unwrap().join(&target).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(seen > 20, "only {seen} links were found: is the search broken?");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_readme_names_the_commands_that_there_are() {
    let help = parapet(PARAPET, &["--help"]).out;
    let listed = help.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let names =
        listed.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next()).filter(|n| *n != "help");
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split("## Commands").nth(1).unwrap().split("\n## ").next().unwrap();
    let missing: Vec<&str> = names
        .filter(|name| !section.contains(&format!("`{name}")) && !section.contains(&format!("parapet {name}")))
        .collect();
    assert!(missing.is_empty(), "the README does not name {missing:?}");
}
