//! A version as clients write it: `[yyyy-MM-dd][.major[.minor]][-status]`.

use std::{fmt, str::FromStr};

use jiff::civil::Date;

/// A version: a date, a number, or both, and perhaps a status such as `preview`, whose case does not matter.
///
/// `1` and `1.0` are the same version. In order, a version with a status comes before the same one without.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    date: Option<Date>,
    number: Option<(u32, u32)>,
    stage: Stage,
}

/// How far a version is; in this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stage {
    /// In lower case.
    Status(String),
    Released,
}

/// What is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no version: a date such as 2026-11-01, a number such as 1.0, or both are wanted, and perhaps a status such as -preview"
)]
pub struct NoVersion(String);

impl ApiVersion {
    /// A version of a number alone.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { date: None, number: Some((major, minor)), stage: Stage::Released }
    }

    /// The same version with a status.
    ///
    /// # Errors
    /// When the status is not a letter followed by letters and digits.
    pub fn with_status(mut self, status: &str) -> Result<Self, NoVersion> {
        if !is_status(status) {
            return Err(NoVersion(format!("{self}-{status}")));
        }
        self.stage = Stage::Status(status.to_ascii_lowercase());
        Ok(self)
    }
}

impl FromStr for ApiVersion {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let none = || NoVersion(text.chars().take(64).collect());
        let (date, rest) = match text.get(..10).and_then(date_of) {
            Some(date) => (Some(date), &text[10..]),
            None => (None, text),
        };
        let (number, status) = match rest.split_once('-') {
            Some((number, status)) => (number, Some(status)),
            None => (rest, None),
        };
        let number = match (date, number) {
            (Some(_), "") => None,
            (Some(_), number) => Some(number.strip_prefix('.').ok_or_else(none)?),
            (None, number) => Some(number),
        };
        let number = number.map(|number| number_of(number).ok_or_else(none)).transpose()?;
        if status.is_some_and(|status| !is_status(status)) {
            return Err(none());
        }
        let stage = status.map_or(Stage::Released, |status| Stage::Status(status.to_ascii_lowercase()));
        Ok(Self { date, number, stage })
    }
}

fn date_of(text: &str) -> Option<Date> {
    let shaped =
        text.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
    if shaped { text.parse().ok() } else { None }
}

fn number_of(text: &str) -> Option<(u32, u32)> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    match text.split_once('.') {
        Some((major, minor)) => Some((digits(major)?, digits(minor)?)),
        None => Some((digits(text)?, 0)),
    }
}

fn is_status(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(date) = self.date {
            write!(f, "{date}")?;
        }
        if let Some((major, minor)) = self.number {
            write!(f, "{}{major}.{minor}", if self.date.is_some() { "." } else { "" })?;
        }
        match &self.stage {
            Stage::Status(status) => write!(f, "-{status}"),
            Stage::Released => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> ApiVersion {
        text.parse().unwrap()
    }

    #[test]
    fn all_forms_are_read_and_written() {
        for (text, written) in [
            ("1", "1.0"),
            ("1.0", "1.0"),
            ("2.1-Beta2", "2.1-beta2"),
            ("2-preview", "2.0-preview"),
            ("2026-11-01", "2026-11-01"),
            ("2026-11-01-rc", "2026-11-01-rc"),
            ("2026-11-01.3", "2026-11-01.3.0"),
            ("2026-11-01.3.1-rc", "2026-11-01.3.1-rc"),
        ] {
            assert_eq!(version(text).to_string(), written);
        }
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in [
            "",
            "v1",
            "1.",
            ".1",
            "1.0.0",
            "1-",
            "1-2nd",
            "1.0-a_b",
            "-rc",
            "2026-13-01",
            "2026-11-01x",
            "1 ",
            "+1",
            "99999999999",
        ] {
            assert!(text.parse::<ApiVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn versions_have_an_order() {
        let mut versions = ["2.0", "1.10", "2.0-preview", "1.9", "2026-01-01", "2.0-alpha"].map(version);
        versions.sort();
        assert_eq!(versions.map(|v| v.to_string()), ["1.9", "1.10", "2.0-alpha", "2.0-preview", "2.0", "2026-01-01"]);
        assert_eq!(version("1"), version("1.0"));
        assert_eq!(version("1-RC"), version("1.0-rc"));
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_so_that_it_is_read_as_the_same(text in "[0-9]{0,4}[-.0-9a-z]{0,12}") {
            if let Ok(version) = text.parse::<ApiVersion>() {
                prop_assert_eq!(version.to_string().parse::<ApiVersion>().unwrap(), version);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            drop(text.parse::<ApiVersion>());
        }
    }
}
