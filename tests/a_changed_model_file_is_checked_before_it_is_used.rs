//! A model's files change at a whole site, with the real runtime: a good one takes the place of the one before without a frame
//! that nobody looks at; one that is no good, half written or wrongly configured changes nothing that runs, and says why. And hardware that is
//! not there: refused, or fallen back from when the file says so.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{fs, path::Path, time::Duration};

use parapet_contracts::cloudevent::Event;
use parapet_testkit::{RunningSite, SiteFolder, onnx::OnnxModel};
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

const HEN: usize = 0;
const FOX: usize = 1;
const YAML: &str = "file: models/m.onnx\nlayout: yolov5\nlabels: [hen, fox]\n";

/// Puts a file in place at once, as a careful copy does.
fn put(folder: &Path, bytes: &[u8]) {
    let (half, file) = (folder.join("models/m.onnx.part"), folder.join("models/m.onnx"));
    fs::create_dir_all(folder.join("models")).unwrap();
    fs::write(&half, bytes).unwrap();
    fs::rename(half, file).unwrap();
}

struct Yard {
    folder: SiteFolder,
    site: RunningSite,
    listener: Listener,
}

impl Yard {
    fn start() -> Self {
        let folder = SiteFolder::new("yard");
        put(folder.path(), &sees(HEN, 0.0));
        folder
            .file("models/m.yaml", YAML)
            .file("cameras/gate.yaml", "source: test://ball?size=320x240&fps=5\nmodels: [m]\n");
        let site = RunningSite::start(PARAPET, &folder);
        let listener = Listener::at(folder.mqtt(), "parapet/#");
        let yard = Self { folder, site, listener };
        yard.next_label("hen");
        yard
    }

    /// What it saw until now, a label a frame.
    fn labels(&self) -> Vec<String> {
        let label = |message: &parapet_bus_mqtt::ReceivedMessage| match Event::from_json(&message.payload).unwrap() {
            Event::Detection(event) => event.objects[0].label.clone(),
            other => panic!("{other:?}"),
        };
        self.listener.on(TOPIC).iter().map(label).collect()
    }

    /// Waits until the newest frames have this label.
    fn next_label(&self, label: &str) {
        let before = self.labels().len();
        self.listener
            .wait_for(TOPIC, SOON, |_| self.labels()[before..].iter().filter(|seen| *seen == label).count() >= 3);
    }

    fn model(&self) -> Value {
        self.site.get("/api/v1/models")[0].clone()
    }

    /// Waits until the model's change is refused with a reason that has these parts, and sees the old one go on.
    fn refused(&self, parts: &[&str], goes_on: &str) {
        let text = |models: &Value| models[0]["change"]["text"].as_str().unwrap_or_default().to_owned();
        let good = |models: &Value| parts.iter().all(|part| text(models).contains(part));
        self.site.wait_for(&format!("refused: {parts:?}"), "/api/v1/models", SOON, good);
        let told = |journal: &Value| parts.iter().all(|part| journal.to_string().contains(part));
        self.site.wait_for(&format!("journalled: {parts:?}"), "/api/v1/errors?actor=models/m", SOON, told);
        self.next_label(goes_on);
        assert!(self.model()["failures"] == 0 && self.model()["cameras"][0]["failed"] == 0, "{:#}", self.model());
    }
}

#[test]
fn a_good_one_takes_over_and_what_is_no_good_changes_nothing() {
    let yard = Yard::start();
    let folder = yard.folder.path();

    // Not a model at all, and one of which the copy has only begun.
    let whole = sees(FOX, 0.0);
    for odd in [&b"no model"[..], &whole[..whole.len() / 2]] {
        fs::write(folder.join("models/m.onnx"), odd).unwrap();
        let told = |status: &Value| !status["refused_configuration"].as_array().unwrap().is_empty();
        yard.site.wait_for("the file is refused", "/api/v1/status", SOON, told);
        yard.next_label("hen");
    }
    // A model in good order, with nonsense in its answers.
    put(folder, &sees(FOX, f32::NAN));
    yard.refused(&["no numbers"], "hen");
    // Settings that don't fit.
    put(folder, &whole);
    yard.folder.file("models/m.yaml", &YAML.replace("yolov5", "yolov8"));
    let told = |status: &Value| status["refused_configuration"].to_string().contains("2 labels are named");
    yard.site.wait_for("the settings are refused", "/api/v1/status", SOON, told);
    yard.next_label("hen");
    assert!(!yard.labels().iter().any(|label| label == "fox"), "no frame was shown to what was refused");

    // And a good one, at last.
    let dropped = |model: &Value| -> u64 {
        model["cameras"][0]["dropped"].as_object().unwrap().values().filter_map(Value::as_u64).sum()
    };
    let before = dropped(&yard.model());
    yard.folder.file("models/m.yaml", YAML);
    yard.next_label("fox");
    let model = yard.model();
    assert!(model["change"].is_null(), "{model:#}");
    assert!(dropped(&model) <= before + 1, "every frame is looked at, but for what a busy machine may skip: {model:#}");
    let labels = yard.labels();
    let first = labels.iter().position(|label| label == "fox").unwrap();
    assert!(labels[first..].iter().all(|label| label == "fox"), "{labels:?}");
    assert_eq!(yard.site.metric("parapet_model_changes_total{model=\"m\",outcome=\"swapped\"}"), Some(1.0));
    assert_eq!(yard.site.terminate().code, Some(0));
}

#[test]
fn hardware_that_is_not_there_is_refused_or_fallen_back_from_as_the_file_says() {
    let yard = Yard::start();
    for (device, library) in [("cuda", "CUDA"), ("tensorrt:1", "TensorRT"), ("openvino:gpu", "OpenVINO")] {
        yard.folder.file("models/m.yaml", &format!("{YAML}slots: [{{device: \"{device}\"}}]\n"));
        yard.refused(&[&format!("device {device}"), &format!("built without {library}"), "fallback: cpu"], "hen");
    }
    yard.folder.file("models/m.yaml", &format!("{YAML}slots: [{{device: cuda, fallback: cpu}}]\n"));
    let fallen_back = |models: &Value| {
        models[0]["description"].as_str().is_some_and(|text| text.starts_with("on cpu instead of cuda:0; "))
    };
    yard.site.wait_for("it falls back", "/api/v1/models", SOON, fallen_back);
    yard.next_label("hen");
    yard.site.wait_for("that is journalled", "/api/v1/errors?actor=models/m/slot-0", SOON, |journal| {
        let told =
            |record: &Value| record["kind"] == "fallback" && record["text"].as_str().unwrap().contains("runs on cpu");
        journal["items"].as_array().unwrap().iter().any(told)
    });
    assert_eq!(yard.site.terminate().code, Some(0));
}
