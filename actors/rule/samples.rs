//! Rules and events for tests.
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use parapet_config::{
    Reads, Rule, RuleBody, Stream, StreamSource,
    columns::{ColumnDef, ColumnKind},
};
use parapet_contracts::{BBox, DetectionEvent, Object, RuleId, Severity, TimeSource, Timestamp};
use parapet_rule_sql::{
    Relation,
    catalog::{Column, Type},
};
use uuid::Uuid;

use super::RuleFeed;

/// A rule of the cameras `gate` and `yard`, which may read the stream `heat` with a column `t`.
pub(crate) fn sql(id: &str, sql: &str) -> Arc<RuleFeed> {
    let column = ColumnDef { name: "t".to_owned(), kind: ColumnKind::Number, list: false, optional: false };
    let heat = Stream {
        id: "heat".parse().unwrap(),
        name: "heat".to_owned(),
        enabled: true,
        source: StreamSource::Http,
        columns: vec![column],
        timestamp: None,
        key: None,
    };
    let relation = Relation {
        columns: vec![Column { name: "t".into(), ty: Type::Float, default: None }],
        ..Relation::schemaless("heat")
    };
    let reads = if sql.contains("FROM heat") {
        Reads { relations: vec![relation], streams: vec![Arc::new(heat)], ..Reads::default() }
    } else {
        Reads::default()
    };
    let rule = Rule {
        id: RuleId::new(id).unwrap(),
        name: id.to_owned(),
        enabled: true,
        cameras: vec!["gate".parse().unwrap(), "yard".parse().unwrap()],
        body: RuleBody::Sql(sql.to_owned()),
        zone: None,
        held_for: Duration::ZERO,
        cooldown: Duration::ZERO,
        severity: Severity::Warning,
        message: None,
        schedule: Vec::new(),
        model: None,
        time_zone: TimeZone::UTC,
        alerting: Default::default(),
        reads,
    };
    RuleFeed::new(Arc::new(rule)).unwrap()
}

/// What a camera saw: each with a score of 0.9.
pub(crate) fn seen(camera: &str, labels: &[&str]) -> DetectionEvent {
    let object = |label: &&str| Object::new(*label, 0, 0.9, BBox::from([1.0, 2.0, 3.0, 4.0]));
    DetectionEvent {
        id: Uuid::nil(),
        site: "yard".parse().unwrap(),
        camera: camera.parse().unwrap(),
        model: "people".parse().unwrap(),
        answered_by: None,
        frame: 1,
        ts: Timestamp::UNIX_EPOCH,
        ts_source: TimeSource::Pts,
        width: 100,
        height: 100,
        objects: labels.iter().map(object).collect(),
        zones: Default::default(),
        ended: vec![],
        still_s: 0.0,
        update: None,
    }
}
