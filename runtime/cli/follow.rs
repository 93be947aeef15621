//! What `--follow` shares: ask again every second, until somebody stops reading.

use std::{collections::BTreeSet, time::Duration};

use clap::ValueEnum;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

const EVERY: Duration = Duration::from_secs(1);

/// Calls `ask` once, or with `follow` every second until it says that nobody listens (`Ok(false)`).
///
/// # Errors
/// The first call's; a later failure is told, and asked again.
pub fn repeat(follow: bool, mut ask: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let mut listening = ask()?;
    while follow && listening {
        std::thread::sleep(EVERY);
        match ask() {
            Ok(still) => listening = still,
            Err(error) => super::tell(&format!("{error:#}")),
        }
    }
    Ok(())
}

/// Remembers what was printed, so that following prints each thing once, and again when it has changed.
#[derive(Debug, Default)]
pub struct Printed(BTreeSet<String>);

/// Things remembered at most; the oldest (ids grow with time) are forgotten first.
const REMEMBERED: usize = 10_000;

impl Printed {
    /// True the first time that it is asked about `key`.
    pub fn is_new(&mut self, key: String) -> bool {
        let new = self.0.insert(key);
        while self.0.len() > REMEMBERED {
            self.0.pop_first();
        }
        new
    }
}
