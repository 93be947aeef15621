//! How good the tracks are at the video's own rate, against boxes that were drawn by hand.
//!
//! ```text
//! parapet detect --model M.onnx --input VIDEO.mp4 --min-score 0.1 > VIDEO.jsonl
//! cargo run -p parapet-actors --example track_quality -- tests/data/drawn_boxes.json VIDEO VIDEO.jsonl [EVERY]
//! ```
//! With `EVERY`, only each so-manyth frame is looked at.
#![allow(clippy::print_stdout)]

use std::{error::Error, path::Path, time::Duration};

use jiff::SignedDuration;
use parapet_actors::camera::tracking::{Geometry, Look, Scene, Settings};
use parapet_contracts::{Object, Timestamp};
use parapet_testkit::mot;
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [truth, video, detections, rest @ ..] = &arguments[..] else {
        return Err("usage: track_quality DRAWN.json VIDEO DETECTIONS.jsonl [EVERY]".into());
    };
    let every: u64 = rest.first().map_or(Ok(1), |every| every.parse())?;
    let scenes = mot::scenes(Path::new(truth));
    let drawn = scenes.iter().find(|scene| scene.video == *video).ok_or("there is no such video")?;
    let (mut scene, mut next, mut score) = (Scene::new(Settings::default()), 0, mot::Score::default());
    for line in std::fs::read_to_string(detections)?.lines() {
        let line: Value = serde_json::from_str(line)?;
        let (frame, t) = (line["frame"].as_u64().ok_or("no frame")?, line["t"].as_f64().ok_or("no time")?);
        if frame % every != 0 {
            continue;
        }
        let mut objects = objects(&line)?;
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(t);
        let size = (u32::MAX, u32::MAX);
        let id = || {
            next += 1;
            next
        };
        scene.observe(&Geometry::default(), Look { at, size, still: Duration::ZERO }, &mut objects, id)?;
        if drawn.judges(frame) {
            let wanted = objects.iter().filter(|object| drawn.labels.contains(&object.label));
            let tracks: Vec<_> = wanted.filter_map(|object| Some((object.track.as_ref()?.id, object.bbox))).collect();
            score.frame(drawn, frame, &tracks);
        }
    }
    println!("{video}: {score}");
    Ok(())
}

fn objects(line: &Value) -> Result<Vec<Object>, Box<dyn Error>> {
    let list = line["objects"].as_array().or(line["detections"].as_array()).ok_or("no objects")?;
    Ok(list.iter().map(|object| serde_json::from_value(object.clone())).collect::<Result<_, _>>()?)
}
