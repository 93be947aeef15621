//! What was counted at a camera's zones and lines, for people and machines that ask.

use std::collections::BTreeMap;

use parapet_contracts::Side;
use serde::Serialize;

/// The counts of one camera as one model sees it, since the site started.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Tracks that began.
    pub begun: u64,
    /// Tracks that ended.
    pub ended: u64,
    /// Tracks that are followed now, those that are hidden for a moment included.
    pub now: u32,
    /// Of these, the ones that do not stand still.
    pub moving: u32,
    /// By the zone's name.
    pub zones: BTreeMap<String, ZoneTally>,
    /// By the line's name.
    pub lines: BTreeMap<String, LineTally>,
}

/// The counts of a zone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ZoneTally {
    /// Tracks that are in it now.
    pub now: u32,
    /// Times that a track came in.
    pub entered: u64,
    /// Times that a track left, or ended inside.
    pub left: u64,
    /// How long the visits that are over lasted, in seconds, together: divide by `left` for the mean.
    pub dwell_s: f64,
}

/// The counts of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LineTally {
    /// Times that a track crossed it and came to be on its left side.
    pub to_left: u64,
    /// Times that a track crossed it and came to be on its right side.
    pub to_right: u64,
}

impl Tally {
    pub(super) fn enter(&mut self, zone: &str) {
        self.zone(zone).entered += 1;
    }

    pub(super) fn leave(&mut self, zone: &str, after: f64) {
        let zone = self.zone(zone);
        zone.left += 1;
        zone.dwell_s += after;
    }

    pub(super) fn cross(&mut self, line: &str, to: Side) {
        let line = self.lines.entry(line.to_owned()).or_default();
        match to {
            Side::Left => line.to_left += 1,
            Side::Right => line.to_right += 1,
        }
    }

    fn zone(&mut self, name: &str) -> &mut ZoneTally {
        self.zones.entry(name.to_owned()).or_default()
    }
}
