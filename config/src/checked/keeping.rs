//! What is kept for how long, and where.

use std::{path::PathBuf, time::Duration};

/// Copies of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupConfig {
    /// Their folder.
    pub path: PathBuf,
    /// How many are kept.
    pub keep: usize,
    /// How often one is made by itself.
    pub every: Option<Duration>,
}

/// The evidence folder.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceConfig {
    /// The folder.
    pub path: PathBuf,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
    /// Pictures.
    pub pictures: Keeping,
    /// Clips.
    pub clips: Keeping,
    /// Bytes that stay free on its disk, but no more than a tenth of it.
    pub min_free: u64,
}

/// How long, and how much of, a kind of evidence is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// By age.
    pub keep_for: Duration,
    /// By size, in bytes.
    pub most: Option<u64>,
}

/// The folder of the recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingsConfig {
    /// The folder.
    pub path: PathBuf,
    /// Bytes that stay free on its disk, but no more than a fifth of it.
    pub min_free: u64,
}

/// How a camera is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordConfig {
    /// What is recorded.
    pub mode: RecordMode,
    /// How long it is kept.
    pub keep_for: Duration,
    /// How much is kept, in bytes.
    pub most: Option<u64>,
    /// How long a segment is, at least.
    pub segment: Duration,
    /// How long before motion, at least, up to a segment.
    pub before: Duration,
    /// How long after motion, at least.
    pub after: Duration,
}

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordMode {
    /// Nothing.
    Off,
    /// What moves.
    Motion,
    /// All of it.
    Continuous,
}
