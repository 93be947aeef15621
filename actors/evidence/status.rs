//! What is held, and what the evidence folder has: what others ask for.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use parapet_contracts::{CameraId, Hold, Selection, Timestamp, ports::evidence::Room};
use parking_lot::Mutex;
use serde::Serialize;
use uuid::Uuid;

use super::ledger::Tally;

/// The holds that stand.
#[derive(Debug, Default)]
pub struct Holds(ArcSwap<Vec<Hold>>);

impl Holds {
    /// All of them, oldest first.
    pub fn all(&self) -> Arc<Vec<Hold>> {
        self.0.load_full()
    }

    /// What they mean.
    pub fn selections(&self) -> Vec<Selection> {
        self.0.load().iter().map(|hold| hold.what.clone()).collect()
    }

    /// Whether one means this evidence.
    pub fn cover(&self, alert: Option<Uuid>, camera: Option<&CameraId>, at: Timestamp) -> bool {
        self.0.load().iter().any(|hold| hold.what.covers(alert, camera, at))
    }

    pub(crate) fn set(&self, holds: Vec<Hold>) {
        self.0.store(Arc::new(holds));
    }
}

/// How the evidence folder fares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EvidenceStatus {
    /// Pictures in it.
    pub pictures: Tally,
    /// Clips in it.
    pub clips: Tally,
    /// Room on its disk.
    pub room: Room,
    /// Less is free than must stay free.
    pub low: bool,
    /// Files that were removed since the start, by reason.
    pub removed: BTreeMap<&'static str, u64>,
    /// Old files that the last run left, as they are held.
    pub held: u64,
}

/// Where the housekeeper tells it.
#[derive(Debug, Default)]
pub struct StatusBoard(Mutex<EvidenceStatus>);

impl StatusBoard {
    /// As it is now.
    pub fn now(&self) -> EvidenceStatus {
        self.0.lock().clone()
    }

    pub(super) fn removed(&self, reason: &'static str, files: u64) {
        *self.0.lock().removed.entry(reason).or_default() += files;
    }

    pub(super) fn tell(&self, pictures: Tally, clips: Tally, room: Room, low: bool, held: u64) {
        let mut status = self.0.lock();
        (status.pictures, status.clips, status.room, status.low, status.held) = (pictures, clips, room, low, held);
        drop(status);
        for (kind, tally) in [("picture", pictures), ("clip", clips)] {
            metrics::gauge!("parapet_evidence_files", "kind" => kind).set(tally.files as f64);
            metrics::gauge!("parapet_evidence_bytes", "kind" => kind).set(tally.bytes as f64);
        }
        metrics::gauge!("parapet_evidence_free_bytes").set(room.free as f64);
        metrics::gauge!("parapet_evidence_low_info").set(f64::from(u8::from(low)));
        metrics::gauge!("parapet_evidence_held_files").set(held as f64);
    }
}
