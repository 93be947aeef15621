//! How much evidence there is of each day: counted once, and again only of the days that still change.

use std::collections::BTreeMap;

use jiff::civil::Date;
use parapet_contracts::ports::evidence::EvidenceFile;
use serde::Serialize;

/// The two kinds of evidence, each with limits of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pictures.
    Picture,
    /// Clips.
    Clip,
}

impl Kind {
    /// The kind of a file.
    pub fn of(file: &EvidenceFile) -> Self {
        if file.is_clip() { Self::Clip } else { Self::Picture }
    }

    /// The word for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Picture => "picture",
            Self::Clip => "clip",
        }
    }
}

/// So many files of so many bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Ledger(BTreeMap<Date, [Tally; 2]>);

impl Ledger {
    /// The days that must be counted: those that are new, and those from `changing` on. Days that are gone are forgotten.
    pub fn uncounted(&mut self, days: &[Date], changing: Date) -> Vec<Date> {
        self.0.retain(|day, _| days.contains(day));
        days.iter().copied().filter(|day| *day >= changing || !self.0.contains_key(day)).collect()
    }

    /// Takes what a day has.
    pub fn count(&mut self, day: Date, files: &[EvidenceFile]) {
        let mut tallies = [Tally::default(); 2];
        for file in files {
            tallies[Kind::of(file) as usize].add(file.bytes);
        }
        self.0.insert(day, tallies);
    }

    /// All of a kind.
    pub fn total(&self, kind: Kind) -> Tally {
        self.0.values().fold(Tally::default(), |sum, day| {
            let tally = day[kind as usize];
            Tally { files: sum.files + tally.files, bytes: sum.bytes + tally.bytes }
        })
    }

    /// The days that have files of a kind, oldest first.
    pub fn days(&self, kind: Kind) -> Vec<Date> {
        self.0.iter().filter(|(_, day)| day[kind as usize].files > 0).map(|(day, _)| *day).collect()
    }

    /// The days that have no file at all.
    pub fn empty(&self) -> Vec<Date> {
        self.0.iter().filter(|(_, day)| day.iter().all(|tally| tally.files == 0)).map(|(day, _)| *day).collect()
    }

    /// Files of a kind went.
    pub fn removed(&mut self, day: Date, kind: Kind, gone: Tally) {
        if let Some(tallies) = self.0.get_mut(&day) {
            let tally = &mut tallies[kind as usize];
            tally.files = tally.files.saturating_sub(gone.files);
            tally.bytes = tally.bytes.saturating_sub(gone.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn file(name: &str, bytes: u64) -> EvidenceFile {
        EvidenceFile { path: format!("d/gate/{name}"), bytes }
    }

    #[test]
    fn days_that_are_over_are_counted_once() {
        let mut ledger = Ledger::default();
        let (first, second, third) = (day("2026-11-20"), day("2026-11-21"), day("2026-11-22"));
        assert_eq!(ledger.uncounted(&[first, second], second), [first, second]);
        ledger.count(first, &[file("a.jpg", 10), file("a.mp4", 100), file("b.jpg", 5)]);
        ledger.count(second, &[file("c.mp4", 200)]);
        assert_eq!(ledger.uncounted(&[first, second, third], second), [second, third]);
        assert_eq!(ledger.total(Kind::Picture), Tally { files: 2, bytes: 15 });
        assert_eq!(ledger.total(Kind::Clip), Tally { files: 2, bytes: 300 });
        assert_eq!((ledger.days(Kind::Picture), ledger.days(Kind::Clip)), (vec![first], vec![first, second]));

        ledger.removed(first, Kind::Clip, Tally { files: 1, bytes: 100 });
        assert_eq!((ledger.total(Kind::Clip).bytes, ledger.empty()), (200, vec![]));
        ledger.removed(first, Kind::Picture, Tally { files: 2, bytes: 15 });
        assert_eq!(ledger.empty(), [first]);
        ledger.uncounted(&[second], second);
        assert_eq!(ledger.empty(), [] as [Date; 0], "a day that is gone is forgotten");
    }
}
