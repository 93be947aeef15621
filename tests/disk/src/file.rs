//! The content of a file: as it is, as the last sync left it, and what came in between.

use parapet_testkit::Dice;

/// What a disk writes at once: a write that is under way when the power goes may have reached it page by page.
const PAGE: usize = 4096;

/// A change that no sync has covered yet.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// Each with its place in time.
    pending: Vec<(u64, Change)>,
}

impl Content {
    /// What a process reads.
    pub fn bytes(&self) -> &[u8] {
        &self.now
    }

    /// Writes at a place; a gap before it becomes zeros.
    pub fn write(&mut self, at: u64, offset: usize, bytes: &[u8]) {
        put(&mut self.now, offset, bytes);
        self.pending.push((at, Change::Write { offset, bytes: bytes.to_vec() }));
    }

    /// Makes it shorter, or longer by zeros.
    pub fn set_length(&mut self, at: u64, length: usize) {
        self.now.resize(length, 0);
        self.pending.push((at, Change::Length(length)));
    }

    /// All of it is on the disk from now on.
    pub fn sync(&mut self) {
        for (_, change) in std::mem::take(&mut self.pending) {
            apply(&mut self.synced, &change);
        }
    }

    /// When the changes were made that no sync has covered.
    pub fn unsynced(&self) -> impl Iterator<Item = u64> {
        self.pending.iter().map(|(at, _)| *at)
    }

    /// Loses all that was not synced.
    pub fn lose_all(&mut self) {
        self.pending.clear();
        self.now = self.synced.clone();
    }

    /// Loses what came after a moment; the write of that very moment is torn.
    pub fn lose_after(&mut self, moment: u64, dice: &mut Dice) {
        for (at, change) in std::mem::take(&mut self.pending) {
            match change {
                change if at < moment => apply(&mut self.synced, &change),
                Change::Write { offset, bytes } if at == moment => {
                    put(&mut self.synced, offset, &bytes[..dice.below(bytes.len() + 1)]);
                }
                _ => {}
            }
        }
        self.now = self.synced.clone();
    }

    /// Loses some pages of what was not synced, in no order: a page that was lost in front of another one is zeros.
    pub fn lose_some(&mut self, dice: &mut Dice) {
        for (_, change) in std::mem::take(&mut self.pending) {
            match change {
                Change::Write { offset, bytes } => {
                    for (n, page) in bytes.chunks(PAGE).enumerate() {
                        if dice.below(2) == 0 {
                            put(&mut self.synced, offset + n * PAGE, page);
                        }
                    }
                }
                change => {
                    if dice.below(2) == 0 {
                        apply(&mut self.synced, &change);
                    }
                }
            }
        }
        self.now = self.synced.clone();
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, bytes: new } => put(bytes, *offset, new),
        Change::Length(length) => bytes.resize(*length, 0),
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, new: &[u8]) {
    if new.is_empty() {
        return;
    }
    let end = offset + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(new);
}
