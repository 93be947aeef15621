//! What an uploader wants of what happens: kinds, and conditions on their rows.

use std::{collections::BTreeMap, sync::Arc};

use jiff::tz::TimeZone;
use parapet_config::{Lane, UploadKind, Uploader, streams};
use parapet_contracts::{Alert, AlertUpdate, DetectionEvent, ErrorRecord, Timestamp, UploaderId};
use parapet_rule_sql::{
    Condition,
    value::{Instant, Object, Value},
};

use crate::rule::{others, rows};

/// What one uploader wants.
#[derive(Debug)]
pub struct Selection {
    /// The uploader.
    pub id: UploaderId,
    what: Vec<UploadKind>,
    conditions: BTreeMap<Lane, Condition>,
    zone: TimeZone,
}

impl Selection {
    /// What a checked uploader wants. A condition that can't be planned, as a checked one can, lets everything through.
    pub fn new(uploader: &Uploader) -> Self {
        let plan = |lane: Lane, text: &str| {
            let (stream, catalog) = streams::uploads(lane);
            Condition::new(text, stream, &catalog, uploader.time_zone.clone()).ok()
        };
        let conditions = uploader.filters.iter().filter_map(|(lane, text)| Some((*lane, plan(*lane, text)?))).collect();
        Self { id: uploader.id.clone(), what: uploader.what.clone(), conditions, zone: uploader.time_zone.clone() }
    }

    /// Whether it sends things of this kind at all.
    pub fn sends(&self, kind: UploadKind) -> bool {
        self.what.contains(&kind)
    }

    /// Whether an alert fits.
    pub fn takes_alert(&self, lane: Lane, alert: &Alert) -> bool {
        self.holds(lane, alert.ts, || vec![others::alert(alert, &self.zone).data])
    }

    /// Whether what became of an alert fits.
    pub fn takes_update(&self, lane: Lane, update: &AlertUpdate) -> bool {
        self.holds(lane, update.ts, || vec![others::alert_update(update, &self.zone).data])
    }

    /// Whether an event fits: one of its objects does; of one without objects, its frame.
    pub fn takes_event(&self, event: &DetectionEvent) -> bool {
        self.holds(Lane::Events, event.ts, || {
            let common = rows::common(event, &self.zone);
            if event.objects.is_empty() {
                return vec![Arc::new(common)];
            }
            event.objects.iter().map(|object| rows::detection(&common, object, &self.zone)).collect()
        })
    }

    /// Whether a failure fits. What an uploader says of itself it does not send: it might never end.
    pub fn takes_failure(&self, record: &ErrorRecord) -> bool {
        let own = record.actor.strip_prefix("uploaders/").is_some_and(|id| id == self.id.as_str());
        !own && self.holds(Lane::Journal, record.first, || {
            let ts = Value::Time(Instant::from_millis(record.first.as_millisecond(), self.zone.clone()));
            let fields = [
                ("actor", Value::str(&record.actor)),
                ("kind", Value::str(&record.kind)),
                ("text", Value::str(&record.text)),
                ("ts", ts),
            ];
            vec![Arc::new(fields.into_iter().map(|(name, value)| (Arc::from(name), value)).collect())]
        })
    }

    /// What can't be judged is sent: a condition that fails on a row must not lose it.
    fn holds(&self, lane: Lane, ts: Timestamp, rows: impl FnOnce() -> Vec<Arc<Object>>) -> bool {
        let Some(condition) = self.conditions.get(&lane) else { return true };
        rows().into_iter().any(|row| {
            condition.holds(row, ts.as_millisecond()).unwrap_or_else(|error| {
                metrics::counter!("parapet_uploader_filter_errors_total", "uploader" => self.id.to_string())
                    .increment(1);
                tracing::debug!(uploader = %self.id, %error, "a condition failed on a row; it is sent");
                true
            })
        })
    }
}
