//! The end of a whole tree, in order and in time.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, timeout};

use crate::handle::SupervisorHandle;
use crate::shared::KilledChild;
use crate::tree::NodeState;

/// How long a kill may take to have its effect, before its target counts as blocked.
pub(crate) const KILL_GRACE: Duration = Duration::from_secs(1);

/// How a shutdown went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShutdownReport {
    /// Children that did not stop within their own deadline, or within the tree's, in the order in which they were killed.
    pub killed: Vec<KilledChild>,
    /// The tree's deadline passed, and what was left was killed at once.
    pub cut_short: bool,
    /// How long it took.
    pub took: Duration,
}

impl ShutdownReport {
    /// Everything stopped by itself.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.killed.is_empty() && !self.cut_short
    }
}

/// Stops the tree below `root`: children in reverse order, each with its own deadline and killed when that has passed; after
/// `limit` all that is left is killed at once.
///
/// `root` is the handle that [`SupervisorSpec::start`](crate::SupervisorSpec::start) returned; any other supervisor is
/// stopped by its parent, and for its handle, or a tree that has ended, this does nothing. A thread that blocks cannot be
/// killed: it is reported as abandoned, and the process must not wait for it (`Runtime::shutdown_timeout`).
pub async fn shutdown(root: &SupervisorHandle, limit: Duration) -> ShutdownReport {
    let started = Instant::now();
    let Some(tree) = root.root() else {
        return ShutdownReport { killed: Vec::new(), cut_short: false, took: Duration::ZERO };
    };
    tree.env.kills.lock().get_or_insert_default();
    tree.cell.stop(Some("shutdown".to_owned()));
    let cut_short = timeout(limit, tree.cell.wait(None)).await.is_err();
    let mut left = Vec::new();
    if cut_short {
        left = running_leaves(root);
        tree.cell.kill();
        let dead = timeout(KILL_GRACE, tree.cell.wait(None)).await.is_ok();
        if !dead {
            tracing::error!(tree = root.id(), "the root supervisor did not end within {KILL_GRACE:?} of being killed");
        }
    }
    let mut killed = tree.env.kills.lock().take().unwrap_or_default();
    left.retain(|path| killed.iter().all(|child| child.path != *path));
    killed.extend(left.into_iter().map(|path| KilledChild { path, abandoned: false }));
    ShutdownReport { killed, cut_short, took: started.elapsed() }
}

/// Paths of all workers that are still at work, in the order in which they would be stopped.
fn running_leaves(root: &SupervisorHandle) -> Vec<String> {
    let tree = root.tree();
    let at_work =
        |state| matches!(state, NodeState::Running | NodeState::Stopping | NodeState::Starting | NodeState::Stuck);
    let leaves = tree.walk().into_iter().filter(|(_, node)| node.kind != "supervisor" && at_work(node.state));
    let mut paths: Vec<String> = leaves.map(|(path, _)| path).collect();
    paths.reverse();
    paths
}
