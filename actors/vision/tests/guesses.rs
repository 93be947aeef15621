//! What is guessed of real models, and how it is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use parapet_vision::{
    Channels, Detector, GuessError, Guessed, OnnxSummary, Overrides, Resize,
    guess::{guess, known_labels},
};

fn model(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/models").join(name);
    assert!(path.exists(), "{} is absent: this test needs the shared test data", path.display());
    path
}

fn guessed(name: &str) -> Result<Guessed, GuessError> {
    let summary = OnnxSummary::read(&model(name)).unwrap();
    eprintln!("{name}: {:?} head {:?} tail {:?}", summary.signature, summary.head, summary.tail);
    let guessed = guess(&summary.signature, Some(&summary), &Overrides::default());
    if let Ok(guessed) = &guessed {
        for finding in &guessed.findings {
            eprintln!("  {finding}");
        }
    }
    guessed
}

fn confidence(guessed: &Guessed, what: &str) -> f32 {
    guessed.findings.iter().find(|f| f.what == what).unwrap().confidence
}

#[test]
fn raw_yolox_is_known_by_its_graph_and_its_pixels_by_its_family() {
    let found = guessed("yolox_nano_416.onnx").unwrap();
    let settings = &found.settings;
    assert_eq!(settings.layout, "yolox");
    assert_eq!((settings.size.width, settings.size.height), (416, 416));
    assert_eq!((settings.channels, settings.resize, settings.pad), (Channels::Bgr, Resize::Letterbox, 114));
    assert_eq!((settings.scale, settings.mean, settings.std), (1.0, [0.0; 3], [1.0; 3]));
    assert_eq!((settings.labels.len(), &*settings.labels[2]), (80, "car"));
    assert!(confidence(&found, "layout") > 0.9 && confidence(&found, "layout") < 1.0);
    assert_eq!(confidence(&found, "size"), 1.0);
}

#[test]
fn without_the_graph_raw_yolox_and_yolov5_share_a_shape_and_that_is_told() {
    let summary = OnnxSummary::read(&model("yolox_nano_416.onnx")).unwrap();
    let found = guess(&summary.signature, None, &Overrides::default()).unwrap();
    let layout = found.findings.iter().find(|f| f.what == "layout").unwrap();
    assert!(layout.is_uncertain());
    assert!(layout.why.contains("yolov5") && layout.why.contains("the shape is the same"), "{}", layout.why);
}

#[test]
fn decoded_layouts_are_known_and_their_pixels_are_told_as_uncertain() {
    let found = guessed("yolox_nano_416_v5layout.onnx").unwrap();
    assert_eq!(found.settings.layout, "yolov5");
    assert!(found.findings.iter().find(|f| f.what == "channels").unwrap().is_uncertain());
    assert_eq!((found.settings.channels, found.settings.resize), (Channels::Bgr, Resize::Letterbox));
    let found = guessed("yolox_nano_416_v8layout.onnx").unwrap();
    assert_eq!(found.settings.layout, "yolov8");
    // Sizes as exponentials give YOLOX away, whatever the layout.
    assert_eq!((found.settings.channels, found.settings.resize), (Channels::Bgr, Resize::Letterbox));
    assert!(found.findings.iter().find(|f| f.what == "channels").unwrap().is_uncertain());
}

#[test]
fn what_is_named_is_taken_and_told_as_named() {
    let summary = OnnxSummary::read(&model("yolox_nano_416_v8layout.onnx")).unwrap();
    let named = Overrides { channels: Some(Channels::Bgr), scale: Some(1.0), ..Overrides::default() };
    let found = guess(&summary.signature, Some(&summary), &named).unwrap();
    assert_eq!((found.settings.channels, found.settings.scale), (Channels::Bgr, 1.0));
    let channels = found.findings.iter().find(|f| f.what == "channels").unwrap();
    assert_eq!((channels.confidence, &*channels.why), (1.0, "named"));
    let named = Overrides { layout: Some("yolov5".into()), ..Overrides::default() };
    let raw = OnnxSummary::read(&model("yolox_nano_416.onnx")).unwrap();
    let found = guess(&raw.signature, Some(&raw), &named).unwrap();
    assert_eq!(found.settings.layout, "yolov5");
    let layout = &found.findings.iter().find(|f| f.what == "layout").unwrap();
    assert!(layout.is_uncertain() && layout.why.contains("doesn't decode"), "{layout}");
}

#[test]
fn other_families_are_known_and_how_they_want_their_pixels() {
    let (rgb, bgr) = (Channels::Rgb, Channels::Bgr);
    let (stretch, letterbox) = (Resize::Stretch, Resize::Letterbox);
    let known = [
        ("yolox_nano_416_nms_n7.onnx", "n7", bgr, letterbox, 1.0, 80),
        ("yolox_nano_416_tfod_u8.onnx", "tfod", rgb, letterbox, 1.0, 80),
        ("nanodet_m_320.onnx", "nanodet", bgr, stretch, 1.0, 80),
        ("fastestdet_352.onnx", "fastestdet", bgr, stretch, 1.0 / 255.0, 80),
        ("vww_person_96.onnx", "classifier", rgb, stretch, 1.0 / 255.0, 2),
        ("osnet_x0_25_256x128.onnx", "embedding", rgb, stretch, 1.0 / 255.0, 0),
    ];
    for (name, layout, channels, resize, scale, labels) in known {
        let found = guessed(name).unwrap();
        let s = &found.settings;
        assert_eq!(
            (&*s.layout, s.channels, s.resize, s.scale, s.labels.len()),
            (layout, channels, resize, scale, labels)
        );
        assert!(confidence(&found, "layout") >= 0.8, "{name}");
        let summary = OnnxSummary::read(&model(name)).unwrap();
        Detector::new(found.settings, &summary.signature).unwrap();
    }
}

#[test]
fn a_damaged_file_is_no_model() {
    let whole = std::fs::read(model("yolox_nano_416.onnx")).unwrap();
    for bytes in [&b""[..], b"hello", &whole[..whole.len() / 2], &whole[1000..]] {
        let error = OnnxSummary::parse(bytes).unwrap_err().to_string();
        assert!(error.contains("not an ONNX model"), "{error}");
    }
    assert!(OnnxSummary::read(Path::new("/absent.onnx")).unwrap_err().to_string().contains("/absent.onnx"));
}

#[test]
fn the_labels_that_a_site_will_see_are_known_without_a_runtime() {
    let labels = |name: &str| known_labels(&OnnxSummary::read(&model(name)).unwrap());
    assert_eq!(labels("yolox_nano_416.onnx").unwrap()[..3], ["person", "bicycle", "car"]);
    assert_eq!(labels("vww_person_96.onnx"), None);
}
