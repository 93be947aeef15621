//! What a reload changes: which actors start, restart and stop. Pure.

use std::{collections::BTreeMap, sync::Arc};

use parapet_contracts::{CameraId, ModelId, RuleId, StreamId, TableId, UploaderId};

use crate::checked::SiteConfig;

/// What became of the actors of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<I> {
    /// To be started.
    pub added: Vec<I>,
    /// To be restarted.
    pub changed: Vec<I>,
    /// To be stopped.
    pub removed: Vec<I>,
}

impl<I> Default for Change<I> {
    fn default() -> Self {
        Self { added: Vec::new(), changed: Vec::new(), removed: Vec::new() }
    }
}

impl<I> Change<I> {
    /// True when nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// What became of all actors, and of the site. A rule that watches `all` cameras, or uses a zone of a camera, changes with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Cameras.
    pub cameras: Change<CameraId>,
    /// Models.
    pub models: Change<ModelId>,
    /// Rules.
    pub rules: Change<RuleId>,
    /// Uploaders.
    pub uploaders: Change<UploaderId>,
    /// Streams.
    pub streams: Change<StreamId>,
    /// Tables: no actor restarts, rules look up in the new ones.
    pub tables: Change<TableId>,
    /// `site.yaml` says something else: it takes effect at the next start.
    pub site_changed: bool,
}

impl Changes {
    /// True when nothing is to be done.
    pub fn is_empty(&self) -> bool {
        !self.site_changed
            && self.cameras.is_empty()
            && self.models.is_empty()
            && self.rules.is_empty()
            && self.uploaders.is_empty()
            && self.streams.is_empty()
            && self.tables.is_empty()
    }
}

/// What is to be done to get from `old` to `new`. Ids come in their order.
pub fn diff(old: &SiteConfig, new: &SiteConfig) -> Changes {
    Changes {
        cameras: change(&old.cameras, &new.cameras),
        models: change(&old.models, &new.models),
        rules: change(&old.rules, &new.rules),
        uploaders: change(&old.uploaders, &new.uploaders),
        streams: change(&old.streams, &new.streams),
        tables: change(&old.tables, &new.tables),
        site_changed: old.site != new.site,
    }
}

fn change<I: Ord + Clone, T: PartialEq>(old: &BTreeMap<I, Arc<T>>, new: &BTreeMap<I, Arc<T>>) -> Change<I> {
    Change {
        added: new.keys().filter(|id| !old.contains_key(id)).cloned().collect(),
        changed: new
            .iter()
            .filter(|(id, value)| old.get(id).is_some_and(|before| before != *value))
            .map(|(id, _)| id.clone())
            .collect(),
        removed: old.keys().filter(|id| !new.contains_key(id)).cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some() -> impl Strategy<Value = BTreeMap<u8, Arc<u8>>> {
        prop::collection::btree_map(0_u8..20, (0_u8..3).prop_map(Arc::new), 0..15)
    }

    proptest! {
        /// Doing what the change says turns the old map into the new one, and touches nothing that stays.
        #[test]
        fn a_change_leads_from_old_to_new_and_touches_nothing_else(old in some(), new in some()) {
            let change = change(&old, &new);
            let mut running = old.clone();
            for id in &change.removed {
                prop_assert!(running.remove(id).is_some());
            }
            for id in &change.added {
                prop_assert!(running.insert(*id, new[id].clone()).is_none());
            }
            for id in &change.changed {
                prop_assert!(old[id] != new[id]);
                running.insert(*id, new[id].clone());
            }
            prop_assert_eq!(&running, &new);
            prop_assert_eq!(change.is_empty(), old == new);
        }
    }
}
