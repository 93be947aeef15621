//! Round trips of the envelope, and the examples of `docs/events.md` read as a receiver would read them.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    AlertChange, Attribute, Attributes, BBox, EndedTrack, EvidenceRef, ModelId, Object, RuleId, Severity, Step,
    TimeSource, Track, UpdateOf,
    status::{Health, PictureFault, StatusEvent},
};
use uuid::Uuid;

fn id(text: &str) -> Uuid {
    text.parse().unwrap()
}

fn object() -> Object {
    Object {
        label: "person".into(),
        class: 0,
        score: 0.5,
        bbox: BBox { x1: 412.0, y1: 180.5, x2: 470.25, y2: 352.0 },
        track: Some(Track {
            id: 7,
            zones: vec!["ramp".into()],
            crossed: vec![],
            since: "2026-11-23T06:30:12Z".parse().unwrap(),
            entered: vec!["ramp".into()],
            left: vec![],
            dwell: [("ramp".to_owned(), 0.0)].into(),
            crossed_to: Default::default(),
            stationary: false,
            new: true,
            speed: 41.5,
            direction: Some(92.0),
        }),
        attributes: Attributes::new(),
    }
}

fn detection() -> DetectionEvent {
    DetectionEvent {
        id: id("019ab0c4-7a10-7c3e-9d55-2f0d6a1b4e01"),
        site: SiteId::new("depot-7").unwrap(),
        camera: CameraId::new("gate-north").unwrap(),
        model: ModelId::new("people").unwrap(),
        answered_by: Some(ModelId::new("people-small").unwrap()),
        frame: 1734,
        ts: "2026-11-23T06:30:14.52Z".parse().unwrap(),
        ts_source: TimeSource::Rtcp,
        width: 1280,
        height: 720,
        objects: vec![object()],
        zones: [("ramp".to_owned(), 1)].into(),
        ended: vec![EndedTrack {
            id: 5,
            label: "person".into(),
            class: 0,
            since: "2026-11-23T06:29:12Z".parse().unwrap(),
            last_seen: "2026-11-23T06:30:11Z".parse().unwrap(),
            bbox: BBox { x1: 1.0, y1: 2.0, x2: 30.5, y2: 80.0 },
            zones: vec!["ramp".into()],
            dwell: [("ramp".to_owned(), 31.5)].into(),
        }],
        still_s: 4.5,
        update: None,
    }
}

/// An attribute with all its fields set.
fn said() -> Attribute {
    let objects = vec![Object::new("plate", 0, 0.9, [1.0, 2.0, 3.0, 4.0].into())];
    let (label, class, score) = (Some("bare".into()), Some(1), Some(0.75));
    Attribute { label, class, score, at: detection().ts, vector: vec![0.5, 0.5], objects }
}

fn update() -> DetectionEvent {
    let (helmet, mut event) = (ModelId::new("helmet").unwrap(), detection());
    event.objects[0].attributes.insert(helmet.clone(), said());
    let path = vec![Step { model: helmet.clone(), object: 0 }];
    event.update = Some(UpdateOf { event: event.id, object: 0, by: helmet, path });
    DetectionEvent { id: id("019ab0c4-7a90-7a11-8c20-5b7d9e30aa05"), ..event }
}

pub(crate) fn alert() -> Alert {
    Alert {
        id: id("019ab0c4-7a4f-7d02-8b61-91c3e5f7a902"),
        site: SiteId::new("depot-7").unwrap(),
        camera: Some(CameraId::new("gate-north").unwrap()),
        rule: RuleId::new("intruder").unwrap(),
        model: Some(ModelId::new("people").unwrap()),
        severity: Severity::Warning,
        title: None,
        key: None,
        message: "a person for 2 s in ramp".into(),
        ts: "2026-11-23T06:30:14.52Z".parse().unwrap(),
        ts_source: TimeSource::Pts,
        since: "2026-11-23T06:30:12.52Z".parse().unwrap(),
        raised_at: "2026-11-23T06:30:14.58Z".parse().unwrap(),
        frame: Some(1734),
        event: id("019ab0c4-7a10-7c3e-9d55-2f0d6a1b4e01"),
        width: 1280,
        height: 720,
        objects: vec![object()],
        evidence: Some(EvidenceRef {
            path: "2026-11-23/gate-north/019ab0c4-7a4f-7d02-8b61-91c3e5f7a902.jpg".into(),
            media_type: "image/jpeg".into(),
            bytes: 48213,
            sha256: "0".repeat(64),
        }),
        trace_id: None,
    }
}

pub(crate) fn alert_update() -> AlertUpdate {
    AlertUpdate {
        id: id("019ab0c4-8000-7000-8000-000000000004"),
        alert: alert().id,
        site: SiteId::new("depot-7").unwrap(),
        camera: Some(CameraId::new("gate-north").unwrap()),
        rule: RuleId::new("intruder").unwrap(),
        change: AlertChange::Acknowledged,
        severity: Severity::Warning,
        ts: "2026-11-23T06:33:00Z".parse().unwrap(),
        recorded_at: "2026-11-23T06:33:00Z".parse().unwrap(),
        by: Some("ann".into()),
        note: None,
        evidence: None,
        link: None,
    }
}

fn row() -> StreamEvent {
    StreamEvent {
        id: id("019ab0c4-8000-7000-8000-000000000005"),
        site: SiteId::new("depot-7").unwrap(),
        stream: crate::StreamId::new("doors").unwrap(),
        ts: "2026-11-23T06:33:00Z".parse().unwrap(),
        topic: Some("site/doors/dock".into()),
        data: serde_json::json!({"door": "dock", "open": true}).as_object().unwrap().clone(),
    }
}

fn status(camera: Option<&str>) -> StatusEvent {
    StatusEvent {
        id: id("019ab0c4-8000-7000-8000-000000000003"),
        site: SiteId::new("depot-7").unwrap(),
        camera: camera.map(|c| CameraId::new(c).unwrap()),
        model: None,
        ts: "2026-11-23T06:31:00Z".parse().unwrap(),
        health: Health::Degraded,
        reason: Some("no frame for 5 s".into()),
        picture: camera.map(|_| PictureFault::Covered),
    }
}

#[test]
fn every_type_comes_back_as_it_went() {
    let event = detection();
    let json = CloudEvent::detection(&event).to_json().unwrap();
    assert_eq!(Event::from_json(&json).unwrap(), Event::Detection(event));

    let update = update();
    let json = CloudEvent::detection(&update).to_json().unwrap();
    assert!(std::str::from_utf8(&json).unwrap().contains(UPDATE));
    assert_eq!(Event::from_json(&json).unwrap(), Event::Detection(update.clone()));
    let text = String::from_utf8(json).unwrap().replace(UPDATE, DETECTION);
    assert_eq!(Event::from_json(text.as_bytes()), Err(CloudEventError::Inconsistent("type")));

    let alert = alert();
    let json = CloudEvent::alert(&alert).to_json().unwrap();
    assert_eq!(Event::from_json(&json).unwrap(), Event::Alert(Box::new(alert)));

    let update = alert_update();
    let json = CloudEvent::alert_update(&update).to_json().unwrap();
    assert_eq!(Event::from_json(&json).unwrap(), Event::AlertUpdate(update));

    let row = row();
    let json = CloudEvent::stream(&row).to_json().unwrap();
    assert_eq!(Event::from_json(&json).unwrap(), Event::Stream(row));

    for camera in [None, Some("gate-north")] {
        let status = status(camera);
        let json = CloudEvent::status(&status).to_json().unwrap();
        assert_eq!(Event::from_json(&json).unwrap(), Event::Status(status));
    }
}

#[test]
fn the_attributes_are_those_of_the_specification() {
    let event = detection();
    let json: serde_json::Value = serde_json::from_slice(&CloudEvent::detection(&event).to_json().unwrap()).unwrap();
    assert_eq!(json["specversion"], "1.0");
    assert_eq!(json["id"], event.id.to_string());
    assert_eq!(json["source"], "/parapet/depot-7/cameras/gate-north");
    assert_eq!(json["type"], DETECTION);
    assert_eq!(json["subject"], "people");
    assert_eq!(json["time"], "2026-11-23T06:30:14.52Z");
    assert_eq!(json["datacontenttype"], "application/json");
    assert_eq!(json["data"]["objects"][0]["box"], serde_json::json!([412.0, 180.5, 470.25, 352.0]));
    let site: serde_json::Value =
        serde_json::from_slice(&CloudEvent::status(&status(None)).to_json().unwrap()).unwrap();
    assert_eq!(site["source"], "/parapet/depot-7");
    assert!(site["data"].get("camera").is_none());
}

#[test]
fn what_is_unknown_is_ignored_and_what_contradicts_is_refused() {
    let mut json: serde_json::Value =
        serde_json::from_slice(&CloudEvent::detection(&detection()).to_json().unwrap()).unwrap();
    json["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into();
    json["data"]["added_later"] = 1.into();
    let read = |json: &serde_json::Value| Event::from_json(&serde_json::to_vec(json).unwrap());
    assert!(read(&json).is_ok());

    let with = |attribute: &str, value: &str| {
        let mut changed = json.clone();
        changed[attribute] = value.into();
        read(&changed).unwrap_err()
    };
    assert_eq!(with("specversion", "0.3"), CloudEventError::SpecVersion("0.3".into()));
    assert_eq!(with("type", "io.parapet.detection.v9"), CloudEventError::UnknownType("io.parapet.detection.v9".into()));
    assert_eq!(with("id", "other"), CloudEventError::Inconsistent("id"));
    assert_eq!(with("source", "/parapet/depot-7/cameras/other"), CloudEventError::Inconsistent("source"));
    assert!(matches!(with("data", "text"), CloudEventError::Malformed(_)));
    for bad in [&b""[..], b"{", b"[]", b"null", b"{\"specversion\":\"1.0\"}", &[0xff, 0xfe]] {
        assert!(matches!(Event::from_json(bad), Err(CloudEventError::Malformed(_))), "{bad:?}");
    }
}

/// The reference and the types agree: each JSON block of `docs/events.md` is read, written and compared. A field that the
/// page shows and the type does not know, or the other way round, fails here.
#[test]
fn the_examples_of_the_reference_are_what_the_site_sends() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/events.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let mut kinds = std::collections::BTreeMap::new();
    for block in text.split("```json\n").skip(1) {
        let json = block.split("```").next().unwrap();
        let shown: serde_json::Value = serde_json::from_str(json).unwrap();
        let written = match Event::from_json(json.as_bytes()).unwrap() {
            Event::Detection(e) => CloudEvent::detection(&e).to_json().unwrap(),
            Event::Alert(a) => CloudEvent::alert(&a).to_json().unwrap(),
            Event::Status(s) => CloudEvent::status(&s).to_json().unwrap(),
            Event::AlertUpdate(u) => CloudEvent::alert_update(&u).to_json().unwrap(),
            Event::Stream(r) => CloudEvent::stream(&r).to_json().unwrap(),
            Event::Error(e) => CloudEvent::error(&e).to_json().unwrap(),
            Event::Evidence(e) => CloudEvent::evidence(&e).to_json().unwrap(),
        };
        // Through the bytes: a number of 32 bits is written in its own shortest form.
        let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(written, shown, "docs/events.md shows something else than the site sends");
        *kinds.entry(shown["type"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    assert_eq!(kinds.len(), 8, "one example of each type at least: {kinds:?}");

    // Every field of the types has a row in a table.
    for value in [
        serde_json::to_value(detection()).unwrap(),
        serde_json::to_value(alert()).unwrap(),
        serde_json::to_value(update()).unwrap(),
        serde_json::to_value(row()).unwrap(),
        serde_json::to_value(status(Some("gate-north"))).unwrap(),
        serde_json::to_value(update()).unwrap(),
        serde_json::to_value(&update().objects[0]).unwrap(),
        serde_json::to_value(said()).unwrap(),
        serde_json::to_value(update().update).unwrap(),
        serde_json::to_value(object().track).unwrap(),
        serde_json::to_value(alert().evidence).unwrap(),
    ] {
        for field in value.as_object().unwrap().keys() {
            assert!(text.contains(&format!("`{field}`")), "docs/events.md does not explain `{field}`");
        }
    }
}
