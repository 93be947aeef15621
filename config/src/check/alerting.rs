//! What becomes of a rule that holds, and the times of the week.

use std::time::Duration;

use jiff::civil::{Time, Weekday};
use parapet_contracts::{Severity, UploaderId};

use super::{Context, dangling};
use crate::{
    checked::{Action, Alerting, ClipSpan, Escalate, Period},
    document::{Document, place},
    formats,
    raw::{RawClip, RawDay, RawPeriod, RawRule, RawSeverity, RawWanted},
};

/// A shorter one shows nothing.
const SHORTEST_CLIP: Duration = Duration::from_secs(1);

/// Checks what a rule says of its alerts.
pub(super) fn alerting(
    document: &mut Document<RawRule>,
    raw: &RawRule,
    lasts: bool,
    context: &Context<'_>,
) -> Alerting {
    if raw.resolve_after.is_none() && !lasts {
        for key in ["remind_every", "escalate"] {
            if document.has(place![key]) && !document.is_null(place![key]) {
                let at = document.at_key(place![key]);
                let help =
                    "add `resolve_after: 30s`: so long after the condition has ceased to hold, the alert is over";
                document.error(at, format!("`{key}` is about alerts that go on, and those of this rule do not"), help);
            }
        }
    }
    let steps = raw
        .escalate
        .iter()
        .filter_map(|step| Some(Escalate { after: step.after.as_ref()?.0, severity: severity(step.severity) }));
    let mut escalate: Vec<Escalate> = steps.collect();
    escalate.sort_by_key(|step| step.after);
    let mut maintenance = context.maintenance.clone();
    maintenance.extend(periods(document, "maintenance", &raw.maintenance));
    Alerting {
        title: raw.title.as_ref().map(|title| title.0.clone()),
        key: raw.key.as_ref().map(|key| key.0.clone()),
        resolve_after: raw.resolve_after.as_ref().map(|span| span.0),
        remind_every: raw.remind_every.as_ref().map(|span| span.0),
        escalate,
        maintenance,
        picture: raw.evidence != RawWanted::None,
        clip: clip(document, raw),
        actions: actions(document, raw, context),
    }
}

fn clip(document: &mut Document<RawRule>, raw: &RawRule) -> Option<ClipSpan> {
    if raw.evidence != RawWanted::Clip {
        if raw.clip.is_some() {
            let at = document.at_key(place!["clip"]);
            document.error(at, "`clip` says how long a clip is, and this rule keeps none", "add `evidence: clip`");
        }
        return None;
    }
    let RawClip { before, after } = raw.clip.clone().unwrap_or_default();
    if before.0 + after.0 < SHORTEST_CLIP {
        let at = document.at(place!["clip"]);
        document.error(at, "a clip of less than a second", "give `before` or `after` at least a second");
    }
    Some(ClipSpan { before: before.0, after: after.0 })
}

fn actions(document: &mut Document<RawRule>, raw: &RawRule, context: &Context<'_>) -> Vec<Action> {
    let mut actions = Vec::new();
    for (index, action) in raw.actions.iter().enumerate() {
        match (&action.mqtt, &action.uploader) {
            (Some(topic), None) if topic.0.contains(['+', '#', '\0']) || topic.0.starts_with('$') => {
                let at = document.at(place!["actions", index, "mqtt"]);
                document.error(at, "this is no topic to publish on", "`+`, `#` and a leading `$` are for subscribers");
            }
            (Some(topic), None) => actions.push(Action::Mqtt { topic: topic.0.clone() }),
            (None, Some(name)) => match context.uploaders.iter().find(|id| id.as_str() == name.0) {
                Some(id) => actions.push(Action::Uploader(id.clone())),
                // A rule that stands alone has no uploaders beside it.
                None if context.media.is_none() => {}
                None => {
                    let known = context.uploaders.iter().map(UploaderId::as_str);
                    dangling(document, place!["actions", index, "uploader"], "uploader", "uploaders", known);
                }
            },
            _ => {
                let at = document.at(place!["actions", index]);
                document.error(at, "an action has one of `mqtt` and `uploader`", "make an item of each");
            }
        }
    }
    actions
}

/// How bad it is.
pub(super) fn severity(raw: RawSeverity) -> Severity {
    match raw {
        RawSeverity::Info => Severity::Info,
        RawSeverity::Warning => Severity::Warning,
        RawSeverity::Critical => Severity::Critical,
    }
}

/// Times of the week.
pub(super) fn periods<T>(document: &mut Document<T>, key: &'static str, raw: &[RawPeriod]) -> Vec<Period> {
    raw.iter().enumerate().filter_map(|(index, raw)| period(document, key, index, raw)).collect()
}

fn period<T>(document: &mut Document<T>, key: &'static str, index: usize, raw: &RawPeriod) -> Option<Period> {
    let (from, to) = (formats::parse_time(&raw.from.0)?, formats::parse_time(&raw.to.0)?);
    if from == to && from != Time::midnight() {
        let at = document.at(place![key, index]);
        document.warn(at, "this period lasts a whole day", "`from` and `to` are equal: was another time meant?");
    }
    let mut days = Vec::new();
    for day in raw.days.iter().flat_map(|day| weekdays(*day)) {
        if !days.contains(day) {
            days.push(*day);
        }
    }
    days.sort_by_key(|day| day.to_monday_zero_offset());
    Some(Period { days, from, to })
}

fn weekdays(day: RawDay) -> &'static [Weekday] {
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    match day {
        RawDay::Mon => &[Monday],
        RawDay::Tue => &[Tuesday],
        RawDay::Wed => &[Wednesday],
        RawDay::Thu => &[Thursday],
        RawDay::Fri => &[Friday],
        RawDay::Sat => &[Saturday],
        RawDay::Sun => &[Sunday],
        RawDay::Weekdays => &[Monday, Tuesday, Wednesday, Thursday, Friday],
        RawDay::Weekend => &[Saturday, Sunday],
        RawDay::Daily => &[Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday],
    }
}
