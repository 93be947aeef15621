//! What a rule's feed remembers of its program, so that another actor can go on: what was written down last, and what was heard since.

use std::{collections::VecDeque, sync::Arc};

use parapet_contracts::{Happening, Timestamp};

/// Things that are remembered at most; older ones are in the event log alone.
const MOST: usize = 4_096;

/// See the module.
#[derive(Default)]
pub(super) struct Memory {
    /// The program as it was written down.
    written: Option<Arc<str>>,
    /// What it has heard since, or how far it was told that time had come.
    since: VecDeque<Heard>,
    forgotten: bool,
    begun: bool,
}

/// What a program was told.
#[derive(Debug, Clone)]
pub(super) enum Heard {
    /// Something has happened.
    Happening(Happening),
    /// Time has come this far.
    Time(Timestamp),
}

impl Memory {
    /// The program was written down: what it had heard before is in it.
    pub(super) fn wrote(&mut self, checkpoint: Option<Arc<str>>) {
        self.written = checkpoint;
        self.since.clear();
        (self.forgotten, self.begun) = (false, true);
    }

    /// The program has heard something, and lived.
    pub(super) fn heard(&mut self, heard: Heard) {
        if let (Heard::Time(_), Some(Heard::Time(_))) = (&heard, self.since.back()) {
            self.since.pop_back();
        }
        if self.since.len() >= MOST {
            self.since.pop_front();
            self.forgotten = true;
        }
        self.since.push_back(heard);
    }

    /// What an actor of this process goes on from; `None` when none of it has run yet, or too much was heard since.
    pub(super) fn recall(&self) -> Option<(Option<Arc<str>>, Vec<Heard>)> {
        (self.begun && !self.forgotten).then(|| (self.written.clone(), self.since.iter().cloned().collect()))
    }
}
