//! Tracks over what a real detector saw in real videos, against identities checked by eye (`tests/data/tracking_truth.json` says how).
//! The figures are in `docs/decisions/0006-tracking.md`; `--nocapture` shows them.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use jiff::SignedDuration;
use parapet_actors::camera::tracking::{Geometry, Look, Scene, Settings};
use parapet_contracts::{BBox, Object, Timestamp};
use parapet_testkit::mot;
use serde_json::Value;

fn json(path: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{} is needed: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The objects of each frame that the detector looked at, with their tracks.
fn tracked(video: &str) -> BTreeMap<u64, Vec<Object>> {
    let oracle = json(&format!("../shared/data/oracle/{video}.yolox_nano_416.json"));
    let size = ["width", "height"].map(|side| u32::try_from(oracle[side].as_u64().unwrap()).unwrap());
    let (mut scene, mut next) = (Scene::new(Settings::default()), 0);
    let frames = oracle["frames"].as_array().unwrap().iter().map(|frame| {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(frame["t"].as_f64().unwrap());
        let object = |d: &Value| {
            let class = u32::try_from(d["c"].as_u64().unwrap()).unwrap();
            let bbox = serde_json::from_value(d["b"].clone()).unwrap();
            Object::new(d["n"].as_str().unwrap(), class, d["s"].as_f64().unwrap() as f32, bbox)
        };
        let mut objects: Vec<_> = frame["d"].as_array().unwrap().iter().map(object).collect();
        let id = || {
            next += 1;
            next
        };
        let look = Look { at, size: (size[0], size[1]), still: Duration::ZERO };
        scene.observe(&Geometry::default(), look, &mut objects, id).unwrap();
        (frame["i"].as_u64().unwrap(), objects)
    });
    frames.collect()
}

/// The tracks of a scene of which boxes were drawn, as somebody who looks at `frames` follows them, against those boxes.
fn against_what_was_drawn(scene: &mot::Scene, frames: &BTreeMap<u64, Vec<Object>>) -> mot::Score {
    let mut score = mot::Score::default();
    for (frame, objects) in frames.iter().filter(|(frame, _)| scene.judges(**frame)) {
        let wanted = objects.iter().filter(|object| scene.labels.contains(&object.label));
        let tracks: Vec<_> = wanted.filter_map(|object| Some((object.track.as_ref()?.id, object.bbox))).collect();
        score.frame(scene, *frame, &tracks);
    }
    println!("{}: {score}", scene.video);
    score
}

#[test]
fn tracks_agree_with_boxes_that_were_drawn_by_hand() {
    let scenes = mot::scenes(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/drawn_boxes.json"));
    for scene in &scenes {
        let score = against_what_was_drawn(scene, &tracked(&scene.video));
        assert!(score.drawn > 0, "{}", scene.video);
        let (mota, idf1, switches) = match scene.video.as_str() {
            "intel_one-by-one-person" => (0.7, 0.85, 0),
            "azure_perimeterdemo720" => (0.0, 0.0, 1),
            _ => (0.5, 0.6, 2),
        };
        assert!(score.mota() >= mota && score.idf1() >= idf1 && score.switches <= switches, "{}: {score}", scene.video);
    }
}

/// The ids that somebody had in the frames in which he should have one, in their order; `None` where he had none.
#[derive(Default)]
struct Lives(BTreeMap<String, Vec<Option<u64>>>);

impl Lives {
    fn ids(&self, who: &str) -> BTreeSet<u64> {
        self.0[who].iter().flatten().copied().collect()
    }

    fn switches(&self) -> usize {
        self.0
            .values()
            .map(|ids| ids.iter().flatten().collect::<Vec<_>>().windows(2).filter(|w| w[0] != w[1]).count())
            .sum()
    }

    fn frames(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    fn covered(&self) -> usize {
        self.0.values().flatten().flatten().count()
    }

    /// Recall of identities: frames in which somebody had the id that he had most often, of all his frames (IDR of Ristani et al.,
    /// *Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking*, 2016, when no two share a most frequent id).
    fn identity_recall(&self) -> f64 {
        let most = |ids: &Vec<Option<u64>>| {
            let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
            ids.iter().flatten().for_each(|id| *counts.entry(*id).or_default() += 1);
            counts.into_values().max().unwrap_or_default()
        };
        self.0.values().map(most).sum::<usize>() as f64 / self.frames() as f64
    }

    fn tell(&self, what: &str) {
        let (frames, covered) = (self.frames(), self.covered());
        println!(
            "{what}: {covered} of {frames} followed, {} switches, identity recall {:.3}",
            self.switches(),
            self.identity_recall()
        );
    }
}

#[test]
fn six_people_who_come_one_by_one_are_six_tracks_at_one_frame_a_second() {
    let truth = json("tests/data/tracking_truth.json");
    let spans: Vec<[u64; 2]> = serde_json::from_value(truth["people"]["spans"].clone()).unwrap();
    let (mut lives, mut strangers) = (Lives::default(), 0);
    for (frame, objects) in tracked("intel_one-by-one-person") {
        let people: Vec<u64> =
            objects.iter().filter(|o| o.label == "person").filter_map(|o| o.track.as_ref()).map(|t| t.id).collect();
        assert!(people.len() <= 1, "frame {frame}: {people:?}");
        match spans.iter().position(|[first, last]| (first.saturating_sub(4)..=last + 4).contains(&frame)) {
            Some(who) if (spans[who][0] + 4..=spans[who][1] - 4).contains(&frame) => {
                lives.0.entry(who.to_string()).or_default().push(people.first().copied());
            }
            Some(_) => {}
            None => strangers += people.len(),
        }
    }
    lives.tell("people, 1 fps");
    assert_eq!((lives.0.len(), strangers, lives.switches()), (6, 0, 0));
    let all: BTreeSet<u64> = (0..6).flat_map(|who| lives.ids(&who.to_string())).collect();
    assert_eq!(all.len(), 6, "nobody has the id of another");
    assert!(lives.identity_recall() > 0.9);
}

#[test]
fn four_vehicles_that_drive_past_are_followed_at_five_frames_a_second() {
    let truth = json("tests/data/tracking_truth.json");
    let boxes: BTreeMap<String, BTreeMap<u64, BBox>> =
        serde_json::from_value(truth["vehicles"]["boxes"].clone()).unwrap();
    let (frames, mut lives) = (tracked("ahmetozlu_vehicle"), Lives::default());
    for (who, boxes) in &boxes {
        for (frame, place) in boxes {
            let fits = |o: &&Object| o.track.is_some() && o.bbox.iou(place) >= 0.5;
            let best = frames[frame].iter().filter(fits).max_by(|a, b| a.bbox.iou(place).total_cmp(&b.bbox.iou(place)));
            lives.0.entry(who.clone()).or_default().push(best.and_then(|o| o.track.as_ref()).map(|t| t.id));
        }
    }
    lives.tell("vehicles, 4.8 fps");
    assert_eq!(lives.0.len(), 4);
    assert!(lives.switches() <= 2);
    assert!(lives.identity_recall() > 0.8);
}
