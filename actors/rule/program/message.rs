//! The texts of an alert, from a template and the row that was put out.

use parapet_config::Rule;
use parapet_contracts::{CameraId, Object as Seen};
use parapet_rule_sql::value::{Object, Value, go_text};

/// What the words of a template are taken from.
pub(super) struct Words<'a> {
    pub(super) rule: &'a Rule,
    pub(super) row: &'a Object,
    pub(super) camera: Option<&'a CameraId>,
    pub(super) objects: &'a [Seen],
}

impl Words<'_> {
    /// The message: the rule's template filled in, or a plain sentence.
    pub(super) fn message(&self) -> String {
        match &self.rule.message {
            Some(template) => self.fill(template),
            None => self.plain(),
        }
    }

    /// What the alert is about: the rule's key filled in, or the camera.
    pub(super) fn key(&self) -> String {
        match &self.rule.alerting.key {
            Some(template) => self.fill(template),
            None => self.camera.map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// Fills a template in. What is not there is left out.
    pub(super) fn fill(&self, template: &str) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let Some((name, next)) = after.split_once('}') else {
                out.push('{');
                rest = after;
                continue;
            };
            out.push_str(&self.word(name));
            rest = next;
        }
        out.push_str(rest);
        out
    }

    /// A field of the row, else one of the words that every rule has.
    fn word(&self, name: &str) -> String {
        let mut path = name.split('.');
        let first = path.next().and_then(|head| self.row.find(head)).cloned();
        if let Some(value) = first {
            return shown(&path.fold(value, |value, step| {
                value.as_object().and_then(|object| object.find(step)).cloned().unwrap_or(Value::Null)
            }));
        }
        match name {
            "camera" => self.camera.map(ToString::to_string).unwrap_or_default(),
            "rule" => self.rule.name.clone(),
            "label" => labels_of(self.objects),
            "count" => self.objects.len().to_string(),
            "score" => format!("{:.2}", self.objects.iter().map(|object| object.score).fold(0.0, f32::max)),
            "zone" => self.zone().unwrap_or("the zone").to_owned(),
            _ => String::new(),
        }
    }

    fn zone(&self) -> Option<&str> {
        self.rule.zone.as_ref().and_then(|zone| zone.name.as_deref())
    }

    fn plain(&self) -> String {
        let at = self.camera.map(|camera| format!(" at {camera}")).unwrap_or_default();
        let fields = self.row.iter().filter(|(name, value)| name.as_ref() != "camera" && !value.is_null());
        let mut fields: Vec<String> = fields.take(8).map(|(name, value)| format!("{name} {}", shown(value))).collect();
        if matches!(self.rule.body, parapet_config::RuleBody::Classic(_)) {
            let place = self.rule.zone.as_ref().and(self.zone()).map(|zone| format!(" in {zone}")).unwrap_or_default();
            fields = vec![format!("{}{place}", labels_of(self.objects))];
        }
        match fields.is_empty() {
            true => format!("{}{at}", self.rule.name),
            false => format!("{}: {}{at}", self.rule.name, fields.join(", ")),
        }
    }
}

/// `2 person, 1 car`: in the order of their first appearance.
fn labels_of(objects: &[Seen]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for object in objects {
        match counts.iter_mut().find(|(label, _)| *label == object.label) {
            Some((_, count)) => *count += 1,
            None => counts.push((&object.label, 1)),
        }
    }
    counts.iter().map(|(label, count)| format!("{count} {label}")).collect::<Vec<_>>().join(", ")
}

/// A value for people: numbers with at most two decimals.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Float(number) => {
            let text = format!("{number:.2}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        Value::Array(_) | Value::Object(_) => value.to_json().to_string(),
        other => go_text(other),
    }
}
