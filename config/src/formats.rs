//! Texts with a form: the schema names the form by `format`, and this table holds the words and the check for each. So the
//! schema and the check can't disagree.

use std::net::SocketAddr;

use parapet_contracts::{
    ids::is_valid_id,
    ports::inference::{Device, NotADevice},
};

use crate::{units, words};

/// A form that a text can have.
pub(crate) struct Format {
    /// Its name in the schema.
    pub name: &'static str,
    /// What is expected, as a message says it.
    pub expected: &'static str,
    /// True when a text has the form.
    pub check: fn(&str) -> bool,
    /// What to do when it has not; it sees the text as the file has it.
    pub hint: fn(&str) -> Option<String>,
}

/// The name of the format of secrets: their texts are never quoted.
pub(crate) const SECRET: &str = "secret";

const FORMATS: &[Format] = &[
    Format {
        name: "duration",
        expected: "a duration such as `5s` or `500ms`",
        check: |t| units::parse_duration(t).is_some(),
        hint: duration_hint,
    },
    Format {
        name: "size",
        expected: "a size such as `20MiB` or `4GB`",
        check: |t| units::parse_size(t).is_some(),
        hint: size_hint,
    },
    Format {
        name: "rate",
        expected: "a rate such as `5fps`, above 0",
        check: |t| units::parse_rate(t).is_some(),
        hint: rate_hint,
    },
    Format {
        name: "id",
        expected: "an id: 1 to 63 of a–z, 0–9, `-` and `_`, beginning with a letter or a digit",
        check: is_valid_id,
        hint: id_hint,
    },
    Format {
        name: SECRET,
        expected: "a text, or better `${env:NAME}` or `${file:/path}`",
        check: |t| !t.is_empty(),
        hint: |_| None,
    },
    Format { name: "text", expected: "a text", check: |t| !t.trim().is_empty(), hint: |_| None },
    Format { name: "path", expected: "a path", check: |t| !t.is_empty() && !t.contains('\0'), hint: |_| None },
    Format {
        name: "address",
        expected: "an IP address and a port such as `127.0.0.1:8080`",
        check: |t| t.parse::<SocketAddr>().is_ok(),
        hint: address_hint,
    },
    Format {
        name: "time-zone",
        expected: "an IANA time zone such as `Europe/Berlin` or `UTC`",
        check: |t| jiff::tz::TimeZone::get(t).is_ok(),
        hint: zone_hint,
    },
    Format {
        name: "time-of-day",
        expected: "a time of day such as `06:30` (00:00 to 24:00)",
        check: |t| parse_time(t).is_some(),
        hint: |_| None,
    },
    Format {
        name: "device",
        expected: NotADevice::EXPECTED,
        check: |t| t.parse::<Device>().is_ok(),
        hint: device_hint,
    },
    Format {
        name: "column-type",
        expected: "a type: `string`, `integer`, `number`, `boolean` or `time`, with `[]` behind it for a list, and `?` where it may be absent",
        check: |t| crate::columns::parse_type(t).is_some(),
        hint: |t| {
            words::meant(t.trim_end_matches(['?', '[', ']']), crate::columns::TYPES)
                .map(|m| format!("did you mean `{m}`?"))
        },
    },
    Format {
        name: "log-level",
        expected: "`error`, `warn`, `info`, `debug` or `trace`, also by part such as `info,parapet=debug`",
        check: is_level,
        hint: |_| None,
    },
];

/// What each format expects.
#[cfg(test)]
pub(crate) const EXPECTED: [&str; 13] = {
    let mut out = [""; 13];
    let mut index = 0;
    while index < FORMATS.len() {
        out[index] = FORMATS[index].expected;
        index += 1;
    }
    out
};

/// The format of a name.
pub(crate) fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|f| f.name == name)
}

/// A bare number: the unit is missing.
fn bare(text: &str, unit: &str) -> Option<String> {
    text.trim().parse::<f64>().ok().filter(|n| *n >= 0.0).map(|_| format!("give the unit: `{}{unit}`", text.trim()))
}

fn duration_hint(text: &str) -> Option<String> {
    bare(text, "s").or_else(|| Some("the units are ms, s, m, h and d".to_owned()))
}

fn size_hint(text: &str) -> Option<String> {
    bare(text, "MiB").or_else(|| Some("the units are B, kB, MB, GB, TB, KiB, MiB, GiB and TiB".to_owned()))
}

fn rate_hint(text: &str) -> Option<String> {
    bare(text, "fps").filter(|_| text.trim() != "0").or_else(|| Some("the unit is fps, frames per second".to_owned()))
}

fn id_hint(text: &str) -> Option<String> {
    let id = slug(text);
    is_valid_id(&id).then(|| format!("for example `{id}`"))
}

/// The id that is nearest to a text.
pub(crate) fn slug(text: &str) -> String {
    let lower = text.to_lowercase();
    let parts = lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").trim_start_matches('_').chars().take(63).collect()
}

fn address_hint(text: &str) -> Option<String> {
    if let Some(port) = text.strip_prefix("localhost:") {
        return Some(format!("write `127.0.0.1:{port}`"));
    }
    text.trim_start_matches(':').parse::<u16>().ok().map(|port| format!("write `127.0.0.1:{port}`"))
}

fn device_hint(text: &str) -> Option<String> {
    let index = text.to_lowercase().trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u8>().unwrap_or(0);
    ["gpu", "cuda", "nvidia"]
        .iter()
        .any(|name| text.to_lowercase().starts_with(name))
        .then(|| format!("write `cuda:{index}`"))
}

fn zone_hint(text: &str) -> Option<String> {
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    words::meant(text, names.iter().map(String::as_str)).map(|name| format!("did you mean `{name}`?"))
}

/// Reads `06:30`; `24:00` is the midnight that ends a day.
pub(crate) fn parse_time(text: &str) -> Option<jiff::civil::Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |t: &str| if t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit()) { t.parse::<i8>().ok() } else { None };
    match (two(hour)?, two(minute)?) {
        (24, 0) => Some(jiff::civil::Time::midnight()),
        (hour, minute) => jiff::civil::Time::new(hour, minute, 0, 0).ok(),
    }
}

/// `tracing`'s directives, without its spans and fields: `level`, `target=level`, joined by commas.
fn is_level(text: &str) -> bool {
    let level = |t: &str| matches!(t, "off" | "error" | "warn" | "info" | "debug" | "trace");
    let target =
        |t: &str| !t.is_empty() && t.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-'));
    text.split(',').map(str::trim).all(|part| match part.split_once('=') {
        Some((name, value)) => target(name) && level(value),
        None => level(part),
    })
}
