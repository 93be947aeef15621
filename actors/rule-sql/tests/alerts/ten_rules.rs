//! The ten rules that users of camera systems ask for, each against what should and what should not make it fire.

use serde_json::json;

use crate::site::{Rule, expect};

/// Somebody is in a zone at night. One alert a camera, over when nobody was there for five seconds.
const INTRUDER: &str = "SELECT camera, track->id AS id FROM detections \
    WHERE label = 'person' AND in_zone(track, 'yard') AND during('night') PER camera RESOLVE AFTER 5s";

/// Somebody stays where one passes through.
const LOITERING: &str = "SELECT camera, track->id AS id, dwell(track, 'entrance') AS stayed FROM detections \
    WHERE label = 'person' AND dwell(track, 'entrance') > 1m PER camera, track->id RESOLVE AFTER 10s";

/// Something moves against the traffic.
const WRONG_WAY: &str = "SELECT camera, track->id AS id FROM detections \
    WHERE label IN ('car', 'truck', 'bicycle') AND in_zone(track, 'lane') AND moving(track, 'left') \
    FOR 1s ALLOWING GAPS OF 500ms PER camera, track->id RESOLVE AFTER 5s";

/// Many at once, and not for a moment only.
const CROWD: &str = "SELECT camera, cardinality(array_distinct(collect(track->id))) AS people FROM detections \
    WHERE label = 'person' AND in_zone(track, 'platform') \
    GROUP BY tumblingwindow(ss, 5), camera HAVING cardinality(array_distinct(collect(track->id))) >= 4 \
    FOR 10s RESOLVE AFTER 10s";

/// A bag that nobody moves.
const ABANDONED: &str = "SELECT camera, label, track->id AS id FROM detections \
    WHERE label IN ('suitcase', 'backpack', 'handbag') AND stationary(track) \
    FOR 1m ALLOWING GAPS OF 10s PER camera, track->id RESOLVE AFTER 10s";

/// Two go through a door that opens for one.
const TAILGATING: &str = "SELECT camera, first.track->id AS leader, second.track->id AS follower FROM detections \
    WHERE label = 'person' AND crossed(track, 'door', 'right') AS first \
    THEN label = 'person' AND crossed(track, 'door', 'right') AND track->id != first.track->id AS second WITHIN 2s \
    PER camera";

/// Somebody without a helmet, as a second model says that looks at each person.
const NO_HELMET: &str = "SELECT camera, track->id AS id FROM detections \
    WHERE label = 'person' AND in_zone(track, 'site') AND attributes->helmet->label = 'none' \
    AND attributes->helmet->score > 0.6 FOR 2s ALLOWING GAPS OF 1s PER camera, track->id RESOLVE AFTER 5s";

/// A vehicle stands where none may.
const STOPPED: &str = "SELECT camera, label, track->id AS id FROM detections \
    WHERE label IN ('car', 'truck', 'bus') AND in_zone(track, 'road') AND stationary(track) \
    FOR 20s PER camera, track->id RESOLVE AFTER 5s WHEN NOT stationary(track) OR NOT in_zone(track, 'road')";

/// A camera brings no frames.
const CAMERA_SILENT: &str = "SELECT camera FROM frames ABSENT 30s PER camera";

/// Somebody is told of once, however often they come back within ten minutes.
const NOT_REPEATED: &str = "SELECT camera, track->id AS id FROM detections \
    WHERE label = 'person' AND in_zone(track, 'dock') PER camera, track->id RESOLVE AFTER 10m";

fn see(rule: &mut Rule, at: f64, label: &str, track: &serde_json::Value) {
    rule.push("detections", at, &json!({ "camera": "gate", "label": label, "track": track }));
}

#[test]
fn an_intruder_in_a_zone_at_night() {
    let mut rule = Rule::new(INTRUDER);
    let (evening, night) = (20.0 * 3600.0, 22.5 * 3600.0);
    rule.see(evening, "gate", "person", 1, &["yard"]);
    rule.see(night - 100.0, "gate", "person", 2, &["road"]);
    rule.see(night - 50.0, "gate", "cat", 3, &["yard"]);
    assert_eq!(rule.told(), []);
    for tenth in 0..100 {
        // The detector misses him now and then, for up to four seconds.
        if tenth % 50 < 10 {
            rule.see(night + f64::from(tenth) / 10.0, "gate", "person", 4, &["yard"]);
        } else {
            rule.see(night + f64::from(tenth) / 10.0, "gate", "cat", 3, &["yard"]);
        }
    }
    assert_eq!(rule.told(), expect(&[(night, "fired", "gate")]));
    rule.until(night + 60.0);
    assert_eq!(rule.told(), expect(&[(night + 11.0, "resolved", "gate")]));
}

#[test]
fn loitering() {
    let mut rule = Rule::new(LOITERING);
    let mut stay = |at: i32, id: i64| {
        see(
            &mut rule,
            f64::from(at),
            "person",
            &json!({ "id": id, "zones": ["entrance"], "dwell": { "entrance": at } }),
        );
    };
    for at in 0..70 {
        stay(at, 1);
        if at < 50 {
            stay(at, 2);
        }
    }
    rule.until(200.0);
    assert_eq!(rule.told(), expect(&[(61.0, "fired", "gate/1"), (79.0, "resolved", "gate/1")]));
}

#[test]
fn wrong_way() {
    let mut rule = Rule::new(WRONG_WAY);
    for tenth in 0..30 {
        let at = f64::from(tenth) / 10.0;
        see(&mut rule, at, "car", &json!({ "id": 1, "zones": ["lane"], "direction": 280.0, "speed": 90.0 }));
        see(&mut rule, at, "car", &json!({ "id": 2, "zones": ["lane"], "direction": 85.0, "speed": 90.0 }));
        see(&mut rule, at, "car", &json!({ "id": 3, "zones": ["other"], "direction": 280.0, "speed": 90.0 }));
        // It only swerves.
        let direction = if tenth < 5 { 270.0 } else { 90.0 };
        see(&mut rule, at, "car", &json!({ "id": 4, "zones": ["lane"], "direction": direction, "speed": 9.0 }));
    }
    assert_eq!(rule.told(), expect(&[(1.0, "fired", "gate/1")]));
}

#[test]
fn a_crowd() {
    let mut rule = Rule::new(CROWD);
    let mut people = |from: i32, to: i32, count: i64| {
        for second in from..to {
            (0..count).for_each(|id| rule.see(f64::from(second) + 0.5, "gate", "person", id, &["platform"]));
        }
    };
    people(0, 5, 5);
    people(5, 20, 3);
    people(20, 40, 4);
    people(40, 70, 1);
    assert_eq!(rule.told(), expect(&[(35.0, "fired", "gate"), (55.0, "resolved", "gate")]));
}

#[test]
fn an_abandoned_object() {
    let mut rule = Rule::new(ABANDONED);
    for second in 0..100 {
        let at = f64::from(second);
        // Somebody stands before it for some seconds.
        if !(30..38).contains(&second) {
            see(&mut rule, at, "suitcase", &json!({ "id": 1, "stationary": second > 10 }));
        }
        see(&mut rule, at, "suitcase", &json!({ "id": 2, "stationary": false }));
        see(&mut rule, at, "person", &json!({ "id": 3, "stationary": true }));
    }
    assert_eq!(rule.told(), expect(&[(71.0, "fired", "gate/1")]));
}

#[test]
fn tailgating() {
    let mut rule = Rule::new(TAILGATING);
    let mut cross = |at: f64, id: i64, side: &str| {
        see(&mut rule, at, "person", &json!({ "id": id, "crossed": ["door"], "crossed_to": { "door": side } }));
    };
    cross(0.0, 1, "right");
    cross(3.0, 2, "right");
    cross(3.5, 2, "right");
    cross(4.0, 3, "left");
    cross(10.0, 4, "right");
    cross(11.5, 5, "right");
    assert_eq!(rule.rows(), [json!({ "camera": "gate", "leader": 4, "follower": 5 })]);
}

#[test]
fn a_missing_helmet() {
    let mut rule = Rule::new(NO_HELMET);
    for tenth in 0..40 {
        let at = f64::from(tenth) / 10.0;
        let mut helmet = |id: i64, label: &str, score: f64| {
            let attributes = json!({ "helmet": { "label": label, "score": score } });
            let track = json!({ "id": id, "zones": ["site"] });
            let row = json!({ "camera": "gate", "label": "person", "track": track, "attributes": attributes });
            rule.push("detections", at, &row);
        };
        helmet(1, "helmet", 0.9);
        // The second model is not always sure.
        helmet(2, "none", if tenth % 5 == 0 { 0.4 } else { 0.8 });
        helmet(3, if tenth == 7 { "none" } else { "helmet" }, 0.9);
        // Nobody has looked at this one.
        rule.see(at, "gate", "person", 4, &["site"]);
    }
    assert_eq!(rule.told(), expect(&[(2.1, "fired", "gate/2")]));
}

#[test]
fn a_vehicle_that_stopped_on_a_road() {
    let mut rule = Rule::new(STOPPED);
    for second in 0..60 {
        let at = f64::from(second);
        let stands = (5..40).contains(&second);
        see(&mut rule, at, "car", &json!({ "id": 1, "zones": ["road"], "stationary": stands }));
        see(&mut rule, at, "car", &json!({ "id": 2, "zones": ["park"], "stationary": true }));
        see(&mut rule, at, "bus", &json!({ "id": 3, "zones": ["road"], "stationary": second % 15 < 12 }));
    }
    assert_eq!(rule.told(), expect(&[(25.0, "fired", "gate/1"), (45.0, "resolved", "gate/1")]));
}

#[test]
fn a_camera_that_is_silent() {
    let mut rule = Rule::new(CAMERA_SILENT);
    for second in 0..40 {
        rule.push("frames", f64::from(second), &json!({ "camera": "gate", "objects": 0 }));
        if second < 5 {
            rule.push("frames", f64::from(second), &json!({ "camera": "yard", "objects": 0 }));
        }
    }
    rule.push("frames", 50.0, &json!({ "camera": "yard", "objects": 0 }));
    assert_eq!(rule.told(), expect(&[(34.0, "fired", "yard"), (50.0, "resolved", "yard")]));
}

#[test]
fn the_same_person_is_not_told_of_again() {
    let mut rule = Rule::new(NOT_REPEATED);
    for (at, id, zones) in [
        (0.0, 1, &["dock"][..]),
        (60.0, 1, &["road"]),
        (300.0, 1, &["dock"]),
        (301.0, 2, &["dock"]),
        (310.0, 1, &["road"]),
        (800.0, 1, &["dock"]),
    ] {
        rule.see(at, "gate", "person", id, zones);
    }
    assert_eq!(rule.told(), expect(&[(0.0, "fired", "gate/1"), (301.0, "fired", "gate/2")]));
    rule.until(2_000.0);
    assert_eq!(rule.told().len(), 2, "both are over in the end");
}
