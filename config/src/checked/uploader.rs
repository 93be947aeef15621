//! Uploaders.

use std::{collections::BTreeMap, time::Duration};

use parapet_contracts::UploaderId;

use super::{Hold, Sink};

/// An uploader.
#[derive(Debug, Clone, PartialEq)]
pub struct Uploader {
    /// Its id.
    pub id: UploaderId,
    /// A disabled uploader keeps its queue and sends nothing.
    pub enabled: bool,
    /// What it sends.
    pub what: Vec<UploadKind>,
    /// Whether a new one begins with what the store still has, and not with what comes from then on.
    pub from_beginning: bool,
    /// Conditions on what it sends, planned without an error over [`crate::streams::uploads`]; a kind without one is sent whole.
    pub filters: BTreeMap<Lane, String>,
    /// The zone of the conditions' times.
    pub time_zone: jiff::tz::TimeZone,
    /// How each event is written.
    pub format: UploadFormat,
    /// At most so many events at once.
    pub batch: usize,
    /// How long the first event of a batch may wait for others.
    pub linger: Duration,
    /// At most so many bytes a second.
    pub rate_limit: Option<u64>,
    /// The kinds in the order in which they go.
    pub priority: [Lane; 4],
    /// What has waited for longer is not sent any more.
    pub time_to_live: Option<Duration>,
    /// How many dead letters are kept.
    pub keep_dead: u64,
    /// Where to.
    pub sink: Sink,
    /// First and longest wait after a failure.
    pub backoff: (Duration, Duration),
}

impl Uploader {
    /// What it lets wait for others or for another time; `None`: everything goes as soon as it can.
    pub fn hold(&self) -> Option<&Hold> {
        match &self.sink {
            Sink::Smtp(mail) => Some(&mail.hold),
            _ => None,
        }
    }
}

/// What an uploader can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UploadKind {
    /// Alerts.
    Alerts,
    /// Detection events.
    Events,
    /// What the error journal notes for the first time.
    Journal,
    /// Files of evidence.
    Evidence,
    /// What actions of rules name it for, alone.
    Named,
}

impl UploadKind {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Events => "events",
            Self::Journal => "journal",
            Self::Evidence => "evidence",
            Self::Named => "named",
        }
    }

    /// The queue that it waits in.
    pub fn lane(self) -> Lane {
        match self {
            Self::Alerts | Self::Named => Lane::Alerts,
            Self::Events => Lane::Events,
            Self::Journal => Lane::Journal,
            Self::Evidence => Lane::Evidence,
        }
    }
}

/// A kind of what an uploader sends, with a queue of its own: order holds within it, and the one with the higher priority goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Alerts, and what becomes of them.
    Alerts,
    /// Detection events.
    Events,
    /// Evidence.
    Evidence,
    /// The error journal.
    Journal,
}

impl Lane {
    /// All, in the usual order of priority.
    pub const ALL: [Self; 4] = [Self::Alerts, Self::Events, Self::Evidence, Self::Journal];

    /// The word for files, metrics and people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Events => "events",
            Self::Evidence => "evidence",
            Self::Journal => "journal",
        }
    }
}

/// How an uploader writes an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadFormat {
    /// A structured CloudEvent in JSON.
    CloudEvents,
    /// Its data alone.
    Data,
    /// As a `mqtt` sink writes it for the readers of the accelerator.
    Accelerator,
}
