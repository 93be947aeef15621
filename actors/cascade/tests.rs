//! What the cascades promise together, without threads: what is asked for, what an answer does, and what is counted.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, time::Duration};

use jiff::SignedDuration;
use parapet_config::{Environment, Files, Priority, Secrets, SiteConfig};
use parapet_contracts::{Attributes, CaptureTime, Object, Region, Step, TimeSource, Timestamp, ports::probe::NoProbe};
use parapet_testkit::media::grey;

use super::{memory::MOST, *};
use crate::model::{Seen, SeenKind};

/// A site with the cameras `gate` and `yard`, which both list `people`, and with these models.
pub(super) fn site(models: &[(&str, &str)]) -> SiteConfig {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("site.yaml", "site: {id: s}\n");
    write("models/people.yaml", "kind: null\n");
    write("x.onnx", "x");
    write("cameras/gate.yaml", "source: test://ball\nmodels: [people]\n");
    write("cameras/yard.yaml", "source: test://ball\nmodels: [people]\n");
    for (name, text) in models {
        write(&format!("models/{name}.yaml"), &format!("file: x.onnx\n{text}"));
    }
    let secrets = Secrets::new(vec![Box::new(Environment), Box::new(Files)]);
    parapet_config::load(dir.path(), &NoProbe, &secrets).unwrap_or_else(|problems| panic!("{problems}")).config
}

fn cascades(models: &[(&str, &str)]) -> Cascades {
    let cascades = Cascades::default();
    cascades.configure(&site(models));
    cascades
}

fn id(name: &str) -> ModelId {
    name.parse().unwrap()
}

fn at(seconds: f64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(seconds)
}

/// The frame of a camera that was taken at this second.
pub(super) fn frame(camera: &str, seconds: f64) -> Frame {
    Frame {
        camera: camera.parse().unwrap(),
        index: (seconds * 10.0) as u64,
        pts: seconds,
        capture: CaptureTime { at: at(seconds), source: TimeSource::Pts },
        decoded_at: Duration::from_secs_f64(seconds),
        still: Duration::ZERO,
        focus: None,
        main: None,
        picture: grey(640, 360),
    }
}

fn person(x: f32) -> Object {
    Object::new("person", 0, 0.8, [x, 100.0, x + 40.0, 200.0].into())
}

/// `people` sees these objects; returns the event that goes out.
fn sees(cascades: &Cascades, frame: &Frame, objects: Vec<Object>, tracks: &[Option<u64>]) -> Arc<DetectionEvent> {
    let mut objects = objects;
    let tracked = Tracked { tracks, over: &[] };
    cascades.recall(&id("people"), &frame.camera, &tracked, &mut objects);
    let event = Arc::new(DetectionEvent {
        id: uuid::Uuid::now_v7(),
        site: "s".parse().unwrap(),
        camera: frame.camera.clone(),
        model: id("people"),
        answered_by: None,
        frame: frame.index,
        ts: frame.capture.at,
        ts_source: frame.capture.source,
        width: 640,
        height: 360,
        objects,
        zones: BTreeMap::new(),
        ended: Vec::new(),
        still_s: 0.0,
        update: None,
    });
    cascades.ask(&event, frame, tracks, Duration::ZERO);
    event
}

/// The crops that wait for a model.
fn crops(cascades: &Cascades, model: &str) -> Vec<Crop> {
    cascades.pool(&id(model)).unwrap().take(100, Duration::ZERO)
}

fn says(label: &str, score: f32) -> Seen {
    let objects = vec![Object::new(label, 1, score, [0.0, 0.0, 1.0, 1.0].into())];
    Seen { kind: SeenKind::Class, objects, ..Seen::default() }
}

fn finds(boxes: &[[f32; 4]]) -> Seen {
    Seen { objects: boxes.iter().map(|b| Object::new("plate", 0, 0.7, (*b).into())).collect(), ..Seen::default() }
}

/// The model answers the crop.
fn answers(cascades: &Cascades, crop: Crop, seen: Seen) -> Arc<DetectionEvent> {
    assert!(crop.errand.answered());
    cascades.answered(crop.errand, seen, &crop.frame, Duration::ZERO).unwrap()
}

fn status(cascades: &Cascades, model: &str) -> FollowStatus {
    cascades.board(&id(model)).unwrap().status()
}

#[test]
fn an_answer_updates_the_event_and_is_remembered_with_the_track() {
    let cascades = cascades(&[("helmet", "after: {model: people, crop: {shape: square}}\n")]);
    let first = sees(&cascades, &frame("gate", 1.0), vec![person(0.0), person(300.0)], &[None, Some(7)]);
    assert!(first.objects.iter().all(|object| object.attributes.is_empty()), "the event waits for nobody");
    let mut waiting = crops(&cascades, "helmet");
    assert_eq!(waiting[1].region, Region { x: 270, y: 100, width: 100, height: 100 });
    let update = answers(&cascades, waiting.remove(1), says("bare", 0.6));
    let of = update.update.clone().unwrap();
    assert_eq!((of.event, of.object, of.by, of.path), (first.id, 1, id("helmet"), vec![]));
    assert_eq!((update.frame, update.ts, &update.model), (first.frame, first.ts, &first.model));
    assert_ne!(update.id, first.id);
    let said = &update.objects[0].attributes[&id("helmet")];
    assert_eq!((said.label.as_deref(), said.class, said.score, said.at), (Some("bare"), Some(1), Some(0.6), at(1.0)));

    let second = sees(&cascades, &frame("gate", 1.5), vec![person(300.0)], &[Some(7)]);
    assert_eq!(second.objects[0].attributes[&id("helmet")], *said, "remembered, with the time of its frame");
    drop(waiting);
    assert!(crops(&cascades, "helmet").is_empty());
    let told = status(&cascades, "helmet");
    assert_eq!((told.asked, told.answered, told.remembered, told.waiting), (2, 1, 1, 0));
    assert_eq!(told.dropped, BTreeMap::from([("failed", 1)]), "the one that nobody answered");
    sees(&cascades, &frame("gate", 3.0), vec![person(300.0)], &[Some(7)]);
    assert_eq!(crops(&cascades, "helmet").len(), 1, "again, after two seconds");
}

#[test]
fn what_was_remembered_goes_with_its_track() {
    let cascades = cascades(&[("helmet", "after: people\n")]);
    sees(&cascades, &frame("gate", 1.0), vec![person(0.0)], &[Some(7)]);
    answers(&cascades, crops(&cascades, "helmet").remove(0), says("bare", 0.6));
    let over = Tracked { tracks: &[], over: &[7] };
    cascades.recall(&id("people"), &frame("gate", 1.1).camera, &over, &mut []);
    let event = sees(&cascades, &frame("gate", 1.2), vec![person(0.0)], &[Some(7)]);
    assert!(event.objects[0].attributes.is_empty());
    assert_eq!(crops(&cascades, "helmet").len(), 1);
}

#[test]
fn an_object_without_a_track_is_looked_at_in_each_frame_and_within_a_bound() {
    let cascades = cascades(&[("helmet", "after: people\n")]);
    for second in 0..3 {
        sees(&cascades, &frame("gate", f64::from(second)), vec![person(0.0)], &[]);
        assert_eq!(crops(&cascades, "helmet").len(), 1);
    }
    sees(&cascades, &frame("gate", 9.0), (0..50).map(|x| person(x as f32)).collect(), &[]);
    assert_eq!(crops(&cascades, "helmet").len(), pool::CROPS);
    assert_eq!(status(&cascades, "helmet").dropped["too_many"], 50 - pool::CROPS as u64);
}

#[test]
fn only_what_it_wants_is_asked_for() {
    let cascades =
        cascades(&[("helmet", "after: {model: people, labels: person, min_score: 0.5, min_size: 30, again: never}\n")]);
    let objects = vec![
        person(0.0),
        Object { label: "car".into(), ..person(0.0) },
        Object { score: 0.4, ..person(0.0) },
        Object { bbox: [0.0, 0.0, 29.0, 200.0].into(), ..person(0.0) },
    ];
    sees(&cascades, &frame("gate", 1.0), objects, &[]);
    assert_eq!(crops(&cascades, "helmet").len(), 1);
}

#[test]
fn a_detector_of_crops_finds_parts_and_another_model_looks_at_those() {
    let cascades = cascades(&[
        ("plates", "after: people\n"),
        ("digits", "after: {model: plates, labels: plate}\n"),
        ("reid", "after: {model: people}\n"),
    ]);
    sees(&cascades, &frame("gate", 1.0), vec![person(100.0)], &[Some(7)]);
    let update = answers(&cascades, crops(&cascades, "plates").remove(0), finds(&[[110.0, 120.0, 130.0, 140.0]; 2]));
    let said = &update.objects[0].attributes[&id("plates")];
    assert_eq!((said.label.as_deref(), said.objects.len()), (Some("plate"), 2));

    let mut parts = crops(&cascades, "digits");
    assert_eq!((parts.len(), parts[1].region), (2, Region { x: 110, y: 120, width: 20, height: 20 }));
    let update = answers(&cascades, parts.remove(1), says("readable", 0.9));
    let of = update.update.clone().unwrap();
    assert_eq!((of.by, of.path), (id("digits"), vec![Step { model: id("plates"), object: 1 }]));
    let part = update.objects[0].at_path(&update.update.as_ref().unwrap().path).unwrap();
    assert_eq!(part.attributes[&id("digits")].label.as_deref(), Some("readable"));

    let vector = Seen { kind: SeenKind::Vector, vector: vec![0.6, 0.8], ..Seen::default() };
    let update = answers(&cascades, crops(&cascades, "reid").remove(0), vector);
    assert_eq!(update.objects[0].attributes[&id("reid")].vector, [0.6, 0.8]);
    assert_eq!(update.objects[0].attributes.len(), 2, "what is known of the object goes with it");

    let next = sees(&cascades, &frame("gate", 1.2), vec![person(100.0)], &[Some(7)]);
    let remembered = &next.objects[0].attributes;
    assert!(remembered[&id("reid")].vector.is_empty(), "a vector is told once");
    let parts: Vec<&Attributes> = remembered[&id("plates")].objects.iter().map(|part| &part.attributes).collect();
    assert!(parts[0].is_empty() && parts[1][&id("digits")].label.as_deref() == Some("readable"));
    assert!(crops(&cascades, "digits").is_empty(), "boxes of an older frame are not looked at again");
}

#[test]
fn a_model_after_two_others_is_asked_once_and_only_for_what_they_said() {
    let cascades = cascades(&[
        ("helmet", "after: people\n"),
        ("vest", "after: people\n"),
        ("face", "after: {model: [helmet, vest], labels: bare, min_score: 0.5, again: never}\n"),
    ]);
    sees(&cascades, &frame("gate", 1.0), vec![person(0.0), person(300.0)], &[Some(1), Some(2)]);
    let [one, two] = crops(&cascades, "helmet").try_into().ok().unwrap();
    answers(&cascades, one, says("bare", 0.6));
    answers(&cascades, two, says("helmet", 0.9));
    let face = crops(&cascades, "face");
    assert_eq!(face.len(), 1);
    assert_eq!(face[0].errand.track, Some(1));
    let [one, _two] = crops(&cascades, "vest").try_into().ok().unwrap();
    answers(&cascades, one, says("bare", 0.7));
    assert!(crops(&cascades, "face").is_empty(), "somebody looks at it already");
    answers(&cascades, face.into_iter().next().unwrap(), says("ann", 0.7));
    let next = sees(&cascades, &frame("gate", 9.0), vec![person(0.0)], &[Some(1)]);
    assert_eq!(next.objects[0].attributes.len(), 3);
    assert_eq!(crops(&cascades, "face").len(), 0, "never again");
}

#[test]
fn a_newer_crop_of_a_track_takes_the_place_of_the_older_one() {
    let cascades = cascades(&[("helmet", "after: people\n")]);
    for tenth in 0..5 {
        sees(&cascades, &frame("gate", 1.0 + f64::from(tenth) / 10.0), vec![person(0.0)], &[Some(7)]);
    }
    let waiting = crops(&cascades, "helmet");
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].frame.capture.at, at(1.4));
    assert_eq!(status(&cascades, "helmet").dropped, BTreeMap::from([("superseded", 4)]));
}

#[test]
fn crops_of_all_cameras_go_together_in_turns_and_few_frames_are_held() {
    let cascades = cascades(&[("helmet", "after: people\n")]);
    for tenth in 0..5 {
        // Somebody else each time.
        let track = [Some(10 + tenth), Some(20 + tenth), Some(30 + tenth)];
        let now = frame("gate", tenth as f64 / 10.0);
        sees(&cascades, &now, vec![person(0.0), person(100.0), person(200.0)], &track);
    }
    sees(&cascades, &frame("yard", 0.0), vec![person(0.0)], &[Some(99)]);
    let pool = cascades.pool(&id("helmet")).unwrap();
    assert_eq!(pool.waiting(), 2 * 3 + 1, "those of the two newest frames, and of the other camera");
    let first: Vec<String> = pool.take(2, Duration::ZERO).iter().map(|crop| crop.frame.camera.to_string()).collect();
    assert_eq!(first, ["gate", "yard"]);
    assert_eq!(status(&cascades, "helmet").dropped["crowded"], 9);
}

#[test]
fn crops_go_by_their_cameras_priority_and_deadline_as_frames_do() {
    let models = [("helmet", "after: {model: people, again: never}\n")];
    let order = |gate: &str, yard: &str, take: usize| -> Vec<String> {
        let mut config = site(&models);
        for (camera, said) in [("gate", gate), ("yard", yard)] {
            let own = Arc::make_mut(config.cameras.get_mut(camera).unwrap());
            let (priority, within) = said.split_once(' ').unwrap();
            own.priority = if priority == "high" { Priority::High } else { Priority::Low };
            own.seen_within = Some(Duration::from_millis(within.parse().unwrap()));
        }
        let cascades = Cascades::default();
        cascades.configure(&config);
        let persons = || (0_u8..16).map(|n| person(f32::from(n) * 20.0)).collect::<Vec<_>>();
        let tracks: Vec<Option<u64>> = (0..16).map(Some).collect();
        sees(&cascades, &frame("gate", 1.0), persons(), &tracks);
        sees(&cascades, &frame("yard", 1.0), persons(), &tracks);
        let pool = cascades.pool(&id("helmet")).unwrap();
        pool.take(take, Duration::ZERO).iter().map(|crop| crop.frame.camera.to_string()).collect()
    };
    assert_eq!(order("low 500", "low 100", 1), ["yard"], "the earlier deadline first");
    assert_eq!(order("low 100", "low 500", 1), ["gate"]);
    let seen = order("low 100", "high 900", 17);
    let low = seen.iter().filter(|camera| *camera == "gate").count();
    assert!((1..=2).contains(&low), "sixteen looks at one of high priority for each of low: {seen:?}");
}

#[test]
fn a_crop_that_is_looked_at_too_late_is_counted() {
    let cascades = cascades(&[("helmet", "after: people\nseen_within: 100ms\n")]);
    sees(&cascades, &frame("gate", 1.0), vec![person(0.0), person(300.0)], &[Some(1), Some(2)]);
    let [in_time, late] = crops(&cascades, "helmet").try_into().ok().unwrap();
    for (crop, taken) in [(in_time, 100), (late, 101)] {
        crop.errand.looked_at(Duration::from_millis(taken));
        answers(&cascades, crop, says("bare", 0.6));
    }
    assert_eq!((status(&cascades, "helmet").answered, status(&cascades, "helmet").late), (2, 1));
}

#[test]
fn when_a_model_or_a_camera_goes_its_crops_are_counted_and_its_answers_are_no_more() {
    let models = [("helmet", "after: people\n"), ("vest", "after: people\n")];
    let cascades = cascades(&models);
    sees(&cascades, &frame("gate", 1.0), vec![person(0.0), person(200.0)], &[Some(7), None]);
    let late = crops(&cascades, "vest").remove(0);
    answers(&cascades, crops(&cascades, "helmet").remove(0), says("bare", 0.6));
    sees(&cascades, &frame("gate", 1.1), vec![person(200.0)], &[None]);
    let pool = cascades.pool(&id("helmet")).unwrap();
    assert_eq!(pool.waiting(), 1);

    cascades.configure(&site(&[("helmet", "min_score: 0.9\nafter: people\n")]));
    assert_eq!((pool.waiting(), status(&cascades, "helmet").dropped["left"]), (0, 1));
    assert!(cascades.pool(&id("vest")).is_none() && cascades.board(&id("vest")).is_none());
    assert!(cascades.answered(late.errand, says("vest", 0.9), &late.frame, Duration::ZERO).is_none());
    let event = sees(&cascades, &frame("gate", 1.2), vec![person(0.0)], &[Some(7)]);
    assert!(event.objects[0].attributes.is_empty(), "another model says other things");
    assert_eq!(pool.waiting(), 1);

    let mut without = site(&[("helmet", "min_score: 0.9\nafter: people\n")]);
    without.cameras.remove("gate");
    cascades.configure(&without);
    assert_eq!((pool.waiting(), status(&cascades, "helmet").dropped["left"]), (0, 2));
}

#[test]
fn what_nobody_follows_costs_nothing() {
    let cascades = cascades(&[]);
    for track in 0..2 * MOST as u64 {
        sees(&cascades, &frame("gate", track as f64), vec![person(0.0)], &[Some(track)]);
    }
    assert!(cascades.plan.load().memories.is_empty());
}
