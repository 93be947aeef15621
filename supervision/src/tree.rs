//! The tree as others see it. Each supervisor publishes its children's state on a board as it changes; reading the tree
//! sends no message, so it works while a supervisor is busy, and after it died.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::observer::{FailureKind, unix_millis};
use crate::policy::History;
use crate::shared::Shared;

/// Where a child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Being started, or about to be when those before it are up.
    Starting,
    /// At work.
    Running,
    /// Failed, and restarted soon.
    Backoff,
    /// Failed more often than its budget allows; tried again slowly, or never.
    Failed,
    /// Given up as stuck, about to be replaced.
    Stuck,
    /// Asked to stop.
    Stopping,
    /// Not running, and not to be.
    Stopped,
}

/// A node's most recent failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// What kind of failure.
    pub kind: FailureKind,
    /// The panic's or the error's text with its causes.
    pub text: String,
    /// When, in milliseconds since the Unix epoch.
    pub at: u64,
}

/// A node of the tree, with all below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// The child's id, unique among its siblings.
    pub id: String,
    /// What it is: `supervisor`, or what its spec says.
    pub kind: String,
    /// Where it stands.
    pub state: NodeState,
    /// Restarts since it was added.
    pub restarts: u64,
    /// Restarts within its budget's span.
    pub restarts_in_window: u32,
    /// The most recent failure; that a budget was spent is told by the state, and keeps the failure that spent it.
    pub last_error: Option<LastError>,
    /// Since when it is in this state, in milliseconds since the Unix epoch.
    pub since: u64,
    /// When it is started again, in milliseconds since the Unix epoch, while it waits for that.
    pub next_try: Option<u64>,
    /// Incarnations that ignored even the kill (a thread that blocks) and were left behind.
    pub abandoned: u32,
    /// Its children, in the order in which they start.
    pub children: Vec<NodeStatus>,
}

impl NodeStatus {
    /// The node at `path` below this one: ids joined with `/`, such as `cameras/gate-north`. The empty path is this node.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Self> {
        path.split('/')
            .filter(|id| !id.is_empty())
            .try_fold(self, |node, id| node.children.iter().find(|child| child.id == id))
    }

    /// This node and all below it with their paths, parents first.
    #[must_use]
    pub fn walk(&self) -> Vec<(String, &Self)> {
        let mut found = vec![(self.id.clone(), self)];
        let mut next = 0;
        while let Some((path, node)) = found.get(next).cloned() {
            found.extend(node.children.iter().map(|child| (format!("{path}/{}", child.id), child)));
            next += 1;
        }
        found
    }
}

/// What a supervisor publishes of one child.
#[derive(Clone)]
pub(crate) struct Entry {
    pub id: Arc<str>,
    pub kind: Arc<str>,
    pub state: NodeState,
    pub restarts: u64,
    pub history: History,
    pub within: Duration,
    pub last_error: Option<LastError>,
    pub since: u64,
    pub next_try: Option<Instant>,
    pub abandoned: u32,
    pub supervisor: Option<Arc<Shared>>,
}

impl Entry {
    fn status(&self, now: Instant) -> NodeStatus {
        let wait = |until: Instant| {
            let millis = u64::try_from(until.saturating_duration_since(now).as_millis()).unwrap_or(u64::MAX);
            unix_millis().saturating_add(millis)
        };
        NodeStatus {
            id: self.id.to_string(),
            kind: self.kind.to_string(),
            state: self.state,
            restarts: self.restarts,
            restarts_in_window: self.history.in_window(self.within, now),
            last_error: self.last_error.clone(),
            since: self.since,
            next_try: self.next_try.map(wait),
            abandoned: self.abandoned,
            children: self.supervisor.as_ref().map(|below| below.children(now)).unwrap_or_default(),
        }
    }
}

/// The board: children by position.
#[derive(Default)]
pub(crate) struct Board {
    entries: BTreeMap<u64, Entry>,
}

impl Board {
    pub(crate) fn publish(&mut self, key: u64, entry: Entry) {
        self.entries.insert(key, entry);
    }

    pub(crate) fn forget(&mut self, key: u64) {
        self.entries.remove(&key);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The supervisor is gone, and with it whatever ran below it.
    pub(crate) fn all_stopped(&mut self) {
        for entry in self.entries.values_mut().filter(|entry| entry.state != NodeState::Stopped) {
            entry.state = NodeState::Stopped;
            entry.next_try = None;
            entry.since = unix_millis();
        }
    }

    pub(crate) fn statuses(&self, now: Instant) -> Vec<NodeStatus> {
        self.entries.values().map(|entry| entry.status(now)).collect()
    }
}
