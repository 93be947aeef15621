//! What a mail tells: an alert, what became of one, or a failure, in words for people. Pure.

use jiff::tz::TimeZone;
use parapet_contracts::{
    Alert, AlertChange, AlertUpdate, ErrorEvent, EvidenceRef, Severity, Timestamp,
    cloudevent::{CloudEventError, Event},
};

/// One thing that a mail tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    Alert(Box<Alert>),
    Update(AlertUpdate),
    Failure(ErrorEvent),
}

/// A line of a table: what, and its value.
pub(crate) type Line = (&'static str, String);

impl News {
    /// Reads an item's payload.
    ///
    /// # Errors
    /// When it is no CloudEvent, or of a kind that is no mail.
    pub(crate) fn read(payload: &str) -> Result<Self, CloudEventError> {
        match Event::from_json(payload.as_bytes())? {
            Event::Alert(alert) => Ok(Self::Alert(alert)),
            Event::AlertUpdate(update) => Ok(Self::Update(update)),
            Event::Error(failure) => Ok(Self::Failure(failure)),
            _ => Err(CloudEventError::UnknownType("an event of which no mail is made".to_owned())),
        }
    }

    pub(crate) fn site(&self) -> &str {
        match self {
            Self::Alert(alert) => alert.site.as_str(),
            Self::Update(update) => update.site.as_str(),
            Self::Failure(failure) => failure.site.as_str(),
        }
    }

    /// How bad it is; failures of the site itself are warnings.
    pub(crate) fn severity(&self) -> Severity {
        match self {
            Self::Alert(alert) => alert.severity,
            Self::Update(update) => update.severity,
            Self::Failure(_) => Severity::Warning,
        }
    }

    pub(crate) fn rule(&self) -> &str {
        match self {
            Self::Alert(alert) => alert.rule.as_str(),
            Self::Update(update) => update.rule.as_str(),
            Self::Failure(_) => "",
        }
    }

    pub(crate) fn camera(&self) -> &str {
        let camera = match self {
            Self::Alert(alert) => alert.camera.as_ref(),
            Self::Update(update) => update.camera.as_ref(),
            Self::Failure(_) => None,
        };
        camera.map_or("", |camera| camera.as_str())
    }

    pub(crate) fn ts(&self) -> Timestamp {
        match self {
            Self::Alert(alert) => alert.ts,
            Self::Update(update) => update.ts,
            Self::Failure(failure) => failure.record.first,
        }
    }

    /// A few words.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Alert(alert) => alert.title.clone().unwrap_or_else(|| alert.message.clone()),
            Self::Update(update) => {
                let place = update.camera.as_ref().map(|camera| format!(" at {camera}")).unwrap_or_default();
                format!("{} {}{place}", update.rule, word(update.change))
            }
            Self::Failure(failure) => format!("{}: {}", failure.record.actor, failure.record.kind),
        }
    }

    /// One sentence.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Alert(alert) => alert.message.clone(),
            Self::Update(update) => {
                let what = match update.change {
                    AlertChange::Resolved => "The condition of the alert no longer holds.",
                    AlertChange::Acknowledged => "Somebody has taken notice of the alert.",
                    AlertChange::Escalated => "The alert went on for so long that it is worse than it was.",
                    AlertChange::Reminded => "The alert goes on, and nobody has taken notice of it.",
                    AlertChange::Evidence if update.evidence.is_some() => "There is a clip of the alert.",
                    AlertChange::Evidence => "There is no clip of the alert.",
                    AlertChange::Removed => "Evidence of the alert was deleted: delete your copies of it as well.",
                };
                what.to_owned()
            }
            Self::Failure(failure) => failure.record.text.clone(),
        }
    }

    /// The picture that belongs to it.
    pub(crate) fn picture(&self) -> Option<&EvidenceRef> {
        match self {
            Self::Alert(alert) => alert.evidence.as_ref().filter(|file| file.media_type.starts_with("image/")),
            Self::Update(_) | Self::Failure(_) => None,
        }
    }

    /// All that there is to say, besides title and message.
    pub(crate) fn lines(&self, zone: &TimeZone) -> Vec<Line> {
        let mut lines = vec![("Site", self.site().to_owned())];
        let mut add = |what, value: String| {
            if !value.is_empty() {
                lines.push((what, value));
            }
        };
        add("Camera", self.camera().to_owned());
        add("Rule", self.rule().to_owned());
        add("Severity", self.severity().to_string());
        add("Time", time(self.ts(), zone));
        match self {
            Self::Alert(alert) => {
                if alert.since != alert.ts {
                    add("Since", time(alert.since, zone));
                }
                let seen = alert.objects.iter().map(|object| format!("{} {:.2}", object.label, object.score));
                add("Seen", seen.collect::<Vec<_>>().join(", "));
                add("About", alert.key.clone().unwrap_or_default());
                add("Alert", alert.id.to_string());
            }
            Self::Update(update) => {
                add("By", update.by.clone().unwrap_or_default());
                add("Note", update.note.clone().unwrap_or_default());
                add("File", update.evidence.as_ref().map(|file| file.path.clone()).unwrap_or_default());
                add("Alert", update.alert.to_string());
            }
            Self::Failure(failure) => {
                add("Actor", failure.record.actor.clone());
                add("Kind", failure.record.kind.clone());
            }
        }
        lines
    }
}

/// A subject whose places are filled in, on one line.
pub(crate) fn subject(template: &str, news: &News, zone: &TimeZone) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            rest = after;
            break;
        };
        match name {
            "site" => out.push_str(news.site()),
            "rule" => out.push_str(news.rule()),
            "camera" => out.push_str(news.camera()),
            "severity" => out.push_str(&news.severity().to_string()),
            "title" => out.push_str(&news.title()),
            "message" => out.push_str(&news.message()),
            "time" => out.push_str(&time(news.ts(), zone)),
            _ => {}
        }
        rest = behind;
    }
    out.push_str(rest);
    one_line(&out)
}

/// A text without line ends and other control characters, at most as long as a subject may reasonably be.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|w| !w.is_empty()).collect();
    let line: String = words.join(" ");
    if line.chars().count() > 200 { line.chars().take(199).chain(['…']).collect() } else { line }
}

/// `2026-11-25 22:13:05 CET`.
pub(crate) fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

fn word(change: AlertChange) -> &'static str {
    match change {
        AlertChange::Resolved => "is over",
        AlertChange::Acknowledged => "is acknowledged",
        AlertChange::Escalated => "goes on and is worse",
        AlertChange::Reminded => "goes on",
        AlertChange::Removed => "has lost evidence",
        AlertChange::Evidence => "has a clip",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parapet_testkit::conformance::samples;

    use super::*;

    fn alert() -> News {
        let mut alert = samples::alert(7, "gate", "intruder", Severity::Critical, 7);
        alert.title = Some("Somebody\r\nBcc: x@y.org is here".to_owned());
        News::Alert(Box::new(alert))
    }

    #[test]
    fn a_subject_is_one_line_whatever_is_filled_in() {
        let news = alert();
        let text = subject("[{site}] {severity} {rule}@{camera}: {title} {nothing}{", &news, &TimeZone::UTC);
        assert!(text.ends_with("critical intruder@gate: Somebody Bcc: x@y.org is here"), "{text}");
        assert!(!text.contains(['\r', '\n']));
        assert_eq!(one_line(&"x".repeat(500)).chars().count(), 200);
    }

    #[test]
    fn times_are_those_of_the_sites_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(time("2026-11-25T21:13:05.5Z".parse().unwrap(), &zone), "2026-11-25 22:13:05 CET");
    }

    #[test]
    fn what_is_no_mail_is_told() {
        assert!(News::read("{}").is_err());
        assert!(News::read("").is_err());
    }
}
