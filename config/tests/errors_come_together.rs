//! Errors across files: all at once, none that follows from another, and warnings apart.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::TestSite;
use parapet_config::{Secrets, load};
use parapet_contracts::ports::probe::NoProbe;

#[test]
fn a_folder_that_is_no_site_names_the_command_that_makes_one() {
    let told = |dir: &std::path::Path| load(dir, &NoProbe, &Secrets::standard()).unwrap_err().to_string();
    let nowhere = std::path::Path::new("/nowhere/yard");
    assert_eq!(
        told(nowhere),
        "site.yaml:1:1: the folder `/nowhere/yard` does not exist; make a site to start from with `parapet init /nowhere/yard`"
    );
    let empty = tempfile::tempdir().unwrap();
    assert!(told(empty.path()).contains("has no site.yaml; make a site to start from with `parapet init /"));
    std::fs::write(empty.path().join("site.yaml"), "site: {id: yard}").unwrap();
    assert!(told(&empty.path().join("site.yaml")).contains("is no folder"));
}

#[test]
fn all_errors_of_all_files_come_at_once_in_their_order() {
    let site = TestSite::new(&[
        ("cameras/a.yaml", "source: rtsp://cam/1\nfsp: 5fps\nmodels: [nobody]\nstall_after: 5\n"),
        ("cameras/b.yaml", "models: [nobody]\n"),
        ("models/m.yaml", "file: m.onnx\nlayuot: yolox\n"),
        ("rules/r.yaml", "cameras: [a, c]\nwhen: [{label: person, min_score: 2}]\nzone: nowhere\n"),
        ("uploaders/u.yaml", "what: alerts\n"),
        ("rules/half.yaml", "cameras: [a"),
    ]);
    site.write("site.yaml", "site: {id: yard}\ntime_zone: Mars\nhtpp: {}\n");
    let places: Vec<String> = site.errors().iter().map(|line| line.split(": ").next().unwrap().to_owned()).collect();
    assert_eq!(
        places,
        [
            "cameras/a.yaml:2:1",
            "cameras/a.yaml:3:10",
            "cameras/a.yaml:4:14",
            "cameras/b.yaml:1:1",
            "cameras/b.yaml:1:10",
            "models/m.yaml:1:7",
            "models/m.yaml:2:1",
            "rules/half.yaml:1:12",
            "rules/r.yaml:1:14",
            "rules/r.yaml:2:35",
            "site.yaml:2:12",
            "site.yaml:3:1",
            "uploaders/u.yaml:1:1",
            "uploaders/u.yaml:1:7",
        ]
    );
}

#[test]
fn a_file_with_an_error_does_not_make_others_look_wrong() {
    // The camera's zones and models can't be read: the rule that refers to them is not blamed.
    let site = TestSite::new(&[
        ("models/people.onnx", "x"),
        ("models/people.yaml", "file: models/people.onnx\n"),
        ("cameras/gate.yaml", "source: test://ball\nmodels: people\nzones: {dock: [[0, 0], [1, 0]]}\n"),
        ("rules/r.yaml", "cameras: [gate]\nwhen: [{label: person}]\nzone: dock\nmodel: people\n"),
    ]);
    let errors = site.errors();
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert!(errors.iter().all(|line| line.starts_with("cameras/gate.yaml:")), "{errors:#?}");
}

#[test]
fn a_source_behind_a_link_that_leads_out_of_the_media_folders_is_refused() {
    let site = TestSite::new(&[
        ("media/inside.mp4", "x"),
        ("outside.mp4", "x"),
        ("cameras/c.yaml", "source: media/link.mp4\n"),
    ]);
    std::os::unix::fs::symlink(site.dir().join("outside.mp4"), site.dir().join("media/link.mp4")).unwrap();
    assert!(site.error().starts_with("cameras/c.yaml:1:9: this path lies outside the folders"));
    std::fs::remove_file(site.dir().join("media/link.mp4")).unwrap();
    std::os::unix::fs::symlink(site.dir().join("media/inside.mp4"), site.dir().join("media/link.mp4")).unwrap();
    site.load().unwrap();
}

#[test]
fn what_is_odd_is_a_warning_and_the_site_runs() {
    let site = TestSite::new(&[
        ("camera/gate.yaml", ""),
        ("cameras/notes.json", ""),
        ("cameras/gate.yaml", "source: media/later.mp4\nlatency: 1s\n"),
        ("cameras/web.yaml", "source: http://cam/video?user=a&password=b\n"),
        ("rules/r.yaml", "cameras: [gate]\nwhen: [{label: person}]\n"),
    ]);
    site.write("site.yaml", "site: {id: yard}\nhttp: {listen: \"0.0.0.0:8080\"}\n");
    let warnings: Vec<String> = site.load().unwrap().warnings.iter().map(ToString::to_string).collect();
    let expected = [
        "camera:1:1: this folder is not read; did you mean `cameras`?",
        "cameras/gate.yaml:1:9: there is no `media/later.mp4` yet",
        "cameras/gate.yaml:2:1: `latency` does nothing here; it is for `rtsp://` sources",
        "cameras/notes.json:1:1: this is not read",
        "cameras/web.yaml:1:9: the address seems to hold a password",
        "rules/r.yaml:1:10: no camera of this rule has a model",
        "site.yaml:2:16: HTTP listens on an address that other machines reach",
    ];
    assert_eq!(warnings.len(), expected.len(), "{warnings:#?}");
    for (warning, expected) in warnings.iter().zip(expected) {
        assert!(warning.starts_with(expected), "{warning}");
    }
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
    let site = TestSite::new(&[("models/m.yaml", "file: models/pipe\nlabels: models/pipe\n")]);
    for pipe in ["models/pipe", "cameras.yaml"] {
        assert!(std::process::Command::new("mkfifo").arg(site.dir().join(pipe)).status().unwrap().success());
    }
    std::fs::create_dir(site.dir().join("cameras")).unwrap();
    std::fs::rename(site.dir().join("cameras.yaml"), site.dir().join("cameras/c.yaml")).unwrap();
    let errors = site.errors();
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert!(errors.iter().all(|error| error.contains("no regular file")), "{errors:#?}");
}
