//! Remote control.

use std::collections::BTreeSet;

use parapet_contracts::Secret;

/// Somebody who may command.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteClient {
    /// What requests are signed with.
    pub key: Secret,
    /// What may be asked for.
    pub may: BTreeSet<RemoteCommand>,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemoteCommand {
    /// Enable or disable a camera.
    Camera,
    /// Hold alerts back for a time.
    Silence,
    /// Take notice of an alert.
    Acknowledge,
    /// See what a camera shows now.
    Snapshot,
}

impl RemoteCommand {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Camera, Self::Silence, Self::Acknowledge, Self::Snapshot];

    /// The word in files and topics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Silence => "silence",
            Self::Acknowledge => "acknowledge",
            Self::Snapshot => "snapshot",
        }
    }

    /// The command of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.as_str() == name)
    }
}
