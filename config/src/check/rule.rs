//! `rules/*.yaml`.

use std::collections::BTreeMap;

use parapet_contracts::{CameraId, ModelId, RuleId};

use super::{Context, alerting, dangling, no_twins, polygon::polygon, quoted, sql};
use crate::{
    checked::{Condition, Reads, Rule, RuleBody, RuleZone},
    document::{Document, place},
    expected,
    raw::{RawCameras, RawRule, RawZone},
    schema::{FileKind, properties, schema},
    words,
};

/// The words that a message's braces may hold.
const PLACEHOLDERS: [&str; 6] = ["camera", "label", "count", "score", "zone", "rule"];

/// Checks a rule's file.
pub(crate) fn rule(document: &mut Document<RawRule>, id: &RuleId, context: &Context<'_>) -> Option<Rule> {
    let raw = document.raw.take()?;
    let cameras = cameras(document, &raw, context);
    let model = model(document, &raw, &cameras, context);
    labels(document, &raw, &cameras, model.as_ref(), context);
    // A statement has no zone, which is told with it.
    let zone = if document.has(place!["sql"]) { None } else { zone(document, &raw, &cameras, context) };
    let (body, reads) = body(document, &raw, id, &cameras, context).unzip();
    let schedule = alerting::periods(document, "schedule", &raw.schedule);
    let lasts = reads.as_ref().is_some_and(|reads: &Reads| reads.lasts);
    let alerting = alerting::alerting(document, &raw, lasts, context);
    body.map(|body| Rule {
        id: id.clone(),
        name: raw.name.map_or_else(|| id.to_string(), |name| name.0),
        enabled: raw.enabled,
        cameras,
        body,
        zone,
        held_for: raw.held_for.0,
        cooldown: raw.cooldown.0,
        severity: alerting::severity(raw.severity),
        message: raw.message.map(|message| message.0),
        schedule,
        model,
        time_zone: context.time_zone.clone(),
        alerting,
        reads: reads.unwrap_or_default(),
    })
}

/// Exactly one of the two forms, with what belongs to it.
fn body(
    document: &mut Document<RawRule>,
    raw: &RawRule,
    id: &RuleId,
    cameras: &[CameraId],
    context: &Context<'_>,
) -> Option<(RuleBody, Reads)> {
    // A key with a value that does not fit was told already.
    let there = |key: &str| document.has(place![key]) && !document.is_null(place![key]);
    let (when, statement) = (there("when"), there("sql"));
    if when && statement {
        let at = document.at_key(place!["sql"]);
        document.error(at, "`when` and `sql` stand together", "a rule has one of them: remove the other");
        return None;
    }
    if statement {
        if document.has(place!["zone"]) {
            let at = document.at_key(place!["zone"]);
            document.error(at, "`zone` does not go with `sql`", "use the column `track.zones` in the statement");
        }
        return sql::statement(document, raw, id, cameras, context).map(|(sql, reads)| (RuleBody::Sql(sql), reads));
    }
    templates(document, raw, &PLACEHOLDERS);
    if raw.alerts_of.is_some() {
        let at = document.at_key(place!["alerts_of"]);
        document.error(at, "`alerts_of` does not go with `when`", "only a statement reads the stream `alerts`");
    }
    for key in ["cameras", "when"] {
        if !document.has(place![key]) || document.is_null(place![key]) {
            missing(document, key);
        }
    }
    let conditions = raw.when.iter().flatten().filter_map(|condition| {
        Some(Condition {
            labels: condition.label.clone()?.into_vec(),
            min_score: condition.min_score,
            min_count: condition.min_count as usize,
        })
    });
    (raw.cameras.is_some() && raw.when.is_some()).then(|| (RuleBody::Classic(conditions.collect()), Reads::default()))
}

/// A key that the classic form must have.
fn missing(document: &mut Document<RawRule>, key: &str) {
    let part = properties(schema(FileKind::Rule)).and_then(|known| known.get(key));
    let expected = part.map_or_else(String::new, |part| format!("expected {}", expected::with_example(key, part)));
    let or = if key == "when" { ", or `sql`" } else { "" };
    document.error(document.at(&[]), format!("the key `{key}` is missing"), format!("{expected}{or}"));
}

/// The cameras by name; those that there are.
fn cameras(document: &mut Document<RawRule>, raw: &RawRule, context: &Context<'_>) -> Vec<CameraId> {
    let names: Vec<String> = match &raw.cameras {
        None if raw.sql.is_none() => return Vec::new(),
        None | Some(RawCameras::All(_)) => return context.cameras.keys().cloned().collect(),
        Some(RawCameras::These(names)) => names.iter().map(|name| name.0.clone()).collect(),
    };
    no_twins(document, place!["cameras"], &names);
    let mut cameras: Vec<CameraId> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match context.cameras.get_key_value(name.as_str()) {
            Some((id, _)) => cameras.push(id.clone()),
            None => dangling(
                document,
                place!["cameras", index],
                "camera",
                "cameras",
                context.cameras.keys().map(CameraId::as_str),
            ),
        }
    }
    cameras
}

fn model(
    document: &mut Document<RawRule>,
    raw: &RawRule,
    cameras: &[CameraId],
    context: &Context<'_>,
) -> Option<ModelId> {
    let name = &raw.model.as_ref()?.0;
    let place = place!["model"];
    let Some((id, facts)) = context.models.get_key_value(name.as_str()) else {
        dangling(document, place, "model", "models", context.models.keys().map(ModelId::as_str));
        return None;
    };
    let blind: Vec<&str> = cameras
        .iter()
        .filter(
            |camera| matches!(context.cameras.get(camera.as_str()), Some(Some(facts)) if !context.looks(id.as_str(), &facts.models)),
        )
        .map(CameraId::as_str)
        .collect();
    if !blind.is_empty() && blind.len() == cameras.len() {
        let message = format!("no camera of this rule lists the model {}", quoted(document, place));
        document.error(document.at(place), message, format!("add it to `models` of {}", words::list(&blind)));
    }
    if raw.sql.is_none() && !facts.after.is_empty() {
        let message = format!("{} follows other models, and what it says is no frame", quoted(document, place));
        document.error(document.at(place), message, "write the rule in `sql`: see `updates` in docs/rules.md");
    }
    Some(id.clone())
}

/// Tells labels that no model of the rule's cameras can see.
fn labels(
    document: &mut Document<RawRule>,
    raw: &RawRule,
    cameras: &[CameraId],
    model: Option<&ModelId>,
    context: &Context<'_>,
) {
    let follows = |model: &ModelId| context.models.get(model).is_some_and(|facts| !facts.after.is_empty());
    if model.is_some_and(follows) {
        return; // What it says is in `updates`, and no object's label.
    }
    let mut models: Vec<&ModelId> = Vec::new();
    for camera in cameras {
        // A camera that could not be read may have any model.
        let Some(Some(facts)) = context.cameras.get(camera.as_str()) else { return };
        models.extend(facts.models.iter().filter(|m| model.is_none_or(|only| only == *m)));
    }
    models.sort();
    models.dedup();
    let facts: Vec<_> = models.iter().filter_map(|m| context.models.get(m.as_str())).collect();
    if models.is_empty() {
        if !cameras.is_empty() && document.problems.is_empty() {
            let at = document.at(place!["cameras"]);
            document.warn(
                at,
                "no camera of this rule has a model",
                "add `models: […]` to the camera's file: without one, nothing is seen",
            );
        }
        return;
    }
    if facts.iter().any(|facts| facts.labels.is_none()) {
        return;
    }
    let known: Vec<&str> = facts.iter().flat_map(|f| f.labels.iter().flatten()).map(String::as_str).collect();
    let shown = facts.iter().all(|facts| facts.labels_shown);
    for (index, condition) in raw.when.iter().flatten().enumerate() {
        let Some(label) = condition.label.clone() else { continue };
        let single = label.as_one().is_some();
        for (inner, name) in label.into_vec().iter().enumerate() {
            if known.contains(&name.as_str()) {
                continue;
            }
            let (one, many) = (place!["when", index, "label"], place!["when", index, "label", inner]);
            let place = if single { one } else { many };
            let hint = if document.resolved(place) { "" } else { name.as_str() };
            let help = if shown {
                words::did_you_mean(hint, "Known labels", &known)
            } else {
                "see `labels` of the model".to_owned()
            };
            let names: Vec<&str> = models.iter().map(|m| m.as_str()).collect();
            let message = format!(
                "the label {} is known to no model of these cameras ({})",
                quoted(document, place),
                words::list(&names)
            );
            document.error(document.at(place), message, help);
        }
    }
}

fn zone(
    document: &mut Document<RawRule>,
    raw: &RawRule,
    cameras: &[CameraId],
    context: &Context<'_>,
) -> Option<RuleZone> {
    let place = place!["zone"];
    let name = match raw.zone.as_ref()? {
        RawZone::Polygon(corners) => {
            let polygon = polygon(document, place, corners)?;
            return Some(RuleZone {
                name: None,
                polygons: cameras.iter().map(|c| (c.clone(), polygon.clone())).collect(),
            });
        }
        RawZone::Name(name) => &name.0,
    };
    let mut polygons = BTreeMap::new();
    let mut lacking = Vec::new();
    let mut known: Vec<&str> = Vec::new();
    for camera in cameras {
        let Some(Some(facts)) = context.cameras.get(camera.as_str()) else { continue };
        known.extend(facts.zone_names.iter().map(String::as_str));
        match facts.zones.get(name) {
            Some(polygon) => drop(polygons.insert(camera.clone(), polygon.clone())),
            None if facts.zone_names.contains(name) => {}
            None => lacking.push(camera.as_str()),
        }
    }
    if !lacking.is_empty() {
        known.sort_unstable();
        known.dedup();
        let hint = if document.resolved(place) { None } else { words::meant(name, known.iter().copied()) };
        let help = match hint {
            Some(meant) if meant == name => {
                "other cameras of this rule have it: add it to `zones` there, or give these a rule of their own"
                    .to_owned()
            }
            Some(meant) => format!("did you mean `{meant}`? Known zones: {}", words::list(&known)),
            None if known.is_empty() => "the cameras have no `zones`".to_owned(),
            None => format!("Known zones: {}", words::list(&known)),
        };
        let message = format!("there is no zone {} in {}", quoted(document, place), words::list(&lacking));
        document.error(document.at(place), message, help);
    }
    Some(RuleZone { name: Some(name.clone()), polygons })
}

/// Tells words in the braces of message, title and key that nothing is filled in for.
pub(super) fn templates(document: &mut Document<RawRule>, raw: &RawRule, known: &[&str]) {
    for (key, text) in [("message", &raw.message), ("title", &raw.title), ("key", &raw.key)] {
        if let Some(text) = text {
            placeholders(document, key, &text.0, known);
        }
    }
}

fn placeholders(document: &mut Document<RawRule>, key: &'static str, template: &str, known: &[&str]) {
    if document.resolved(place![key]) {
        return;
    }
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else { break };
        let word = &rest[start + 1..start + length];
        // `{track.id}` is a part of the field `track`.
        if !known.contains(&word.split('.').next().unwrap_or(word)) {
            let message = format!("`{{{}}}` stands for nothing in a {key}", words::shown(word));
            document.error(document.at(place![key]), message, words::did_you_mean(word, "Known words", known));
        }
        rest = &rest[start + length + 1..];
    }
}
