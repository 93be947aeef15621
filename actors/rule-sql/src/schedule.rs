//! Times of the day, days of the week and days of the year, as `during('night')` asks for them.
//!
//! A schedule is written as a list: `22:00-06:00`, `mon-fri 08:00-18:00, sat 09:00-13:00`, `12-24..12-26, 01-01` or
//! `2026-04-03`. It knows no zone: it is asked with the calendar of one. A time that passes midnight belongs to the day on
//! which it begins; an hour that the clock skips or repeats in spring and autumn is covered as the clock shows it.

use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time, Weekday};

/// When something is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    days: Days,
    /// From, inclusive, to, exclusive; equal: all day.
    from: Time,
    to: Time,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    /// Of the week.
    Week(Vec<Weekday>),
    /// Of every year: month and day, both ends included.
    Yearly((i8, i8), (i8, i8)),
    /// Of the calendar, both ends included.
    Dates(Date, Date),
}

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(part).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { parts })
    }

    /// Whether it is on at this time of the calendar.
    pub fn covers(&self, at: DateTime) -> bool {
        self.parts.iter().any(|part| part.covers(at))
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl Part {
    fn covers(&self, at: DateTime) -> bool {
        let (day, time) = (at.date(), at.time());
        if self.from < self.to {
            return self.days.include(day) && self.from <= time && time < self.to;
        }
        let yesterday = day.yesterday().ok();
        (self.days.include(day) && self.from <= time)
            || (time < self.to && yesterday.is_some_and(|day| self.days.include(day)))
    }
}

impl Days {
    fn include(&self, day: Date) -> bool {
        match self {
            Self::Week(days) => days.contains(&day.weekday()),
            Self::Yearly(from, to) => {
                let day = (day.month(), day.day());
                if from <= to { *from <= day && day <= *to } else { *from <= day || day <= *to }
            }
            Self::Dates(from, to) => *from <= day && day <= *to,
        }
    }
}

/// `[days] [from-to]`
fn part(text: &str) -> Result<Part, String> {
    let all = || Days::Week(WEEK.map(|(_, day)| day).to_vec());
    let words: Vec<&str> = text.split_whitespace().collect();
    let (days, times) = match words.as_slice() {
        [times] if times.contains(':') => (all(), Some(*times)),
        [written] => (days(written)?, None),
        [written, times] => (days(written)?, Some(*times)),
        _ => return Err(format!("\"{}\" is no part of a schedule, such as mon-fri 22:00-06:00", text.trim())),
    };
    let (from, to) = times.map_or(Ok((Time::midnight(), Time::midnight())), hours)?;
    Ok(Part { days, from, to })
}

fn hours(text: &str) -> Result<(Time, Time), String> {
    let wrong = || format!("\"{text}\" is no time of the day, such as 22:00-06:00");
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let time = |text: &str| -> Option<Time> {
        let (hour, minute) = text.split_once(':')?;
        let two = |text: &str| -> Option<i8> { text.parse().ok().filter(|_| text.len() == 2) };
        // The end of the day is the beginning of the next.
        let hour = if hour == "24" && minute == "00" { 0 } else { two(hour)? };
        Time::new(hour, two(minute)?, 0, 0).ok()
    };
    Ok((time(from).ok_or_else(wrong)?, time(to).ok_or_else(wrong)?))
}

fn days(text: &str) -> Result<Days, String> {
    let lower = text.to_ascii_lowercase();
    if let Some(week) = week(&lower) {
        return Ok(Days::Week(week));
    }
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    if let (Ok(from), Ok(to)) = (from.parse::<Date>(), to.parse::<Date>())
        && from.to_string().len() == text.split("..").next().map_or(0, str::len)
    {
        return if from <= to { Ok(Days::Dates(from, to)) } else { Err(format!("{text} ends before it begins")) };
    }
    match (of_year(from), of_year(to)) {
        (Some(from), Some(to)) => Ok(Days::Yearly(from, to)),
        _ => Err(format!("\"{text}\" are no days, such as mon-fri, 12-24..12-26 or 2026-04-03")),
    }
}

/// `mon`, or `fri-mon`.
fn week(text: &str) -> Option<Vec<Weekday>> {
    let place = |word: &str| WEEK.iter().position(|(name, _)| *name == word);
    let (from, to) = match text.split_once('-') {
        Some((from, to)) => (place(from)?, place(to)?),
        None => (place(text)?, place(text)?),
    };
    let length = (to + 7 - from) % 7;
    Some(WEEK.iter().cycle().skip(from).take(length + 1).map(|(_, day)| *day).collect())
}

/// `12-24`
fn of_year(text: &str) -> Option<(i8, i8)> {
    let (month, day) = text.split_once('-')?;
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    // A leap year has all days.
    Date::new(2024, month, day).ok().map(|_| (month, day))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn on(schedule: &str, at: &str) -> bool {
        Schedule::parse(schedule).unwrap().covers(at.parse().unwrap())
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        // 2026-01-05 is a Monday.
        assert!(on("22:00-06:00", "2026-01-05T23:00") && on("22:00-06:00", "2026-01-05T05:59"));
        assert!(!on("22:00-06:00", "2026-01-05T06:00") && !on("22:00-06:00", "2026-01-05T21:59:59"));
        assert!(on("fri 22:00-06:00", "2026-01-10T03:00"), "Saturday before six");
        assert!(!on("fri 22:00-06:00", "2026-01-09T03:00"), "Friday before six is Thursday's night");
    }

    #[test]
    fn days_of_the_week_go_round() {
        let week = "mon-fri 08:00-18:00, sat 09:00-13:00";
        assert!(on(week, "2026-01-05T08:00") && on(week, "2026-01-10T12:59") && !on(week, "2026-01-10T14:00"));
        assert!(
            on("sat-mon", "2026-01-11T00:00")
                && on("sat-mon", "2026-01-05T23:59")
                && !on("sat-mon", "2026-01-06T00:00")
        );
        assert!(on("Sun 00:00-24:00", "2026-01-11T23:59"));
    }

    #[test]
    fn days_of_the_year_and_of_the_calendar() {
        let days = "12-24..12-26, 01-01, 2026-04-03, 2026-07-20..2026-08-31 10:00-12:00";
        for (at, expected) in [
            ("2025-12-25T10:00", true),
            ("2031-12-26T23:59", true),
            ("2031-12-27T00:00", false),
            ("2030-01-01T00:00", true),
            ("2026-04-03T12:00", true),
            ("2027-04-03T12:00", false),
            ("2026-08-01T11:00", true),
            ("2026-08-01T12:00", false),
        ] {
            assert_eq!(on(days, at), expected, "{at}");
        }
        assert!(on("12-20..01-06", "2026-01-03T00:00"), "over the turn of the year");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("night", "no days"),
            ("", "no part"),
            ("mon 25:00-06:00", "no time of the day"),
            ("8:00-10:00", "no time of the day"),
            ("2026-02-30", "no days"),
            ("2026-05-02..2026-05-01", "ends before"),
            ("mon fri 08:00-09:00", "no part"),
        ] {
            let why = Schedule::parse(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}
