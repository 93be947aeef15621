//! What the documentation shows is true: the reference is what the code says, and every example in it is a valid file.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::PathBuf;

use common::TestSite;
use parapet_config::reference_markdown;

fn docs(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

/// The YAML blocks of a page whose first line is their path, as files.
fn examples(page: &str) -> Vec<(String, String)> {
    let blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks
        .map(|block| {
            (
                block.lines().next().unwrap().strip_prefix("# ").expect("an example begins with its path").to_owned(),
                block.to_owned(),
            )
        })
        .collect()
}

#[test]
fn the_reference_is_what_the_code_says() {
    let path = docs("configuration.md");
    if std::env::var_os("PARAPET_WRITE_DOCS").is_some() {
        std::fs::write(&path, reference_markdown()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).expect("docs/configuration.md");
    assert!(
        committed == reference_markdown(),
        "docs/configuration.md is out of date: PARAPET_WRITE_DOCS=1 cargo test -p parapet-config --test documentation"
    );
}

#[test]
fn the_examples_of_the_reference_are_a_valid_site() {
    let page = reference_markdown();
    let files = examples(&page);
    assert_eq!(files.len(), 5);
    let site = TestSite::new(&[("models/people.onnx", "x"), ("mqtt", "x")]);
    for (name, text) in &files {
        // The secret's file is elsewhere on a machine that runs tests.
        site.write(name, text.replace("/run/secrets/mqtt", "mqtt").replace("[person, bicycle, car]", "[person, car]"));
    }
    let loaded =
        site.load_with(&[("MQTT_USER", "u"), ("CAMERA_PASSWORD", "p")]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    assert_eq!(
        (
            loaded.config.cameras.len(),
            loaded.config.models.len(),
            loaded.config.rules.len(),
            loaded.config.uploaders.len()
        ),
        (1, 1, 1, 1)
    );
}

#[test]
fn the_examples_of_the_guide_are_a_valid_site() {
    let page = std::fs::read_to_string(docs("guide-your-own-camera.md")).unwrap();
    let files = examples(&page);
    assert_eq!(files.len(), 5);
    let site = TestSite::new(&[
        ("models/people.onnx", "x"),
        ("models/yolox_nano.onnx", "x"),
        ("coco.txt", "person\ncar\n"),
        ("gate-password", "x"),
        ("media/clip.mp4", "x"),
    ]);
    for (name, text) in &files {
        site.write(name, text);
    }
    let loaded = site.load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    assert_eq!((loaded.config.cameras.len(), loaded.config.models.len(), loaded.config.rules.len()), (2, 2, 1));
}
