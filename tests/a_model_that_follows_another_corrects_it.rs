//! A cascade on real videos: a detector that is told to be generous sees persons where there are none, and a classifier that follows it
//! says so; where there is somebody, it agrees. What it confirms gets a vector.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{fs, path::Path, time::Duration};

use parapet_contracts::{BBox, DetectionEvent, cloudevent::Event};
use parapet_testkit::{RunningSite, SiteFolder, shared_data, wait::until};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);

/// Frames of each video: it begins again after its last, and the index goes on.
const STREET_FRAMES: u64 = 265;
const WALKWAY_FRAMES: u64 = 1_394;

/// Windscreens that YOLOX-nano takes for persons, at the frames of the street in which it does: read by hand, nobody walks there.
const WINDSCREENS: [(u64, [f32; 4]); 7] = [
    (93, [446.0, 234.0, 485.0, 273.0]),
    (145, [502.0, 211.0, 545.0, 251.0]),
    (147, [538.0, 234.0, 583.0, 274.0]),
    (149, [568.0, 232.0, 638.0, 308.0]),
    (151, [548.0, 263.0, 632.0, 350.0]),
    (154, [502.0, 231.0, 538.0, 269.0]),
    (156, [544.0, 243.0, 580.0, 275.0]),
];

/// The frames of the walkway in which the second person stands before the wall, whole in the picture.
const STANDING: std::ops::RangeInclusive<u64> = 245..=430;

fn site() -> SiteFolder {
    let site = SiteFolder::with("cascade", "media: [media]\n");
    for model in ["yolox_nano_416", "vww_person_96", "osnet_x0_25_256x128"] {
        site.copy(&shared_data(&format!("models/{model}.onnx")), &format!("models/{model}.onnx"));
    }
    for video in ["ahmetozlu_vehicle", "intel_one-by-one-person"] {
        site.copy(&shared_data(&format!("videos/{video}.mp4")), &format!("media/{video}.mp4"));
    }
    site.file(
        "models/people.yaml",
        "file: models/yolox_nano_416.onnx\nmin_score: {person: 0.05, default: 0.9}\nslots: 1\n",
    )
    .file(
        "models/person.yaml",
        "file: models/vww_person_96.onnx\nlayout: classifier\nlabels: [non_person, person]\n\
         input: {channels: rgb, scale: 0.00392157, mean: [0, 0, 0], std: [1, 1, 1], resize: stretch}\n\
         after: {model: people, labels: person, min_size: 8, crop: {shape: square, scale: 2.0}, again: {every: 200ms}}\n",
    )
    .file(
        "models/reid.yaml",
        "file: models/osnet_x0_25_256x128.onnx\nlayout: embedding\n\
         after: {model: person, labels: person, min_score: 0.9, again: {every: 1s}}\n",
    )
    .file("cameras/street.yaml", "source: media/ahmetozlu_vehicle.mp4\nrepeat: true\nmodels: [people]\n")
    .file("cameras/walkway.yaml", "source: media/intel_one-by-one-person.mp4\nrepeat: true\nfps: 5fps\nmodels: [people]\n")
    .file("uploaders/events.yaml", "what: [events]\nsink: {file: {path: data/events.jsonl}}\n");
    site
}

/// The detections and the updates that were uploaded so far.
fn events(file: &Path) -> (Vec<DetectionEvent>, Vec<DetectionEvent>) {
    let text = fs::read_to_string(file).unwrap_or_default();
    // The last line may be half written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let events = whole.lines().filter_map(|line| match Event::from_json(line.as_bytes()).unwrap() {
        Event::Detection(event) => Some(event),
        _ => None,
    });
    events.partition(|event| event.update.is_none())
}

/// What the classifier said in an update: its label, and the box of the object.
fn verdict(update: &DetectionEvent) -> Option<(&str, BBox)> {
    let of = update.update.as_ref().filter(|of| of.by.as_str() == "person")?;
    let object = &update.objects[0];
    Some((object.attributes[&of.by].label.as_deref()?, object.bbox))
}

#[test]
fn the_second_stage_is_right_where_the_first_is_wrong() {
    let folder = site();
    let running = RunningSite::start(PARAPET, &folder);
    let file = folder.path().join("data/events.jsonl");
    let on_a_windscreen = |update: &DetectionEvent| -> Option<String> {
        let (label, bbox) = verdict(update).filter(|_| update.camera.as_str() == "street")?;
        let now = update.frame % STREET_FRAMES;
        let known = WINDSCREENS.iter().any(|(frame, glass)| now == *frame && bbox.iou(&(*glass).into()) > 0.6);
        known.then(|| label.to_owned())
    };
    let of_somebody = |update: &DetectionEvent| -> Option<(String, f32)> {
        let (label, bbox) = verdict(update).filter(|_| update.camera.as_str() == "walkway")?;
        let whole = STANDING.contains(&(update.frame % WALKWAY_FRAMES)) && bbox.height() > 300.0;
        whole.then(|| (label.to_owned(), update.objects[0].score))
    };
    until("both videos have shown what they are asked about", 4 * MINUTE, || {
        let (_, updates) = events(&file);
        updates.iter().filter_map(on_a_windscreen).count() >= 2
            && updates.iter().filter_map(of_somebody).count() >= 10
            && updates.iter().any(|update| update.update.as_ref().unwrap().by.as_str() == "reid")
    });
    let models = running.get("/api/v1/models");
    running.terminate();

    let (detections, updates) = events(&file);
    let false_persons: Vec<String> = updates.iter().filter_map(on_a_windscreen).collect();
    assert!(false_persons.iter().all(|label| label == "non_person"), "{false_persons:?}");
    let real: Vec<_> = updates.iter().filter_map(of_somebody).collect();
    let agreed = real.iter().filter(|(label, _)| label == "person").count();
    assert!(agreed * 100 >= real.len() * 95, "{agreed} of {}: {real:?}", real.len());

    // An update tells again an object of an event that went before it, as it was.
    let of = |update: &DetectionEvent| {
        let of = update.update.clone().unwrap();
        let event = detections.iter().find(|event| event.id == of.event)?;
        Some((event.objects[of.object as usize].bbox, event.ts, event.frame))
    };
    let mut found = 0;
    for update in &updates {
        if let Some(original) = of(update) {
            assert_eq!(original, (update.objects[0].bbox, update.ts, update.frame));
            found += 1;
        }
    }
    assert!(found * 10 >= updates.len() * 9, "{found} of {}: an event goes out before its update", updates.len());

    // What was said once goes with the track from then on, without its vector.
    let known = |event: &&DetectionEvent| event.objects.iter().any(|object| object.attributes.len() == 2);
    let event = detections.iter().find(known).expect("a person of whom both have said something");
    let reid = event.objects.iter().find_map(|object| object.attributes.get("reid")).unwrap();
    assert!(reid.vector.is_empty() && reid.at < event.ts);
    let update = updates.iter().find(|update| update.update.as_ref().unwrap().by.as_str() == "reid").unwrap();
    let said = &update.objects[0].attributes;
    let length = said["reid"].vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    assert!(said["reid"].vector.len() == 512 && (length - 1.0).abs() < 1e-3, "{length}");
    assert!(said["person"].score.unwrap() >= 0.9, "only whom the classifier has confirmed");

    let follows = |id: &str| models.as_array().unwrap().iter().find(|m| m["model"] == id).unwrap()["follows"].clone();
    let (person, people) = (follows("person"), follows("people"));
    assert!(people.is_null());
    assert_eq!(person["after"], serde_json::json!(["people"]));
    let count = |key: &str| person[key].as_u64().unwrap();
    let dropped: u64 = person["dropped"].as_object().unwrap().values().filter_map(serde_json::Value::as_u64).sum();
    assert!(count("answered") > 0 && count("answered") + dropped <= count("asked"), "{person}");
}
