//! Fault 17 in a whole site: models that return NaN, 40,000 boxes, or another shape than they declared. What they say is refused and
//! counted by reason, what can be used is used, no other slot notices, and no event holds a number that is none.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use parapet_contracts::cloudevent::Event;
use parapet_testkit::{
    RunningSite, SiteFolder,
    onnx::{Elements, OnnxModel, Value},
};
use support::{Listener, PARAPET};

const SOON: Duration = Duration::from_secs(30);
const SIZE: usize = 64;
/// Cells of the grids of strides 8, 16 and 32.
const CELLS: usize = 64 + 16 + 4;
const COLUMNS: usize = 5 + 2;
const GOOD: [f32; COLUMNS] = [32.0, 32.0, 16.0, 16.0, 0.9, 0.95, 0.1];

fn rows(count: usize, row: impl Fn(usize) -> [f32; COLUMNS]) -> Vec<f32> {
    (0..count).flat_map(row).collect()
}

#[test]
fn what_a_model_makes_up_is_refused_and_counted_and_the_others_go_on() {
    refused_and_counted("thread");
}

#[test]
fn the_same_holds_for_models_in_processes_of_their_own() {
    refused_and_counted("process");
}

fn refused_and_counted(isolation: &str) {
    let folder = SiteFolder::new("yard");
    let nan = |n: usize| if n == 7 { GOOD } else { [f32::NAN; COLUMNS] };
    let open = Value::open("output", Elements::F32, 3);
    let models = [
        ("nan", OnnxModel::constant(SIZE, &[1, CELLS, COLUMNS], None, &rows(CELLS, nan))),
        ("many", OnnxModel::constant(SIZE, &[1, 40_000, COLUMNS], None, &rows(40_000, |_| GOOD))),
        ("shape", OnnxModel::constant(SIZE, &[1, CELLS, 3], Some(open), &vec![0.5; CELLS * 3])),
        (
            "good",
            OnnxModel::constant(
                SIZE,
                &[1, CELLS, COLUMNS],
                None,
                &rows(CELLS, |n| if n == 7 { GOOD } else { [0.0; COLUMNS] }),
            ),
        ),
    ];
    std::fs::create_dir_all(folder.path().join("models")).unwrap();
    for (id, model) in &models {
        std::fs::write(folder.path().join(format!("models/{id}.onnx")), model.bytes()).unwrap();
        folder.file(
            &format!("models/{id}.yaml"),
            &format!("file: models/{id}.onnx\nlayout: yolov5\nlabels: [hen, fox]\nisolation: {isolation}\n"),
        );
    }
    folder
        .file("cameras/gate.yaml", "source: test://ball?size=320x240&fps=10\nmodels: [nan, many, shape, good]\n")
        .file("rules/hen.yaml", "cameras: [gate]\nmodel: nan\nwhen: [{label: hen}]\ncooldown: 1h\n");
    let site = RunningSite::start(PARAPET, &folder);
    let listener = Listener::at(folder.mqtt(), "parapet/#");
    let topic = "parapet/yard/cameras/gate/detections";
    let messages = listener.wait_for(topic, SOON, |all| all.len() >= 40);

    let mut by_model = std::collections::BTreeMap::new();
    for message in &messages {
        let text = String::from_utf8_lossy(&message.payload);
        assert!(!text.contains("null") && !text.contains("NaN"), "{text}");
        let Event::Detection(event) = Event::from_json(&message.payload).unwrap() else { panic!("{text}") };
        *by_model.entry(event.model.to_string()).or_insert(0) += 1;
        let boxes: Vec<&str> = event.objects.iter().map(|object| object.label.as_str()).collect();
        assert_eq!(boxes, ["hen"], "one box can be used: {text}");
        assert!((event.objects[0].score - 0.855).abs() < 1e-3, "{text}");
    }
    assert_eq!(by_model.keys().collect::<Vec<_>>(), ["good", "nan"], "a whole answer that is refused is no event");

    let refused = site.metric("parapet_model_refused_total{model=\"nan\",reason=\"not_finite\"}").unwrap();
    assert!(refused >= 83.0 * f64::from(by_model["nan"]), "{refused}");
    let failures = site.metric("parapet_model_failures_total{model=\"many\",reason=\"too_many\"}");
    assert!(failures > Some(5.0), "{failures:?}");
    let told = |actor: &str, kind: &str| {
        let path = format!("/api/v1/errors?actor=models/{actor}");
        let of_kind = |journal: &serde_json::Value| -> Vec<String> {
            let records = journal["items"].as_array().unwrap().iter().filter(|record| record["kind"] == kind);
            records.map(|record| record["text"].as_str().unwrap().to_owned()).collect()
        };
        let texts = of_kind(&site.wait_for("it is journalled", &path, SOON, |journal| !of_kind(journal).is_empty()));
        assert_eq!(texts.len(), 1, "repeats are counted: {texts:#?}");
        texts[0].clone()
    };
    assert!(told("many", "too_many").contains("more than 30000 boxes"));
    for model in ["nan", "many", "good"] {
        let slot = site.node(&format!("models/{model}/slot-0")).unwrap();
        assert_eq!((&slot["state"], &slot["restarts"]), (&"running".into(), &0.into()), "{model}");
    }
    // A shape that can't be the layout's is seen as soon as the model is loaded: that slot alone does not start, and says why.
    let why = told("shape", "start_failed");
    assert!(why.contains("yolov5") && why.contains("[1, 84, 3]"), "{why}");
    let slot = site.node("models/shape/slot-0").unwrap();
    assert!(slot["last_error"]["text"].as_str().unwrap().contains("[1, 84, 3]"), "{slot:#}");
    assert_ne!(slot["state"], "running");
    // The alert, its picture and the page of the status are in order, too.
    let alerts = site.get("/api/v1/alerts");
    assert_eq!(alerts["items"].as_array().unwrap().len(), 1, "{alerts:#}");
    assert_eq!(site.get("/api/v1/status")["models"].as_array().unwrap().len(), 4);
    assert_eq!(site.terminate().code, Some(0));
}
