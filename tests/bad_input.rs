//! What a user reads when something is wrong: what, where, what to do; and the exit code: 2 for wrong files, 1 for what failed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{net::TcpListener, process::Command, time::Duration};

use parapet_testkit::{
    RunningSite, SiteFolder,
    command::{Told, parapet, parapet_command, tell},
    onnx::{Elements, OnnxModel, Value},
    shared_data,
};
use support::PARAPET;

const SOON: Duration = Duration::from_secs(20);

fn run(folder: &SiteFolder) -> Told {
    let told = parapet(PARAPET, &["run", "--config", folder.arg()]);
    assert!(!told.err.contains("panicked"), "{}", told.all());
    told
}

/// The one line that `run` and `check` both say about wrong files, with exit code 2.
fn refused(folder: &SiteFolder) -> String {
    let run = run(folder);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{}", run.all());
    let line = run.err.trim_end().to_owned();
    assert_eq!(line.lines().count(), 1, "{}", run.all());
    let check = parapet(PARAPET, &["check", "--config", folder.arg()]);
    assert_eq!((check.code, check.out.trim_end()), (Some(2), line.as_str()), "{}", check.all());
    assert_eq!(check.err.trim_end(), "1 error: the site can't run");
    line
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

#[test]
fn a_folder_without_a_site_file() {
    let empty = tempfile::tempdir().unwrap();
    let folder = empty.path().to_str().unwrap();
    let told = parapet(PARAPET, &["run", "--config", folder]);
    assert_eq!(told.code, Some(2));
    has(&told.err, &["site.yaml:1:1: ", folder, "has no site.yaml", &format!("`parapet init {folder}`")]);
    let told = parapet(PARAPET, &["run", "--config", "/does/not/exist"]);
    assert_eq!(told.code, Some(2));
    has(&told.err, &["/does/not/exist", "does not exist", "parapet init"]);
}

#[test]
fn a_missing_model() {
    let site = SiteFolder::new("s");
    site.file("models/people.yaml", "# ours\nfile: models/people.onnx\n");
    has(
        &refused(&site),
        &[
            "models/people.yaml:2:7: ",
            "`models/people.onnx`",
            "does not exist",
            "relative path begins at the site's folder",
        ],
    );
}

#[test]
fn a_corrupt_model() {
    let site = SiteFolder::new("s");
    let whole = std::fs::read(shared_data("models/yolox_nano_416.onnx")).unwrap();
    site.file("models/people.yaml", "file: models/people.onnx\n");
    for bytes in [&whole[..100_000], b"no model at all", b""] {
        std::fs::write(site.path().join("models/people.onnx"), bytes).unwrap();
        has(
            &refused(&site),
            &["models/people.yaml:1:7: ", "models/people.onnx", "not an ONNX model", "give an .onnx file"],
        );
    }
}

#[test]
fn a_model_that_can_be_read_and_not_used() {
    let site = SiteFolder::new("s");
    site.file("models/people.yaml", "file: models/people.onnx\n");
    let path = site.path().join("models/people.onnx");
    let write = |dims: &[usize], change: &dyn Fn(&mut OnnxModel)| {
        let mut model = OnnxModel::constant(64, dims, None, &vec![0.0; dims.iter().product()]);
        change(&mut model);
        std::fs::write(&path, model.bytes()).unwrap();
    };
    let place = "models/people.yaml:1:7: `models/people.onnx` can't be used: ";
    write(&[1, 17, 3], &|_| ());
    has(&refused(&site), &[place, "`output` [1, 17, 3]", "name the layout", "`parapet model inspect`"]);
    write(&[1, 84, 84], &|model| model.inputs.push(Value::new("other", Elements::F32, &[1, 3, 64, 64])));
    has(&refused(&site), &[place, "2 inputs", "one picture is wanted"]);
    write(&[1, 84, 84], &|model| model.nodes[0].0 = "EfficientNMS_TRT");
    has(&refused(&site), &[place, "EfficientNMS_TRT", "a plugin of TensorRT", "without it"]);
    site.copy(&shared_data("models/osnet_x0_25_256x128.onnx"), "models/people.onnx");
    has(&refused(&site), &[place, "gives a vector, and no objects", "(`after`)"]);
    write(&[1, 84, 84], &|_| ());
    site.file("models/people.yaml", "file: models/people.onnx\nlayout: tfod\n");
    has(&refused(&site), &["models/people.yaml:2:9: ", "tfod is boxes", "[1, 84, 84]"]);
}

#[test]
fn a_cascade_on_a_label_that_never_comes_and_a_zone_outside_of_the_picture() {
    let site = SiteFolder::new("s");
    site.copy(&shared_data("models/yolox_nano_416.onnx"), "models/yolox.onnx")
        .copy(&shared_data("models/vww_person_96.onnx"), "models/person.onnx")
        .file("models/people.yaml", "file: models/yolox.onnx\n")
        .file(
            "models/sure.yaml",
            "file: models/person.onnx\nlabels: [non_person, person]\nafter: {model: people, labels: [persn]}\n",
        )
        .file("cameras/gate.yaml", "source: test://ball\nmodels: [people]\n");
    has(&refused(&site), &["models/sure.yaml:3:33: ", "`persn`", "`people`", "did you mean `person`?"]);
    site.file("models/sure.yaml", "file: models/person.onnx\nlabels: [non_person, person]\nafter: people\n").file(
        "cameras/gate.yaml",
        "source: test://ball\nmodels: [people]\nzones:\n  door: [[0.1, 0.1], [1.4, 0.1], [0.5, 0.9]]\n",
    );
    has(
        &refused(&site),
        &["cameras/gate.yaml:4:", "outside of the picture: `1.4`", "fractions", "pixels: [1280, 720]"],
    );
}

#[test]
fn a_label_that_the_model_does_not_have() {
    let site = SiteFolder::new("s");
    site.copy(&shared_data("models/yolox_nano_416.onnx"), "models/yolox.onnx")
        .file("models/yolox.yaml", "file: models/yolox.onnx\n")
        .file("cameras/gate.yaml", "source: test://ball\nmodels: [yolox]\n")
        .file("rules/intruder.yaml", "cameras: [gate]\nwhen:\n  - label: persn\n");
    let told = refused(&site);
    has(
        &told,
        &[
            "rules/intruder.yaml:3:12: ",
            "`persn`",
            "`yolox`",
            "did you mean `person`?",
            "Known labels: `person`, `bicycle`",
        ],
    );
}

#[test]
fn a_port_in_use() {
    let site = SiteFolder::new("s");
    let taken = TcpListener::bind(site.http()).unwrap();
    let told = run(&site);
    assert_eq!(told.code, Some(1), "{}", told.all());
    has(told.error(), &[&site.http().to_string(), "in use", "stop it", "`http` in site.yaml"]);
    drop(taken);

    let taken = TcpListener::bind(("127.0.0.1", site.mqtt())).unwrap();
    let told = run(&site);
    assert_eq!(told.code, Some(1), "{}", told.all());
    has(told.error(), &["broker", &format!("127.0.0.1:{}", site.mqtt()), "in use", "another port"]);
    drop(taken);
}

/// Runs the site where `prepare`, a shell script that knows the data folder as `$DATA`, has mounted what it likes.
fn run_on_a_disk(site: &SiteFolder, prepare: &str) -> Told {
    let namespace = ["--user", "--map-root-user", "--mount", "--"];
    let possible =
        Command::new("unshare").args(namespace).arg("true").status().expect("`unshare` (util-linux) is needed");
    assert!(possible.success(), "namespaces are forbidden here: no small disk can be mounted");
    let data = site.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let script = format!("set -e; {prepare}; exec \"$@\"");
    let mut command = Command::new("unshare");
    command
        .args(namespace)
        .args(["sh", "-c", &script, "sh", PARAPET, "run", "--config", site.arg()])
        .env("DATA", &data);
    tell(&mut command, SOON)
}

#[test]
fn a_data_folder_that_is_read_only() {
    let site = SiteFolder::new("s");
    let told = run_on_a_disk(&site, "mount -t tmpfs tmpfs $DATA; mount -o remount,ro $DATA");
    assert_eq!(told.code, Some(1), "{}", told.all());
    has(
        told.error(),
        &[&site.path().join("data/store").display().to_string(), "Read-only file system", "mount it writable"],
    );
}

#[test]
fn a_data_folder_that_is_full() {
    let site = SiteFolder::new("s");
    let told = run_on_a_disk(&site, "mount -t tmpfs -o size=100k tmpfs $DATA");
    assert_eq!(told.code, Some(1), "{}", told.all());
    has(told.error(), &[&site.path().join("data/store").display().to_string(), "disk is full", "free some space"]);
}

#[test]
fn a_data_folder_that_belongs_to_a_site_that_runs() {
    let site = SiteFolder::with("s", "store: {path: data/store}\n");
    let running = RunningSite::start(PARAPET, &site);
    let other = SiteFolder::with("t", &format!("store: {{path: {}/data/store}}\n", site.arg()));
    let told = run(&other);
    assert_eq!(told.code, Some(1), "{}", told.all());
    has(told.error(), &[&site.path().join("data/store").display().to_string(), "another"]);
    assert_eq!(running.get("/readyz")["ready"], true, "the one that runs does not notice");
}

/// Cameras that can't work take nothing else away: the site runs, and tells of each in the status, the journal and the log.
#[test]
fn a_video_that_is_no_video_and_a_camera_that_nobody_answers_for() {
    let site = SiteFolder::new("s");
    std::fs::create_dir_all(site.path().join("media")).unwrap();
    site.file("media/film.mp4", &"this is no video\n".repeat(1000))
        .file("cameras/film.yaml", "source: media/film.mp4\n")
        .file("cameras/gate.yaml", "source: rtsp://127.0.0.1:1/stream1\n")
        .file("cameras/good.yaml", "source: test://ball?size=320x240&fps=10\n");
    let running = RunningSite::start(PARAPET, &site);
    let cameras = running.wait_for("two fail, one is live", "/api/v1/cameras", SOON, |cameras| {
        cameras
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c["status"]["last_error"].is_string() || c["status"]["state"] == "live")
    });
    let error = |id: &str| {
        let camera = cameras.as_array().unwrap().iter().find(|camera| camera["id"] == id).unwrap();
        assert_eq!(camera["status"]["state"], "waiting", "{camera:#}");
        camera["status"]["last_error"].as_str().unwrap().to_owned()
    };
    has(&error("film"), &["media/film.mp4", "no video"]);
    has(&error("gate"), &["rtsp://127.0.0.1:1/stream1", "127.0.0.1:1 refuses connections", "check the port"]);
    for (id, text) in [("film", error("film")), ("gate", error("gate"))] {
        assert_eq!(
            text.matches("/film.mp4").count() + text.matches("/stream1").count(),
            1,
            "the place is told once: {text}"
        );
        let journal =
            running.wait_for("in the journal", &format!("/api/v1/errors?actor=cameras/{id}"), SOON, |journal| {
                journal["items"][0]["text"].as_str() == Some(&text)
            });
        assert_eq!(journal["items"].as_array().unwrap().len(), 1, "repeats are counted, not repeated: {journal:#}");
        running.wait_for_log(&text, SOON);
        let told = parapet(PARAPET, &["status", "--config", site.arg()]);
        assert_eq!(told.code, Some(0), "{}", told.all());
        has(&told.out, &[&text]);
        let told = parapet(PARAPET, &["errors", "--config", site.arg(), "--actor", &format!("cameras/{id}")]);
        has(&told.out, &[&format!("cameras/{id}"), &text]);
    }
    assert_eq!(running.get("/readyz")["ready"], true);
    assert_eq!(running.node("cameras/good").unwrap()["restarts"], 0);
    let log = running.log();
    assert!(!log.contains('\u{1b}'), "no colours in a log that is no terminal:\n{log}");
    assert!(!log.contains("Actor{"), "no spans of the actor library:\n{log}");
}

#[test]
fn an_address_that_is_none_and_a_site_that_is_down() {
    let site = SiteFolder::new("s");
    let told = parapet(PARAPET, &["status", "--config", site.arg()]);
    assert_eq!(told.code, Some(1), "{}", told.all());
    has(
        told.error(),
        &[&format!("http://{}", site.http()), "is the site running?", "--url", "PARAPET_URL", "--config"],
    );
    let told = tell(parapet_command(PARAPET).arg("alerts").env("PARAPET_URL", "nonsense"), SOON);
    assert_eq!(told.code, Some(1));
    has(told.error(), &["`nonsense` is no address", "http://127.0.0.1:8080"]);
}
