//! What the tracker and the scene promise together.
#![allow(clippy::unwrap_used)]

use std::{collections::HashSet, time::Duration};

use jiff::SignedDuration;
use parapet_contracts::{Object, Polygon, Segment, Side, Timestamp};
use proptest::prelude::*;

use super::*;

fn at(seconds: f64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(1000.0 + seconds)
}

fn thing(class: u32, score: f32, bbox: [f32; 4]) -> Object {
    Object::new(format!("class-{class}"), class, score, bbox.into())
}

fn person(x: f32, y: f32) -> Object {
    thing(0, 0.8, [x, y, x + 60.0, y + 150.0])
}

/// A tracker with its own ids.
struct Bench {
    tracker: Tracker,
    next: u64,
}

impl Bench {
    fn new() -> Self {
        Self { tracker: Tracker::new(Settings::default()), next: 0 }
    }

    fn see(&mut self, seconds: f64, objects: &[Object]) -> Update {
        self.tracker
            .update(at(seconds), SignedDuration::ZERO, objects, || {
                self.next += 1;
                self.next
            })
            .unwrap()
    }

    fn ids(&mut self, seconds: f64, objects: &[Object]) -> Vec<Option<u64>> {
        let update = self.see(seconds, objects);
        update.sightings.into_iter().map(|s| s.filter(|s| s.counts).map(|s| s.id)).collect()
    }
}

proptest! {
    /// Whoever goes straight on alone keeps the id, at any frame rate, with any unevenness of the intervals, and at up to 1.5
    /// sizes a second.
    #[test]
    fn a_lone_straight_mover_keeps_its_id(
        fps in 2.0_f64..30.0,
        speed in -140.0_f32..140.0,
        uneven in prop::collection::vec(0.6_f64..1.4, 40),
        tremble in prop::collection::vec(-3.0_f32..3.0, 40),
    ) {
        let mut bench = Bench::new();
        let mut ids = HashSet::new();
        let mut seconds = 0.0;
        for (frame, (step, shift)) in uneven.iter().zip(&tremble).enumerate() {
            seconds += step / fps;
            let x = 500.0 + speed * seconds as f32 + shift;
            let [id] = bench.ids(seconds, &[person(x, 100.0 + shift)])[..] else { panic!() };
            prop_assert_eq!(id.is_some(), frame > 0, "frame {}", frame);
            ids.extend(id);
        }
        prop_assert_eq!(ids.len(), 1);
    }

    /// Whatever comes: no id twice in a frame, ids grow, what is kept is bounded, a late frame changes nothing.
    #[test]
    fn whatever_comes_ids_are_single_and_memory_is_bounded(
        frames in prop::collection::vec(
            (-8.0_f64..20.0, prop::collection::vec((0_u32..3, 0.05_f32..1.0, 0.0_f32..900.0, 0.0_f32..500.0, -5.0_f32..400.0), 0..30)),
            1..40,
        )
    ) {
        let most = 25;
        let mut tracker = Tracker::new(Settings { most, ..Settings::default() });
        let (mut seconds, mut next, mut ended) = (0.0, 0, HashSet::new());
        for (step, things) in frames {
            seconds += step;
            let objects: Vec<_> = things.iter().map(|&(c, s, x, y, side)| thing(c, s, [x, y, x + side, y + side])).collect();
            let before = tracker.kept();
            let Ok(update) = tracker.update(at(seconds), SignedDuration::ZERO, &objects, || { next += 1; next }) else {
                prop_assert_eq!(tracker.kept(), before);
                continue;
            };
            prop_assert_eq!(update.sightings.len(), objects.len());
            let ids: Vec<u64> = update.sightings.iter().flatten().map(|s| s.id).collect();
            prop_assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
            prop_assert!(ids.iter().all(|id| !ended.contains(id)), "an ended track came back");
            prop_assert!(update.ended.iter().all(|e| ended.insert(e.id)), "a track ended twice");
            prop_assert!(tracker.kept() <= most);
        }
    }
}

#[test]
fn two_who_cross_keep_their_ids_at_five_frames_a_second() {
    let mut bench = Bench::new();
    let mut first = Vec::new();
    for i in 0..40 {
        let d = 20.0 * i as f32;
        // They pass at different depths: one box is higher in the picture, and smaller.
        let pair = [person(100.0 + d, 200.0), thing(0, 0.7, [900.0 - d, 150.0, 945.0 - d, 265.0])];
        let ids = bench.ids(f64::from(i) * 0.2, &pair);
        if i == 1 {
            first = ids;
        } else if i > 1 {
            assert_eq!(ids, first, "frame {i}");
        }
    }
    assert!(first.iter().all(Option::is_some));
}

#[test]
fn whoever_is_hidden_for_a_second_comes_back_with_the_same_id() {
    let mut bench = Bench::new();
    let place = |t: f64| person(100.0 + 80.0 * t as f32, 200.0);
    (0..10).for_each(|i| drop(bench.ids(0.2 * f64::from(i), &[place(0.2 * f64::from(i))])));
    (10..15).for_each(|i| drop(bench.ids(0.2 * f64::from(i), &[])));
    assert_eq!(bench.ids(3.0, &[place(3.0)]), [Some(1)]);
}

#[test]
fn whoever_is_gone_for_long_is_somebody_new_and_the_end_is_told_once() {
    let mut bench = Bench::new();
    (0..10).for_each(|i| drop(bench.see(0.2 * f64::from(i), &[person(100.0, 200.0)])));
    let ended: Vec<Ended> = (10..40).flat_map(|i| bench.see(0.2 * f64::from(i), &[]).ended).collect();
    assert_eq!(ended, [Ended { id: 1, since: at(0.0), last_seen: at(1.8), counted: true }]);
    drop(bench.ids(8.0, &[person(100.0, 200.0)]));
    assert_eq!(bench.ids(8.2, &[person(100.0, 200.0)]), [Some(2)]);
}

#[test]
fn a_weak_detection_continues_a_track_and_begins_none() {
    let mut bench = Bench::new();
    let weak = |x: f32| thing(0, 0.2, [x, 100.0, x + 60.0, 250.0]);
    assert_eq!(bench.ids(0.0, &[person(100.0, 100.0)]), [None]);
    assert_eq!(bench.ids(0.2, &[person(105.0, 100.0)]), [Some(1)]);
    assert_eq!(bench.ids(0.4, &[weak(110.0), weak(600.0)]), [Some(1), None]);
    assert_eq!(bench.ids(0.6, &[weak(115.0), weak(600.0)]), [Some(1), None]);
}

#[test]
fn a_model_that_wavers_between_two_classes_sees_one_thing() {
    let mut bench = Bench::new();
    for i in 0..30 {
        let class = if i % 4 < 2 { 2 } else { 7 };
        let ids = bench.ids(f64::from(i) * 0.2, &[thing(class, 0.6, [300.0, 200.0, 420.0, 280.0])]);
        assert_eq!(ids, [(i > 0).then_some(1)], "frame {i}");
    }
}

#[test]
fn a_frame_that_is_late_is_refused_and_a_clock_that_was_set_begins_anew() {
    let mut bench = Bench::new();
    (0..3).for_each(|i| drop(bench.see(10.0 + f64::from(i), &[person(100.0, 100.0)])));
    for late in [12.0, 11.5, 8.0] {
        let refused = bench.tracker.update(at(late), SignedDuration::ZERO, &[person(100.0, 100.0)], || 99).unwrap_err();
        assert_eq!(refused, Late { at: at(late), last: at(12.0) });
    }
    assert_eq!(bench.see(2.0, &[]).ended.len(), 1);
    assert_eq!(bench.tracker.kept(), 0);
}

#[test]
fn a_parked_car_keeps_its_id_while_a_lorry_hides_it() {
    let mut bench = Bench::new();
    let car = thing(2, 0.6, [300.0, 200.0, 420.0, 280.0]);
    let mut t = 0.0;
    let mut next = || {
        t += 0.2;
        t
    };
    (0..500).for_each(|_| drop(bench.see(next(), std::slice::from_ref(&car))));
    (0..45).for_each(|_| drop(bench.see(next(), &[])));
    let back = bench.see(next(), &[car]).sightings[0].unwrap();
    assert_eq!((back.id, back.stationary), (1, true));
}

#[test]
fn a_scene_tells_zones_and_lines_of_what_counts() {
    let geometry = Geometry {
        zones: [("yard".to_owned(), Polygon(vec![[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]))].into(),
        lines: [("gate".to_owned(), Segment([[0.7, 0.0], [0.7, 1.0]]))].into(),
    };
    let mut scene = Scene::new(Settings::default());
    let (mut next, mut told, mut crossings) = (0, Vec::new(), 0);
    for i in 0..20 {
        let x = 300.0 + 30.0 * i as f32;
        let mut objects = [person(x - 30.0, 300.0)];
        let id = || {
            next += 1;
            next
        };
        let look = Look { at: at(f64::from(i) * 0.2), size: (1000, 600), still: Duration::ZERO };
        let update = scene.observe(&geometry, look, &mut objects, id).unwrap();
        crossings += update.crossings.get(&("gate".to_owned(), Side::Left)).copied().unwrap_or_default();
        let [object] = objects;
        let Some(track) = object.track else { continue };
        assert_eq!((track.id, track.since), (1, at(0.0)));
        assert_eq!(track.zones.is_empty(), x < 500.0, "{x}");
        if !track.entered.is_empty() || !track.crossed.is_empty() {
            told.push((i, track.entered.concat(), track.crossed.concat()));
        }
        if i == 17 {
            assert!((track.dwell["yard"] - 2.0).abs() < 1e-6, "{:?}", track.dwell);
        }
    }
    assert_eq!(told, [(7, "yard".to_owned(), String::new()), (14, String::new(), "gate".to_owned())]);
    assert_eq!(crossings, 1);
}

#[test]
fn what_is_no_box_has_no_track_and_harms_nobody() {
    let mut bench = Bench::new();
    let odd = |x: f32| [thing(0, 0.9, [f32::NAN; 4]), thing(0, 0.9, [5.0; 4]), person(x, 100.0)];
    drop(bench.see(0.0, &odd(100.0)));
    assert_eq!(bench.ids(0.2, &odd(105.0)), [None, None, Some(1)]);
}

#[test]
fn more_objects_than_may_be_are_counted() {
    let mut tracker = Tracker::new(Settings { most: 3, ..Settings::default() });
    let objects: Vec<_> = (0..5).map(|i| person(150.0 * i as f32, 0.0)).collect();
    let mut next = 0;
    let update = tracker
        .update(at(0.0), SignedDuration::ZERO, &objects, || {
            next += 1;
            next
        })
        .unwrap();
    assert_eq!((update.overflow, tracker.kept()), (2, 3));
}

/// A scene with a zone at the right half, its own ids, and a person.
struct Stage {
    scene: Scene,
    geometry: Geometry,
    next: u64,
}

impl Stage {
    fn new() -> Self {
        let right = Polygon(vec![[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]);
        let lines = [("gate".to_owned(), Segment([[0.5, 0.0], [0.5, 1.0]]))].into();
        let geometry = Geometry { zones: [("yard".to_owned(), right)].into(), lines };
        Self { scene: Scene::new(Settings::default()), geometry, next: 0 }
    }

    /// The object's track, when there is one, and what else the frame did. Of the time since the last frame, `still` seconds were quiet.
    fn look(&mut self, seconds: f64, still: u64, x: Option<f32>) -> (Option<parapet_contracts::Track>, SceneUpdate) {
        let mut objects: Vec<Object> = x.map(|x| person(x - 30.0, 300.0)).into_iter().collect();
        let look = Look { at: at(seconds), size: (1000, 600), still: Duration::from_secs(still) };
        let id = || {
            self.next += 1;
            self.next
        };
        let update = self.scene.observe(&self.geometry, look, &mut objects, id).unwrap();
        (objects.pop().and_then(|object| object.track), update)
    }
}

#[test]
fn a_track_is_new_once_and_its_end_says_where_it_was_and_for_how_long() {
    let mut stage = Stage::new();
    let new: Vec<bool> =
        (0..10).filter_map(|i| stage.look(0.2 * f64::from(i), 0, Some(700.0)).0).map(|t| t.new).collect();
    assert_eq!(new, [true, false, false, false, false, false, false, false, false]);
    assert_eq!(stage.scene.tally().zones["yard"].now, 1);
    let ended: Vec<_> = (10..40).flat_map(|i| stage.look(0.2 * f64::from(i), 0, None).1.ended).collect();
    let [ended] = &ended[..] else { panic!("{ended:?}") };
    assert_eq!((ended.id, &*ended.label, ended.since, ended.last_seen), (1, "class-0", at(0.0), at(1.8)));
    assert_eq!((&ended.zones[..], ended.dwell["yard"]), (&["yard".to_owned()][..], 1.8));
    let tally = stage.scene.tally();
    assert_eq!((tally.begun, tally.ended, tally.now), (1, 1, 0));
    let yard = tally.zones["yard"];
    assert_eq!((yard.now, yard.entered, yard.left, yard.dwell_s), (0, 1, 1, 1.8));
}

#[test]
fn speed_and_direction_are_those_of_the_walker_and_who_waits_has_none() {
    let mut stage = Stage::new();
    let mut last = None;
    (0..25).for_each(|i| last = stage.look(0.2 * f64::from(i), 0, Some(900.0 - 16.0 * i as f32)).0);
    let walker = last.unwrap();
    assert!(
        (walker.speed - 80.0).abs() < 8.0 && walker.direction.is_some_and(|d| (d - 270.0).abs() < 3.0),
        "{walker:?}"
    );
    let crossed = stage.scene.tally().lines["gate"];
    assert_eq!((crossed.to_left, crossed.to_right), (0, 0), "he has not come clearly to the other side yet");
    let mut last = None;
    (25..80).for_each(|i| last = stage.look(0.2 * f64::from(i), 0, Some(480.0)).0);
    let waiting = last.unwrap();
    assert_eq!((waiting.stationary, waiting.speed, waiting.direction), (true, 0.0, None));
    let crossed = stage.scene.tally().lines["gate"];
    assert_eq!(crossed.to_left + crossed.to_right, 1);
}

#[test]
fn time_in_which_nothing_moved_is_no_absence() {
    let mut stage = Stage::new();
    (0..10).for_each(|i| drop(stage.look(0.2 * f64::from(i), 0, Some(700.0))));
    // Nothing moved, and nobody looked, for a minute, and again.
    let (back, update) = stage.look(61.8, 60, Some(702.0));
    let back = back.unwrap();
    assert_eq!((back.id, back.stationary, update.ended.len()), (1, true, 0));
    assert_eq!(back.dwell["yard"], 61.8);
    assert_eq!(stage.look(121.8, 60, Some(702.0)).0.unwrap().id, 1);
    // The same minute with frames in which nobody was seen ends it.
    let mut ended = 0;
    (0..200).for_each(|i| ended += stage.look(122.0 + 0.3 * f64::from(i), 0, None).1.ended.len());
    assert_eq!(ended, 1);
}

#[test]
fn who_was_gone_when_the_quiet_began_is_still_gone_after_it() {
    let mut stage = Stage::new();
    (0..10).for_each(|i| drop(stage.look(0.2 * f64::from(i), 0, Some(700.0 + 20.0 * i as f32))));
    (10..14).for_each(|i| drop(stage.look(0.2 * f64::from(i), 0, None)));
    let ended: Vec<_> = (0..20)
        .flat_map(|i| stage.look(33.0 + 0.2 * f64::from(i), if i == 0 { 30 } else { 0 }, None).1.ended)
        .collect();
    assert_eq!(ended.len(), 1, "the quiet puts its end off and does not prevent it");
}
