//! One model file by itself: where its paths begin, and what is told of its errors.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::Path};

use parapet_config::{Secrets, load_model};
use parapet_contracts::ports::probe::NoProbe;

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn paths_begin_at_the_site_within_one_and_at_the_file_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    write(&at("yard/site.yaml"), "name: yard\n");
    write(&at("yard/models/people.onnx"), "onnx");
    write(&at("yard/models/people.yaml"), "file: models/people.onnx\nmin_score: 0.4\n");
    let (model, _) = load_model(&at("yard/models/people.yaml"), &NoProbe, &Secrets::standard()).unwrap();
    assert_eq!((model.id.as_str(), model.file, model.min_score), ("people", Some(at("yard/models/people.onnx")), 0.4));

    write(&at("loose/My Model.onnx"), "onnx");
    write(&at("loose/My Model.yaml"), "file: My Model.onnx\nlayout: yolov8\n");
    let (model, _) = load_model(&at("loose/My Model.yaml"), &NoProbe, &Secrets::standard()).unwrap();
    assert_eq!((model.file, model.io.layout.as_deref()), (Some(at("loose/My Model.onnx")), Some("yolov8")));
}

#[test]
fn all_errors_are_told_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.yaml");
    write(&file, "file: absent.onnx\nlayuot: yolox\nmin_score: 7\n");
    let text = load_model(&file, &NoProbe, &Secrets::standard()).unwrap_err().to_string();
    for part in ["people.yaml:2:1", "did you mean `layout`", "people.yaml:3:12", "people.yaml:1:7", "absent.onnx"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    let absent = folder.path().join("gone.yaml");
    let text = load_model(&absent, &NoProbe, &Secrets::standard()).unwrap_err().to_string();
    assert!(text.contains("gone.yaml:1:1") && text.contains("can't be read"), "{text}");
}
