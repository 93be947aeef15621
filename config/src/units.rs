//! Units are types: `5s`, `20MiB`, `5fps`. A bare number is refused, since nobody can tell what it counts.

use std::{borrow::Cow, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

const DURATIONS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// The pattern of a duration, for editors.
pub(crate) const DURATION_PATTERN: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$";
/// The pattern of a size, for editors.
pub(crate) const SIZE_PATTERN: &str = r"^[0-9]+(\.[0-9]+)? ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$";
/// The pattern of a rate, for editors.
pub(crate) const RATE_PATTERN: &str = r"^[0-9]+(\.[0-9]+)? ?fps$";

/// Reads a duration such as `500ms`, `5s`, `1h30m` or `7d`; at most 100 years. `None` when it is none.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut millis = 0.0;
    while !rest.is_empty() {
        let (number, tail) = number(rest)?;
        let unit = tail.find(|c: char| c.is_ascii_digit()).map_or(tail, |end| &tail[..end]);
        let (_, factor) = DURATIONS.iter().find(|(name, _)| *name == unit)?;
        millis += number * *factor as f64;
        rest = &tail[unit.len()..];
    }
    let hundred_years = 36_525.0 * 86_400_000.0;
    (!text.is_empty() && millis <= hundred_years).then(|| Duration::from_micros((millis * 1_000.0).round() as u64))
}

/// Reads a size such as `20MiB` or `4GB` in bytes; at most 1,000 TiB. `None` when it is none.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = number(text)?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (_, factor) = SIZES.iter().find(|(name, _)| *name == unit)?;
    let bytes = number * *factor as f64;
    (bytes <= (1_000_u64 << 40) as f64).then(|| bytes.round() as u64)
}

/// Reads a rate such as `5fps` or `0.5fps`; above 0, at most 1,000. `None` when it is none.
pub fn parse_rate(text: &str) -> Option<f64> {
    let (number, unit) = number(text)?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    (unit == "fps" && number > 0.0 && number <= 1_000.0).then_some(number)
}

/// Splits a decimal number without a sign off the front.
fn number(text: &str) -> Option<(f64, &str)> {
    let digits = |t: &str| t.find(|c: char| !c.is_ascii_digit()).unwrap_or(t.len());
    let whole = digits(text);
    let mut end = whole;
    if let Some(fraction) = text[whole..].strip_prefix('.') {
        let count = digits(fraction);
        if count == 0 {
            return None;
        }
        end = whole + 1 + count;
    }
    if whole == 0 {
        return None;
    }
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// Writes a duration in the biggest unit that holds it without a fraction.
pub fn show_duration(duration: Duration) -> String {
    let millis = duration.as_micros() as f64 / 1_000.0;
    let (name, factor) = DURATIONS
        .iter()
        .rev()
        .find(|(_, factor)| millis >= *factor as f64 && millis % *factor as f64 == 0.0)
        .unwrap_or(if millis == 0.0 { &DURATIONS[1] } else { &DURATIONS[0] });
    format!("{}{name}", millis / *factor as f64)
}

/// Writes a size in the biggest unit that holds it without a fraction.
pub fn show_size(bytes: u64) -> String {
    let (name, factor) = SIZES
        .iter()
        .filter(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
        .max_by_key(|(_, factor)| *factor)
        .unwrap_or(&SIZES[0]);
    format!("{}{name}", bytes / factor)
}

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident($inner:ty), $format:literal, $pattern:expr, $examples:expr, $parse:path, $show:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(pub $inner);

        impl TryFrom<String> for $name {
            type Error = &'static str;
            fn try_from(text: String) -> Result<Self, &'static str> {
                $parse(&text).map(Self).ok_or(concat!("no ", $format))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&$show(self.0))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn inline_schema() -> bool { true }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format, "pattern": $pattern, "examples": $examples })
            }
        }
    };
}

unit!(
    /// A time span: `500ms`, `5s`, `2m`, `1h30m`, `7d`.
    Span(Duration), "duration", DURATION_PATTERN, ["5s", "500ms"], parse_duration, show_duration
);
unit!(
    /// Bytes: `20MiB`, `4GB`.
    Size(u64), "size", SIZE_PATTERN, ["20MiB", "4GB"], parse_size, show_size
);
unit!(
    /// Frames per second: `5fps`.
    Rate(f64), "rate", RATE_PATTERN, ["5fps", "0.5fps"], parse_rate, |rate: f64| format!("{rate}fps")
);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_read_as_people_write_them() {
        for (text, millis) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("0.5s", 500),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for (text, bytes) in [("20MiB", 20 << 20), ("4GB", 4_000_000_000), ("1.5KiB", 1_536), ("7 B", 7), ("0B", 0)] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        assert_eq!(parse_rate("5fps"), Some(5.0));
        assert_eq!(parse_rate("0.5 fps"), Some(0.5));
    }

    #[test]
    fn what_has_no_unit_or_a_wrong_one_is_refused() {
        for text in ["", "5", "5 bananas", "s", "-5s", "5.s", ".5s", "5S", "1e3s", "5s5", "99999999999999999999d", "١s"]
        {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        for text in ["", "20", "20Mb", "20mib", "-1B", "9999999TiB", "MiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
        for text in ["", "5", "0fps", "5Hz", "5FPS", "2000fps", "-5fps", "infps"] {
            assert_eq!(parse_rate(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back_the_same(millis in 0_u64..3_000_000_000_000, bytes in 0_u64..(1 << 49)) {
            let span = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&show_duration(span)), Some(span));
            prop_assert_eq!(parse_size(&show_size(bytes)), Some(bytes));
        }

        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC{0,20}|[0-9.]{0,12}[a-zA-Z ]{0,4}") {
            let _ = (parse_duration(&text), parse_size(&text), parse_rate(&text));
        }
    }
}
