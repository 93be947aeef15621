//! From what happens to the rows that the statement reads, and what it puts out for them.

use std::sync::Arc;

use parapet_config::streams;
use parapet_contracts::{DetectionEvent, Happening};
use parapet_rule_sql::{Emission, Event};

use super::{Program, others, rows};
use crate::rule::classic;

impl Program {
    /// Gives the statement its rows: what they are about, and what it put out, with the index of the object of each.
    pub(super) fn put_in(&mut self, happening: &Happening, awake: bool) -> (String, Vec<(Option<usize>, Emission)>) {
        let at = happening.ts().as_millisecond();
        let zone = self.rule.time_zone.clone();
        let other = match happening {
            Happening::Seen(event) => {
                let put_out = if awake { self.put_in_frame(event) } else { Vec::new() };
                return (event.camera.to_string(), put_out);
            }
            Happening::Status(event) => {
                let camera = event.camera.as_ref().map(ToString::to_string);
                // No camera has a space in its name.
                let name = camera.or_else(|| event.model.as_ref().map(|model| format!("model {model}")));
                let name = name.unwrap_or_default();
                let before = self.health.insert(name.clone(), event.health.as_str().to_owned());
                (name, others::status(event, before.as_deref(), &zone))
            }
            Happening::Alert(alert) => {
                (format!("{} {}", alert.rule, alert.key.as_deref().unwrap_or_default()), others::alert(alert, &zone))
            }
            Happening::AlertUpdate(update) => (update.alert.to_string(), others::alert_update(update, &zone)),
            Happening::Row(row) => {
                let Some(stream) = self.rule.reads.streams.iter().find(|stream| stream.id == row.stream).cloned()
                else {
                    return (String::new(), Vec::new());
                };
                let table = format!("{}{}", stream.id, streams::LATEST);
                if self.plan.source(&table).is_some() {
                    let rows = self.latest.take(row, &stream, &zone);
                    self.engine(at).load_table(&table, rows);
                }
                if self.plan.source(stream.id.as_str()).is_none() {
                    return (String::new(), Vec::new());
                }
                (others::subject(row, &stream), others::row(row, &stream, &zone))
            }
        };
        let (subject, other) = other;
        if !awake {
            return (subject, Vec::new());
        }
        let engine = self.engine(at);
        engine.push(&Event { stream: other.stream, at, data: other.data, meta: other.meta });
        let put_out = engine.drain().map(|emission| (None, emission)).collect();
        (subject, put_out)
    }

    fn put_in_frame(&mut self, event: &Arc<DetectionEvent>) -> Vec<(Option<usize>, Emission)> {
        let at = event.ts.as_millisecond();
        let (zone, rule, plan) = (self.rule.time_zone.clone(), Arc::clone(&self.rule), Arc::clone(&self.plan));
        let [frames, detections, tracks] = [streams::FRAMES, streams::DETECTIONS, streams::TRACKS]
            .map(|stream| plan.sources.iter().find(|source| source.name.as_ref() == stream).map(|source| &source.name));
        let mut put_out: Vec<(Option<usize>, Emission)> = Vec::new();
        let (asks, mut shows) = (self.asks_what_counts(), false);
        let engine = self.engine(at);
        if let Some(update) = &event.update {
            for data in rows::updates(event, update, &zone) {
                engine.push(&Event { stream: streams::UPDATES.into(), at, data, meta: None });
                put_out.extend(engine.drain().map(|emission| (Some(0), emission)));
            }
            return put_out;
        }
        if let Some(name) = frames {
            let things = plan.reads_all || plan.columns.iter().any(|column| column.name.eq_ignore_ascii_case("things"));
            let place = rule.zone.as_ref().map(|zone| zone.polygons.get(&event.camera));
            let place = classic::zone_name(&rule).zip(place);
            let data = Arc::new(rows::frame(event, things, place, &zone));
            engine.push(&Event { stream: Arc::clone(name), at, data, meta: None });
            put_out.extend(engine.drain().map(|emission| (None, emission)));
        }
        if let Some(name) = detections {
            let common = rows::common(event, &zone);
            for (index, object) in event.objects.iter().enumerate() {
                let data = rows::detection(&common, object, &zone);
                shows = shows || (asks && engine.counts(name, &data).is_some());
                engine.push(&Event { stream: Arc::clone(name), at, data, meta: None });
                put_out.extend(engine.drain().map(|emission| (Some(index), emission)));
            }
        }
        if let Some(name) = tracks {
            for (index, data) in rows::tracks(event, &zone) {
                shows = shows || (asks && index.is_some() && engine.counts(name, &data).is_some());
                engine.push(&Event { stream: Arc::clone(name), at, data, meta: None });
                put_out.extend(engine.drain().map(|emission| (index, emission)));
            }
        }
        if let Some(seen) = self.seen.get_mut(&event.camera).filter(|_| shows) {
            seen.occupied = Some(Arc::clone(event));
        }
        put_out
    }
}
