//! The counters of one stream.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use parapet_contracts::{ports::media::MediaStats, stats::DropReason};

/// Counted on GStreamer's threads, read from any.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    frames_in: AtomicU64,
    frames_wanted: AtomicU64,
    bytes_in: AtomicU64,
    packets_lost: AtomicU64,
    decode_nanos: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
}

impl Counters {
    pub(crate) fn frame_in(&self) {
        self.frames_in.fetch_add(1, Relaxed);
    }

    pub(crate) fn frames(&self) -> u64 {
        self.frames_in.load(Relaxed)
    }

    pub(crate) fn wanted(&self) {
        self.frames_wanted.fetch_add(1, Relaxed);
    }

    pub(crate) fn bytes(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn packets_lost(&self, packets: u64) {
        self.packets_lost.fetch_add(packets, Relaxed);
    }

    pub(crate) fn decoding_took(&self, time: Duration) {
        self.decode_nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn dropped(&self, reason: DropReason, frames: u64) {
        if let Some((_, counter)) = DropReason::ALL.iter().zip(&self.dropped).find(|(r, _)| **r == reason) {
            counter.fetch_add(frames, Relaxed);
        }
    }

    pub(crate) fn snapshot(&self) -> MediaStats {
        let dropped = DropReason::ALL
            .iter()
            .zip(&self.dropped)
            .map(|(reason, counter)| (*reason, counter.load(Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect();
        MediaStats {
            frames_in: self.frames_in.load(Relaxed),
            frames_wanted: self.frames_wanted.load(Relaxed),
            dropped,
            decode_time: Duration::from_nanos(self.decode_nanos.load(Relaxed)),
            bytes_in: self.bytes_in.load(Relaxed),
            packets_lost: self.packets_lost.load(Relaxed),
        }
    }
}
