//! Counting what is dropped, by reason: nothing is lost silently.

use serde::{Deserialize, Serialize};

/// Why a frame never became a detection, or an event never reached somebody. The label `reason` of the drop counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// More frames per second than the camera's file wants.
    RateLimit,
    /// A newer frame took its place before a slot was free.
    Superseded,
    /// A newer frame took its place when it was older than it may be: the slots are too slow.
    Stale,
    /// The model's overload policy has lowered the rate.
    LoweredRate,
    /// The model's overload policy leaves cameras of low priority out.
    Shed,
    /// The picture was damaged.
    Corrupt,
    /// The stream has not reached a keyframe yet.
    AwaitingKeyframe,
    /// Nobody was there to take it: no model, or the actor is down.
    NoReceiver,
    /// The model failed on it.
    InferenceFailed,
    /// A bounded queue was full.
    QueueFull,
    /// Nothing moved in the picture.
    Still,
    /// The camera is idle, and only keyframes are decoded.
    Idle,
    /// The peer is away, and the kind is one that is not kept.
    Disconnected,
}

impl DropReason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 13] = [
        Self::RateLimit,
        Self::Superseded,
        Self::Stale,
        Self::LoweredRate,
        Self::Shed,
        Self::Corrupt,
        Self::AwaitingKeyframe,
        Self::NoReceiver,
        Self::InferenceFailed,
        Self::QueueFull,
        Self::Still,
        Self::Idle,
        Self::Disconnected,
    ];

    /// The word for metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::Superseded => "superseded",
            Self::Stale => "stale",
            Self::LoweredRate => "lowered_rate",
            Self::Shed => "shed",
            Self::Corrupt => "corrupt",
            Self::AwaitingKeyframe => "awaiting_keyframe",
            Self::NoReceiver => "no_receiver",
            Self::InferenceFailed => "inference_failed",
            Self::QueueFull => "queue_full",
            Self::Still => "still",
            Self::Idle => "idle",
            Self::Disconnected => "disconnected",
        }
    }
}
