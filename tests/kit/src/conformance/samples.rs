//! Alerts, events and records to write, each made of a number.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use parapet_contracts::{
    Alert, AlertChange, AlertUpdate, Attribute, DetectionEvent, ErrorRecord, EvidenceRef, Object, Severity, Side,
    StreamEvent, TimeSource, Timestamp, Track,
    ports::store::{OutboxItem, Write},
};
use uuid::Uuid;

/// 2026-11-23T00:00:00Z plus `seconds`.
pub fn time(seconds: u64) -> Timestamp {
    Timestamp::from_second(1_795_392_000 + i64::try_from(seconds).unwrap()).unwrap()
}

/// An id made of a number.
pub fn id(number: u64) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(number))
}

/// An alert with all its fields set, raised `seconds` after [`time`]`(0)`.
pub fn alert(number: u64, camera: &str, rule: &str, severity: Severity, seconds: u64) -> Alert {
    Alert {
        id: id(number),
        site: "harbour".parse().unwrap(),
        camera: Some(camera.parse().unwrap()),
        rule: rule.parse().unwrap(),
        model: Some("people".parse().unwrap()),
        severity,
        title: Some("Intruder".to_owned()),
        key: Some(camera.to_owned()),
        message: "1 person in “yard” – since 3 s".to_owned(),
        ts: time(seconds),
        ts_source: TimeSource::Rtcp,
        since: time(seconds),
        raised_at: time(seconds),
        frame: Some(number),
        event: id(number + 1_000_000),
        width: 1280,
        height: 720,
        objects: vec![object()],
        evidence: Some(EvidenceRef {
            path: format!("2026-11-23/{camera}/{}.jpg", id(number)),
            media_type: "image/jpeg".to_owned(),
            bytes: 123_456,
            sha256: "ab".repeat(32),
        }),
        trace_id: Some("0af7651916cd43dd8448eb211c80319c".to_owned()),
    }
}

/// An event whose frame is `number`, taken `seconds` after [`time`]`(0)`.
pub fn event(number: u64, camera: &str, seconds: u64) -> Arc<DetectionEvent> {
    Arc::new(DetectionEvent {
        id: id(number),
        site: "harbour".parse().unwrap(),
        camera: camera.parse().unwrap(),
        model: "people".parse().unwrap(),
        answered_by: None,
        frame: number,
        ts: time(seconds),
        ts_source: TimeSource::Pts,
        width: 1280,
        height: 720,
        objects: vec![object()],
        zones: Default::default(),
        ended: vec![],
        still_s: 0.0,
        update: None,
    })
}

/// What became of the alert `number`, `seconds` after [`time`]`(0)`; `nth` makes its id.
pub fn update(number: u64, nth: u64, change: AlertChange, seconds: u64) -> AlertUpdate {
    AlertUpdate {
        id: id(number * 1_000 + nth),
        alert: id(number),
        site: "harbour".parse().unwrap(),
        camera: Some("gate".parse().unwrap()),
        rule: "intruder".parse().unwrap(),
        change,
        severity: Severity::Critical,
        ts: time(seconds),
        recorded_at: time(seconds),
        by: Some("ann".to_owned()),
        note: Some("on my way".to_owned()),
        evidence: None,
        link: None,
    }
}

/// A message of a stream, `seconds` after [`time`]`(0)`.
pub fn row(number: u64, stream: &str, seconds: u64) -> Arc<StreamEvent> {
    Arc::new(StreamEvent {
        id: id(number),
        site: "harbour".parse().unwrap(),
        stream: stream.parse().unwrap(),
        ts: time(seconds),
        topic: Some("doors/dock".to_owned()),
        data: [("open".to_owned(), true.into()), ("n".to_owned(), number.into())].into_iter().collect(),
    })
}

/// An error record of an actor, seen once, `seconds` after [`time`]`(0)`.
pub fn error(number: u64, actor: &str, seconds: u64) -> ErrorRecord {
    ErrorRecord {
        id: id(number),
        actor: actor.to_owned(),
        kind: "stall".to_owned(),
        text: "no frame for 5 s: is the camera on?".to_owned(),
        first: time(seconds),
        last: time(seconds),
        count: 1,
        trace_id: None,
    }
}

/// What [`append`] puts into an outbox.
pub fn item(number: u64) -> OutboxItem {
    let item = OutboxItem::new(id(number), "alert", "parapet/harbour/alerts", format!("{{\"n\":{number}}}"));
    item.about(Some("gate".to_owned()), time(number))
}

/// Appends [`item`]`(number)`.
pub fn append(queue: &str, number: u64) -> Write {
    Write::Append { queue: queue.to_owned(), item: item(number) }
}

fn object() -> Object {
    Object {
        label: "person".to_owned(),
        class: 0,
        score: 0.87,
        bbox: [10.5, 20.25, 110.0, 220.75].into(),
        track: Some(Track {
            id: 4,
            zones: vec!["yard".to_owned()],
            crossed: vec!["gate".to_owned()],
            since: time(0),
            entered: vec![],
            left: vec!["road".to_owned()],
            dwell: [("yard".to_owned(), 1.5)].into(),
            crossed_to: [("gate".to_owned(), Side::Left)].into(),
            stationary: true,
            new: false,
            speed: 0.0,
            direction: None,
        }),
        attributes: [(
            "helmet".parse().unwrap(),
            Attribute { label: Some("bare".to_owned()), ..Attribute::nothing(time(0)) },
        )]
        .into(),
    }
}
