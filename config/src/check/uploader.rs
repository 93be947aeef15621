//! `uploaders/*.yaml`.

use std::collections::BTreeMap;

use parapet_contracts::UploaderId;
use parapet_rule_sql::{Condition, Pos, SqlError};

use super::{Context, sinks::sink};
use crate::{
    checked::{Lane, Sink, UploadFormat, UploadKind, Uploader},
    document::{Document, place},
    problem::Position,
    raw::{RawFilter, RawFormat, RawLane, RawStart, RawUploader, RawWhat, Text},
    streams,
    yaml::Step,
};

/// Checks an uploader's file.
pub(crate) fn uploader(
    document: &mut Document<RawUploader>,
    id: &UploaderId,
    context: &mut Context<'_>,
) -> Option<Uploader> {
    let raw = document.raw.take()?;
    if raw.backoff.first.0 > raw.backoff.max.0 {
        let at = document.at(place!["backoff"]);
        document.error(at, "the first wait is longer than the longest", "make `first` at most as long as `max`");
    }
    let mut what: Vec<UploadKind> = raw.what.iter().map(|what| kind(*what)).collect();
    what.sort();
    what.dedup();
    let filters = filters(document, raw.filter, &what, context);
    let priority = priority(document, &raw.priority);
    if raw.from == RawStart::Beginning && raw.what == [RawWhat::Named] {
        let at = document.at(place!["from"]);
        let message = "what rules name the uploader for is not known afterwards";
        document.error(at, message, "send `alerts`, or remove `from`");
    }
    let sink = sink(document, raw.sink?, context)?;
    if matches!(sink, Sink::Smtp(_)) {
        mails(document, &raw.what, raw.format);
    } else if raw.format == RawFormat::Accelerator {
        accelerator(document, &raw.what, &sink);
    }
    Some(Uploader {
        id: id.clone(),
        enabled: raw.enabled,
        what,
        from_beginning: raw.from == RawStart::Beginning,
        filters,
        time_zone: context.time_zone.clone(),
        format: match raw.format {
            RawFormat::Cloudevents => UploadFormat::CloudEvents,
            RawFormat::Data => UploadFormat::Data,
            RawFormat::Accelerator => UploadFormat::Accelerator,
        },
        batch: raw.batch.events as usize,
        linger: raw.batch.linger.0,
        rate_limit: raw.rate_limit.map(|rate| rate.0),
        priority,
        time_to_live: raw.time_to_live.map(|span| span.0),
        keep_dead: u64::from(raw.keep_dead),
        sink,
        backoff: (raw.backoff.first.0, raw.backoff.max.0),
    })
}

fn kind(what: RawWhat) -> UploadKind {
    match what {
        RawWhat::Alerts => UploadKind::Alerts,
        RawWhat::Events => UploadKind::Events,
        RawWhat::Journal => UploadKind::Journal,
        RawWhat::Evidence => UploadKind::Evidence,
        RawWhat::Named => UploadKind::Named,
    }
}

/// Mails are written for people: they tell of alerts and failures, in words of their own, and say themselves what goes together.
fn mails(document: &mut Document<RawUploader>, what: &[RawWhat], format: RawFormat) {
    for (index, what) in what.iter().enumerate() {
        let help = match what {
            RawWhat::Events => "make a rule of what is worth a mail: its alerts are sent",
            RawWhat::Evidence => "send `alerts`: their pictures are in the mails",
            RawWhat::Alerts | RawWhat::Journal | RawWhat::Named => continue,
        };
        let at = document.at(place!["what", index]);
        document.error(at, format!("no mail is sent of `{}`", kind(*what).as_str()), help);
    }
    if format != RawFormat::Cloudevents {
        let at = document.at(place!["format"]);
        document.error(at, "a mail has no format", "remove it");
    }
    if document.has(place!["batch"]) {
        let at = document.at_key(place!["batch"]);
        document.error(
            at,
            "a mail has no batch",
            "write `digest: {within: 5m}` into `smtp`: several alerts are one mail",
        );
    }
}

/// The accelerator reads alerts and detections, from a broker.
fn accelerator(document: &mut Document<RawUploader>, what: &[RawWhat], sink: &Sink) {
    if !matches!(sink, Sink::Mqtt(_)) {
        let at = document.at(place!["format"]);
        document.error(at, "the accelerator's messages go over MQTT", "give a `mqtt` sink, or remove `format`");
    }
    for (index, what) in what.iter().enumerate() {
        if matches!(what, RawWhat::Journal | RawWhat::Evidence) {
            let at = document.at(place!["what", index]);
            document.error(
                at,
                format!("the accelerator knows no `{}`", kind(*what).as_str()),
                "send alerts and events",
            );
        }
    }
}

/// The order of the kinds; those that are not named come last, in their usual order.
fn priority(document: &mut Document<RawUploader>, raw: &[RawLane]) -> [Lane; 4] {
    let mut order: Vec<Lane> = Vec::new();
    for (index, kind) in raw.iter().enumerate() {
        let lane = match kind {
            RawLane::Alerts => Lane::Alerts,
            RawLane::Events => Lane::Events,
            RawLane::Journal => Lane::Journal,
            RawLane::Evidence => Lane::Evidence,
        };
        if order.contains(&lane) {
            let at = document.at(place!["priority", index]);
            document.error(at, format!("`{}` stands twice in this list", lane.as_str()), "keep one of them");
        } else {
            order.push(lane);
        }
    }
    let rank = |lane: &Lane| order.iter().position(|known| known == lane).unwrap_or(order.len());
    let mut all = Lane::ALL;
    all.sort_by_key(rank);
    all
}

/// The condition of each kind that has one.
fn filters(
    document: &mut Document<RawUploader>,
    raw: Option<RawFilter>,
    what: &[UploadKind],
    context: &Context<'_>,
) -> BTreeMap<Lane, String> {
    let mut filters = BTreeMap::new();
    let mut lanes: Vec<Lane> = what.iter().map(|kind| kind.lane()).collect();
    lanes.dedup();
    match raw {
        None => {}
        Some(RawFilter::All(Text(text))) => {
            for lane in &lanes {
                if !plan(document, place!["filter"], &text, *lane, lanes.len() > 1, context) {
                    break;
                }
                filters.insert(*lane, text.clone());
            }
        }
        Some(RawFilter::Each(each)) => {
            let all = [
                (Lane::Alerts, each.alerts),
                (Lane::Events, each.events),
                (Lane::Journal, each.journal),
                (Lane::Evidence, each.evidence),
            ];
            for (lane, text) in all {
                let Some(Text(text)) = text else { continue };
                let place = [Step::Key("filter"), Step::Key(lane.as_str())];
                if !lanes.contains(&lane) {
                    let at = document.at_key(&place);
                    let message = format!("it sends no {}", lane.as_str());
                    document.error(at, message, format!("add `{}` to `what`, or remove this condition", lane.as_str()));
                } else if plan(document, &place, &text, lane, false, context) {
                    filters.insert(lane, text);
                }
            }
        }
    }
    filters
}

/// Whether a condition has no error; tells it.
fn plan(
    document: &mut Document<RawUploader>,
    place: &[Step<'_>],
    text: &str,
    lane: Lane,
    several: bool,
    context: &Context<'_>,
) -> bool {
    let (stream, mut catalog) = streams::uploads(lane);
    streams::schedule(&mut catalog, &context.schedules);
    let Err(error) = Condition::new(text, stream, &catalog, context.time_zone.clone()) else { return true };
    if document.resolved(place) {
        // Words of the condition may be what a reference became.
        let message = "the condition has an error (not shown, as `${…}` stands in it)";
        document.error(document.at(place), message, "write the condition out");
        return false;
    }
    let SqlError { message, pos, hint } = error;
    let which = if several { format!(" (as a condition on {})", lane.as_str()) } else { String::new() };
    let mut help =
        hint.unwrap_or_else(|| "write what would stand behind WHERE, for example `severity = 'critical'`".to_owned());
    if several {
        help.push_str("; kinds with other columns need a condition each: `filter: {alerts: …, events: …}`");
    }
    match (pos, pos.and_then(|pos| place_in_file(document, place, text, pos))) {
        (_, Some(exact)) => document.error(exact, format!("{message}{which}"), help),
        (Some(pos), None) => {
            let message = format!("line {}, column {} of the condition: {message}{which}", pos.line, pos.column);
            document.error(document.at(place), message, help);
        }
        (None, None) => document.error(document.at(place), format!("{message}{which}"), help),
    }
    false
}

/// Where a place of the condition stands in the file, when its first line stands there as it is.
fn place_in_file(document: &Document<RawUploader>, place: &[Step<'_>], text: &str, pos: Pos) -> Option<Position> {
    let at = document.at(place);
    let line: String = document.line(at.line).chars().skip(at.column.checked_sub(1)?).collect();
    let quoted = line.starts_with(['"', '\'']);
    let inner = if quoted { line.get(1..)? } else { &line };
    let column = usize::try_from(pos.column).ok()?;
    (pos.line == 1 && inner.starts_with(text.lines().next()?))
        .then(|| Position { line: at.line, column: at.column + usize::from(quoted) + column - 1 })
}
