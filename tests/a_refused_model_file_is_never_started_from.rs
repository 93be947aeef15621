//! A file that was refused stays on the disk, and then the slot that runs ends: it starts from the copy of the file that was good. So does the site after it
//! was started anew, and says so, until a good file comes. Real models through the real runtime, made here.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{fs, path::Path, process::Command, time::Duration};

use parapet_contracts::cloudevent::Event;
use parapet_testkit::{RunningSite, SiteFolder, onnx::OnnxModel, site::until_free, wait::until};
use serde_json::Value;
use support::{Listener, PARAPET};

const SOON: Duration = Duration::from_secs(30);
const SIZE: usize = 64;
/// Cells of the grids of strides 8, 16 and 32.
const CELLS: usize = 64 + 16 + 4;
const COLUMNS: usize = 5 + 2;
const TOPIC: &str = "parapet/yard/cameras/gate/detections";

/// A model that sees one thing of this class in every picture; every other number of its answer is `rest`.
fn sees(class: usize, rest: f32) -> Vec<u8> {
    let mut floats = vec![rest; CELLS * COLUMNS];
    let mut row = [32.0, 32.0, 16.0, 16.0, 0.9, 0.0, 0.0];
    row[5 + class] = 0.9;
    floats[7 * COLUMNS..8 * COLUMNS].copy_from_slice(&row);
    OnnxModel::constant(SIZE, &[1, CELLS, COLUMNS], None, &floats).bytes()
}

/// Puts a file in place at once, as a careful copy does.
fn put(folder: &Path, bytes: &[u8]) {
    fs::create_dir_all(folder.join("models")).unwrap();
    fs::write(folder.join("models/m.onnx.part"), bytes).unwrap();
    fs::rename(folder.join("models/m.onnx.part"), folder.join("models/m.onnx")).unwrap();
}

fn labels(listener: &Listener) -> Vec<String> {
    let label = |payload: &[u8]| match Event::from_json(payload).unwrap() {
        Event::Detection(event) => event.objects[0].label.clone(),
        other => panic!("{other:?}"),
    };
    listener.on(TOPIC).iter().map(|message| label(&message.payload)).collect()
}

/// Waits until the newest frames have this label.
fn next_label(listener: &Listener, label: &str) {
    let before = labels(listener).len();
    until(&format!("{label} is seen"), SOON, || {
        labels(listener)[before..].iter().filter(|seen| *seen == label).count() >= 3
    });
}

/// The process of the site's model.
fn worker(site: &RunningSite) -> Option<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut stats = processes.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    stats.find_map(|stat| {
        let (head, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let (state, parent) = (fields.next()?, fields.next()?);
        let (pid, name) = head.split_once(" (")?;
        (parent == site.pid().to_string() && state != "Z" && name.starts_with("parapet-model")).then(|| pid.to_owned())
    })
}

fn refused(model: &Value) -> String {
    model["change"]["text"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn slots_and_sites_start_from_the_last_good_file() {
    let folder = SiteFolder::new("yard");
    put(folder.path(), &sees(0, 0.0));
    folder
        .file("models/m.yaml", "file: models/m.onnx\nlayout: yolov5\nlabels: [hen, fox]\nisolation: process\n")
        .file("cameras/gate.yaml", "source: test://ball?size=320x240&fps=5\nmodels: [m]\npicture_faults: []\n");
    let site = RunningSite::start(PARAPET, &folder);
    let listener = Listener::at(folder.mqtt(), "parapet/#");
    next_label(&listener, "hen");

    // In good order, and with nonsense in its answers: it lies there from now on.
    put(folder.path(), &sees(1, f32::NAN));
    site.wait_for("it is refused", "/api/v1/models", SOON, |models| refused(&models[0]).contains("no numbers"));
    let old = worker(&site).unwrap();
    assert!(Command::new("kill").args(["-KILL", &old]).status().unwrap().success());
    until("the slot has another process", SOON, || worker(&site).is_some_and(|new| new != old));
    next_label(&listener, "hen");
    assert!(refused(&site.get("/api/v1/models")[0]).contains("no numbers"));
    site.wait_for_log("is not the file that was good: its copy is loaded", SOON);
    let status = listener.wait_for("parapet/yard/models/m/status", SOON, |messages| !messages.is_empty());
    assert!(String::from_utf8_lossy(&status[0].payload).contains("degraded"));

    assert_eq!(site.terminate().code, Some(0));
    until_free(folder.http());
    let site = RunningSite::start(PARAPET, &folder);
    let listener = Listener::at(folder.mqtt(), "parapet/#");
    next_label(&listener, "hen");
    let told = refused(&site.get("/api/v1/models")[0]);
    assert!(told.contains("was refused before the site was started anew") && told.contains("no numbers"), "{told}");
    assert!(labels(&listener).iter().all(|label| label == "hen"));

    put(folder.path(), &sees(1, 0.0));
    next_label(&listener, "fox");
    assert!(site.get("/api/v1/models")[0]["change"].is_null());
    assert_eq!(site.terminate().code, Some(0));
    until_free(folder.http());
    let site = RunningSite::start(PARAPET, &folder);
    let listener = Listener::at(folder.mqtt(), "parapet/#");
    next_label(&listener, "fox");
    assert_eq!(site.terminate().code, Some(0));
}
