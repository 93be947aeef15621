//! Instants, zones, and the patterns that write and read them.
//!
//! Zones come from the table that is built in, never from the host, so that a replay elsewhere gives the same result.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

use crate::error::EvalError;

/// A time zone.
pub type Zone = TimeZone;

/// The zone of this IANA name, or `UTC`.
pub fn zone(name: &str) -> Option<Zone> {
    if name.eq_ignore_ascii_case("utc") || name.is_empty() {
        return Some(TimeZone::UTC);
    }
    TimeZoneDatabase::bundled().get(name).ok()
}

/// A point in time, and the zone in which it is shown.
#[derive(Debug, Clone)]
pub struct Instant {
    /// Nanoseconds since 1970-01-01 00:00 UTC (years 1678 to 2262).
    pub nanos: i64,
    /// The zone of its calendar fields.
    pub zone: Zone,
}

impl Instant {
    /// From milliseconds since 1970 in UTC; out of range, the nearest that can be held.
    pub fn from_millis(millis: i64, zone: Zone) -> Self {
        Self { nanos: millis.saturating_mul(1_000_000), zone }
    }

    /// Milliseconds since 1970 in UTC, rounded towards the past.
    pub fn millis(&self) -> i64 {
        self.nanos.div_euclid(1_000_000)
    }

    /// The calendar fields in its zone.
    pub fn civil(&self) -> DateTime {
        match Timestamp::from_nanosecond(i128::from(self.nanos)) {
            Ok(timestamp) => self.zone.to_datetime(timestamp),
            // Every i64 of nanoseconds lies within the range of a timestamp.
            Err(_) => DateTime::default(),
        }
    }

    fn offset(&self) -> Offset {
        Timestamp::from_nanosecond(i128::from(self.nanos)).map_or(Offset::UTC, |t| self.zone.to_offset(t))
    }

    /// From calendar fields in `zone`.
    pub fn from_civil(civil: DateTime, zone: Zone) -> Result<Self, EvalError> {
        let timestamp = zone.to_timestamp(civil).map_err(|e| EvalError::new(format!("no such time: {e}")))?;
        let nanos = i64::try_from(timestamp.as_nanosecond())
            .map_err(|_| EvalError::new("the time lies outside the years 1678 to 2262"))?;
        Ok(Self { nanos, zone })
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = self.civil();
        write!(f, "{} {}", civil.date(), civil.time())?;
        f.write_str(&offset_text(self.offset(), " +hhmm"))
    }
}

fn offset_text(offset: Offset, style: &str) -> String {
    let seconds = offset.seconds();
    let (sign, total) = if seconds < 0 { ('-', -seconds) } else { ('+', seconds) };
    let (hours, minutes) = (total / 3600, total % 3600 / 60);
    match style {
        "+hh" => format!("{sign}{hours:02}"),
        "+hh:mm" => format!("{sign}{hours:02}:{minutes:02}"),
        " +hhmm" => format!(" {sign}{hours:02}{minutes:02}"),
        _ => format!("{sign}{hours:02}{minutes:02}"),
    }
}

/// One element of a time pattern.
#[derive(Debug, PartialEq)]
enum Item {
    Text(String),
    /// The letter and how often it stands there.
    Field(char, usize),
}

/// Splits a pattern such as `yyyy-MM-dd'T'HH:mm:ss.SSSX`.
fn items(pattern: &str) -> Result<Vec<Item>, EvalError> {
    let invalid = |what: &str| EvalError::new(format!("invalid time format \"{pattern}\": {what}"));
    let mut out: Vec<Item> = Vec::new();
    let push_text = |out: &mut Vec<Item>, c: char| match out.last_mut() {
        Some(Item::Text(text)) => text.push(c),
        _ => out.push(Item::Text(c.to_string())),
    };
    let chars: Vec<char> = pattern.chars().collect();
    let mut i = 0;
    while let Some(&c) = chars.get(i) {
        match c {
            '\\' => {
                let next = chars.get(i + 1).ok_or_else(|| invalid("nothing follows the backslash"))?;
                push_text(&mut out, *next);
                i += 2;
            }
            '\'' => {
                if chars.get(i + 1) == Some(&'\'') {
                    push_text(&mut out, '\'');
                    i += 2;
                    continue;
                }
                i += 1;
                while let Some(&inside) = chars.get(i) {
                    if inside == '\'' {
                        break;
                    }
                    push_text(&mut out, inside);
                    i += 1;
                }
                i += 1;
            }
            'Y' | 'y' | 'G' | 'M' | 'd' | 'E' | 'H' | 'h' | 'a' | 'm' | 's' | 'S' | 'z' | 'Z' | 'X' => {
                let most = match c {
                    'Y' | 'y' | 'M' | 'E' => 4,
                    'd' | 'H' | 'h' | 'm' | 's' => 2,
                    'X' => 3,
                    'S' => 9,
                    _ => 1,
                };
                let count = chars.iter().skip(i).take(most).take_while(|x| **x == c).count();
                let valid = match c {
                    'Y' | 'y' => count == 4 || count == 2,
                    'E' => count >= 3,
                    'H' => count == 2,
                    _ => true,
                };
                if !valid {
                    return Err(invalid(&format!("\"{c}\" cannot stand there {count} times")));
                }
                out.push(Item::Field(c, count));
                i += count;
            }
            other => {
                push_text(&mut out, other);
                i += 1;
            }
        }
    }
    Ok(out)
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The English name of the month, 1 to 12.
pub(crate) fn month_name(month: i8) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|i| MONTHS.get(i)).copied().unwrap_or("")
}

/// The English name of the day of the week.
pub(crate) fn day_name(civil: DateTime) -> &'static str {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let index = civil.weekday().to_monday_zero_offset();
    usize::try_from(index).ok().and_then(|i| DAYS.get(i)).copied().unwrap_or("")
}

/// Writes an instant by a pattern of letters: `yyyy MM dd HH mm ss SSS a EEE z X`, text in single quotes.
pub fn format_time(instant: &Instant, pattern: &str) -> Result<String, EvalError> {
    let civil = instant.civil();
    let mut out = String::new();
    for item in items(pattern)? {
        let (letter, count) = match item {
            Item::Text(text) => {
                out.push_str(&text);
                continue;
            }
            Item::Field(letter, count) => (letter, count),
        };
        let hour12 = match civil.hour() % 12 {
            0 => 12,
            h => h,
        };
        let text = match (letter, count) {
            ('Y' | 'y', 4) => format!("{:04}", civil.year()),
            ('Y' | 'y', _) => format!("{:02}", civil.year().rem_euclid(100)),
            ('G', _) => "AD".into(),
            ('M', 1) => civil.month().to_string(),
            ('M', 2) => format!("{:02}", civil.month()),
            ('M', 3) => month_name(civil.month()).chars().take(3).collect(),
            ('M', _) => month_name(civil.month()).into(),
            ('d', 1) => civil.day().to_string(),
            ('d', _) => format!("{:02}", civil.day()),
            ('E', 3) => day_name(civil).chars().take(3).collect(),
            ('E', _) => day_name(civil).into(),
            ('H', _) => format!("{:02}", civil.hour()),
            ('h', 1) => hour12.to_string(),
            ('h', _) => format!("{hour12:02}"),
            ('a', _) => if civil.hour() < 12 { "AM" } else { "PM" }.into(),
            ('m', 1) => civil.minute().to_string(),
            ('m', _) => format!("{:02}", civil.minute()),
            ('s', 1) => civil.second().to_string(),
            ('s', _) => format!("{:02}", civil.second()),
            ('S', n) => {
                // The letters stand for the fraction with its point; a point written before them is not doubled.
                if out.ends_with('.') {
                    out.pop();
                }
                let digits = format!("{:09}", civil.subsec_nanosecond());
                format!(".{}", digits.get(..n).unwrap_or(&digits))
            }
            ('z', _) => zone_abbreviation(instant),
            ('Z', _) | ('X', 2) => offset_text(instant.offset(), "+hhmm"),
            ('X', 1) => offset_text(instant.offset(), "+hh"),
            ('X', _) => offset_text(instant.offset(), "+hh:mm"),
            _ => String::new(),
        };
        out.push_str(&text);
    }
    Ok(out)
}

fn zone_abbreviation(instant: &Instant) -> String {
    Timestamp::from_nanosecond(i128::from(instant.nanos))
        .map_or_else(|_| "UTC".into(), |t| instant.zone.to_offset_info(t).abbreviation().to_string())
}

/// Reads the calendar fields of a text from left to right.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn number(&mut self, most: usize) -> Option<(i64, usize)> {
        let length = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at_checked(length)?;
        let value = digits.parse().ok()?;
        self.rest = rest;
        Some((value, length))
    }

    fn eat(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn fraction(&mut self) -> Option<i32> {
        let (value, length) = self.number(9)?;
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let scale = 10_i64.checked_pow(9_u32.checked_sub(u32::try_from(length).ok()?)?)?;
        i32::try_from(value * scale).ok()
    }

    /// `Z`, `+hh`, `+hhmm` or `+hh:mm`.
    fn offset(&mut self) -> Option<Zone> {
        if self.eat('Z') || self.eat('z') {
            return Some(TimeZone::UTC);
        }
        let sign = if self.eat('-') {
            -1
        } else if self.eat('+') {
            1
        } else {
            return None;
        };
        let (hours, _) = self.number(2)?;
        self.eat(':');
        let minutes = self.number(2).map_or(0, |(m, _)| m);
        let seconds = i32::try_from(sign * (hours * 3600 + minutes * 60)).ok()?;
        Some(TimeZone::fixed(Offset::from_seconds(seconds).ok()?))
    }
}

#[derive(Default)]
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i32,
    afternoon: Option<bool>,
    zone: Option<Zone>,
}

impl Fields {
    fn build(self, zone: &Zone) -> Option<Instant> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let civil = DateTime::new(
            i16::try_from(self.year).ok()?,
            i8::try_from(self.month).ok()?,
            i8::try_from(self.day).ok()?,
            i8::try_from(hour).ok()?,
            i8::try_from(self.minute).ok()?,
            i8::try_from(self.second).ok()?,
            self.nanos,
        )
        .ok()?;
        Instant::from_civil(civil, self.zone.unwrap_or_else(|| zone.clone())).ok()
    }
}

/// Reads a time. With an empty pattern, the usual forms are understood: `2006-1-2`, `2006/01/02 15:04`,
/// `2006-01-02T15:04:05.999Z`, `20060102`, `1/2/2006 15:04:05`; without an offset the time is in `zone`.
pub fn parse_time(text: &str, pattern: &str, zone: &Zone) -> Result<Instant, EvalError> {
    let parsed = if pattern.is_empty() { parse_usual(text, zone) } else { parse_pattern(text, &items(pattern)?, zone) };
    parsed.ok_or_else(|| EvalError::new(format!("cannot read \"{text}\" as a time")))
}

fn parse_usual(text: &str, zone: &Zone) -> Option<Instant> {
    let mut r = Reader { rest: text.trim() };
    let mut fields = Fields { month: 1, day: 1, ..Fields::default() };
    let (first, length) = r.number(8)?;
    match length {
        8 => (fields.year, fields.month, fields.day) = (first / 10_000, first / 100 % 100, first % 100),
        4 => {
            fields.year = first;
            let separator = ['-', '/', '.'].into_iter().find(|c| r.rest.starts_with(*c));
            if let Some(separator) = separator {
                r.eat(separator);
                fields.month = r.number(2)?.0;
                if r.eat(separator) {
                    fields.day = r.number(2)?.0;
                }
            }
        }
        1 | 2 if r.eat('/') => {
            fields.month = first;
            fields.day = r.number(2)?.0;
            if !r.eat('/') {
                return None;
            }
            fields.year = r.number(4)?.0;
        }
        _ => return None,
    }
    if r.eat('T') || r.eat(' ') {
        fields.hour = r.number(2)?.0;
        if r.eat(':') {
            fields.minute = r.number(2)?.0;
            if r.eat(':') {
                fields.second = r.number(2)?.0;
                if r.eat('.') {
                    fields.nanos = r.fraction()?;
                }
            }
        }
        r.eat(' ');
        fields.zone = r.offset();
        // A zone's abbreviation after the offset says nothing more.
        if r.eat(' ') {
            r.rest = r.rest.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        }
    }
    if r.rest.is_empty() { fields.build(zone) } else { None }
}

fn parse_pattern(text: &str, pattern: &[Item], zone: &Zone) -> Option<Instant> {
    let mut r = Reader { rest: text };
    let mut fields = Fields { month: 1, day: 1, year: 1970, ..Fields::default() };
    for item in pattern {
        match item {
            Item::Text(expected) => {
                // The point before a fraction belongs to the fraction.
                let expected = expected.as_str();
                match r.rest.strip_prefix(expected) {
                    Some(rest) => r.rest = rest,
                    None => return None,
                }
            }
            Item::Field(letter, count) => match (*letter, *count) {
                ('Y' | 'y', 4) => fields.year = r.number(4)?.0,
                ('Y' | 'y', _) => {
                    let (value, _) = r.number(2)?;
                    fields.year = value + if value >= 69 { 1900 } else { 2000 };
                }
                ('M', 1 | 2) => fields.month = r.number(2)?.0,
                ('M', n) => {
                    let found = MONTHS.iter().position(|m| {
                        let name = if n == 3 { m.get(..3).unwrap_or(m) } else { m };
                        r.rest.starts_with(name)
                    })?;
                    let length = if n == 3 { 3 } else { MONTHS.get(found)?.len() };
                    r.rest = r.rest.get(length..)?;
                    fields.month = i64::try_from(found).ok()? + 1;
                }
                ('d', _) => fields.day = r.number(2)?.0,
                ('H' | 'h', _) => fields.hour = r.number(2)?.0,
                ('m', _) => fields.minute = r.number(2)?.0,
                ('s', _) => fields.second = r.number(2)?.0,
                ('S', _) => {
                    r.eat('.');
                    fields.nanos = r.fraction()?;
                }
                ('a', _) => {
                    let half = r.rest.get(..2)?;
                    fields.afternoon = Some(half.eq_ignore_ascii_case("pm"));
                    r.rest = r.rest.get(2..)?;
                }
                ('Z' | 'X', _) => fields.zone = Some(r.offset()?),
                _ => r.rest = r.rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()),
            },
        }
    }
    if r.rest.is_empty() { fields.build(zone) } else { None }
}

/// Nanoseconds of a duration such as `1h30m`, `-1.5s`, `300ms`.
pub fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, after) = rest.split_at_checked(digits)?;
        let amount: f64 = number.parse().ok()?;
        let letters = after.bytes().take_while(|b| !b.is_ascii_digit() && *b != b'.').count();
        let (unit, next) = after.split_at_checked(letters)?;
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        total += amount * scale;
        rest = next;
    }
    let total = total.round();
    (total.abs() < 9.2e18).then_some(if negative { -(total as i64) } else { total as i64 })
}
