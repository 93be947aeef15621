//! The books of an oracle that stands outside the process under test: what it issued, what the process acknowledged as durable, what a
//! sink got, what went to the dead letters. When all faults are over and nothing waits, the books must balance; [`Ledger::balance`] says
//! where they do not.
//!
//! The payload of a number is a function of it ([`word`]), so that nothing can be invented or changed without being noticed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The word that belongs to a number: 16 hexadecimal digits that nobody guesses (the mixer of SplitMix64).
pub fn word(number: u64) -> String {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    format!("{:016x}", z ^ (z >> 31))
}

/// The number in a text `NUMBER WORD`; `None` when it is none of ours, or the word is not that number's.
pub fn number(text: &str) -> Option<u64> {
    let (number, given) = text.split_once(' ')?;
    let number = number.parse().ok()?;
    (given == word(number)).then_some(number)
}

/// What a sink got.
#[derive(Debug, Clone, Default)]
pub struct Arrivals {
    /// In the order in which it came, repeats included.
    numbers: Vec<u64>,
    /// What was not as any number's payload should be.
    spoilt: Vec<String>,
}

impl Arrivals {
    /// Takes in one payload.
    pub fn take(&mut self, text: &str) {
        match number(text) {
            Some(number) => self.numbers.push(number),
            None => self.spoilt.push(text.to_owned()),
        }
    }

    /// How many came, repeats included.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// True when nothing came.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// How many different ones came.
    pub fn different(&self) -> usize {
        self.set().len()
    }

    /// What came more than once.
    pub fn repeats(&self) -> usize {
        self.numbers.len() - self.different()
    }

    /// All that came, each once.
    pub fn set(&self) -> BTreeSet<u64> {
        self.numbers.iter().copied().collect()
    }
}

/// The books.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Every number below this one was issued, in order.
    pub issued: u64,
    /// Numbers that the process acknowledged as durable.
    pub acknowledged: BTreeSet<u64>,
    /// What each sink got, by its name.
    pub sinks: BTreeMap<String, Arrivals>,
    /// Dead letters with their reasons, by sink.
    pub dead: BTreeMap<String, BTreeMap<u64, String>>,
}

/// What does not balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imbalance(Vec<String>);

impl fmt::Display for Imbalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Ledger {
    /// Takes in what one sink got.
    pub fn arrived(&mut self, sink: &str, texts: impl IntoIterator<Item = impl AsRef<str>>) {
        let arrivals = self.sinks.entry(sink.to_owned()).or_default();
        for text in texts {
            arrivals.take(text.as_ref());
        }
    }

    /// Checks that each sink has all that was acknowledged, or a dead letter of it; that nothing was invented or changed; that all came in
    /// the order in which it was issued, repeats aside.
    ///
    /// # Errors
    /// All that does not balance.
    pub fn balance(&self) -> Result<(), Imbalance> {
        let mut wrong = Vec::new();
        if let Some(number) = self.acknowledged.iter().find(|number| **number >= self.issued) {
            wrong.push(format!("{number} was acknowledged and never issued"));
        }
        for (name, arrivals) in &self.sinks {
            let arrived = arrivals.set();
            let dead = self.dead.get(name).cloned().unwrap_or_default();
            let lost: Vec<u64> =
                self.acknowledged.iter().filter(|n| !arrived.contains(n) && !dead.contains_key(n)).copied().collect();
            if !lost.is_empty() {
                wrong.push(format!("{name}: {} acknowledged are lost: {}", lost.len(), some(&lost)));
            }
            let invented: Vec<u64> =
                arrived.iter().chain(dead.keys()).filter(|number| **number >= self.issued).copied().collect();
            if !invented.is_empty() {
                wrong.push(format!("{name}: {} were never issued: {}", invented.len(), some(&invented)));
            }
            if let Some(text) = arrivals.spoilt.first() {
                wrong.push(format!("{name}: {} payloads are nobody's, such as {text:?}", arrivals.spoilt.len()));
            }
            let mut seen = BTreeSet::new();
            let once: Vec<u64> = arrivals.numbers.iter().filter(|number| seen.insert(**number)).copied().collect();
            if let Some(pair) = once.windows(2).find(|pair| pair[0] > pair[1]) {
                wrong.push(format!("{name}: {} came before {}", pair[0], pair[1]));
            }
            if let Some((number, _)) = dead.iter().find(|(_, reason)| reason.is_empty()) {
                wrong.push(format!("{name}: the dead letter {number} has no reason"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Imbalance(wrong)) }
    }

    /// One line for people: how many of what.
    pub fn summary(&self) -> String {
        let sinks = self.sinks.iter().map(|(name, arrivals)| {
            let dead = self.dead.get(name).map_or(0, BTreeMap::len);
            format!("{name} got {} ({} repeats, {dead} dead letters)", arrivals.different(), arrivals.repeats())
        });
        let sinks = sinks.collect::<Vec<_>>().join(", ");
        format!("{} issued, {} acknowledged, {sinks}", self.issued, self.acknowledged.len())
    }
}

fn some(numbers: &[u64]) -> String {
    let shown: Vec<String> = numbers.iter().take(10).map(ToString::to_string).collect();
    shown.join(", ") + if numbers.len() > 10 { ", …" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: u64) -> String {
        format!("{number} {}", word(number))
    }

    /// Five issued, of which three are acknowledged; one of these is a dead letter; one that was not acknowledged came all the same.
    fn balanced() -> Ledger {
        let mut ledger = Ledger { issued: 5, acknowledged: [0, 1, 2].into(), ..Ledger::default() };
        ledger.arrived("hook", [text(0), text(0), text(1), text(0), text(3)]);
        ledger.dead.insert("hook".to_owned(), [(2, "refused".to_owned())].into());
        ledger
    }

    fn says(ledger: &Ledger, what: &str) {
        let told = ledger.balance().map_or_else(|wrong| wrong.to_string(), |()| "it balances".to_owned());
        assert!(told.contains(what), "{told}");
    }

    #[test]
    fn books_that_balance_balance_and_repeats_are_told() {
        assert_eq!(balanced().balance(), Ok(()));
        assert_eq!(balanced().summary(), "5 issued, 3 acknowledged, hook got 3 (2 repeats, 1 dead letters)");
    }

    #[test]
    fn each_thing_that_may_be_wrong_is_noticed() {
        let mut lost = balanced();
        lost.acknowledged.insert(4);
        says(&lost, "hook: 1 acknowledged are lost: 4");

        let mut empty = balanced();
        empty.sinks.insert("file".to_owned(), Arrivals::default());
        says(&empty, "file: 3 acknowledged are lost: 0, 1, 2");

        let mut invented = balanced();
        invented.arrived("hook", [text(9)]);
        says(&invented, "hook: 1 were never issued: 9");

        let mut changed = balanced();
        changed.arrived("hook", [format!("3 {}", word(4))]);
        says(&changed, "1 payloads are nobody's");

        let mut disordered = balanced();
        disordered.arrived("hook", [text(4), text(2)]);
        says(&disordered, "hook: 4 came before 2");

        let mut silent = balanced();
        silent.dead.insert("hook".to_owned(), [(2, String::new())].into());
        says(&silent, "the dead letter 2 has no reason");

        let mut early = balanced();
        early.acknowledged.insert(7);
        says(&early, "7 was acknowledged and never issued");
    }

    #[test]
    fn words_belong_to_their_numbers() {
        assert_eq!(number(&text(17)), Some(17));
        assert_eq!((number("17 17"), number("17"), number(&format!("x {}", word(0)))), (None, None, None));
        assert_ne!(word(0), word(1));
    }
}
