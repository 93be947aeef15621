//! A quick hash for names and constants of rules.
//!
//! Whoever writes rules chooses what a table holds; events are only looked up in it. So nobody can make a table slow from
//! outside, and the hash need not withstand an attack.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table by [`Quick`].
pub(super) type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;

/// Mixes eight bytes at a time by multiplication with an odd number.
#[derive(Debug, Clone, Default)]
pub(super) struct Quick(u64);

impl Quick {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((word, after)) = rest.split_first_chunk::<8>() {
            self.mix(u64::from_le_bytes(*word));
            rest = after;
        }
        // With a one before them, so that leading zeros count.
        self.mix(rest.iter().fold(1, |word, byte| (word << 8) | u64::from(*byte)));
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(u64::from(byte));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn finish(&self) -> u64 {
        // Tables look at the lowest bits and at the highest.
        self.0 ^ (self.0 >> 32)
    }
}
