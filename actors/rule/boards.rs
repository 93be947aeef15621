//! What all rules share: the tables that they look up in, and the silences that hold their alerts back. Both change while rules run.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use parapet_config::Table;
use parapet_contracts::{Silence, TableId, Timestamp};
use parking_lot::Mutex;
use uuid::Uuid;

use super::Tables;

/// The tables as they are now.
#[derive(Default)]
pub struct TableBoard(ArcSwap<Tables>);

impl TableBoard {
    /// These tables, from now on. Those that did not change stay the same.
    pub fn set(&self, tables: &BTreeMap<TableId, Arc<Table>>) {
        let old = self.0.load();
        let kept = |(id, table): (&TableId, &Arc<Table>)| {
            let same = old.get(id).filter(|old| *old == table).unwrap_or(table);
            (id.clone(), Arc::clone(same))
        };
        self.0.store(Arc::new(tables.iter().map(kept).collect()));
    }

    /// The tables now.
    pub fn now(&self) -> Arc<Tables> {
        self.0.load_full()
    }
}

/// Silences at most.
const MOST: usize = 1_000;

/// The silences that are not over.
#[derive(Default)]
pub struct SilenceBoard {
    now: ArcSwap<Vec<Silence>>,
    writing: Mutex<()>,
}

impl SilenceBoard {
    /// The silences now.
    pub fn now(&self) -> Arc<Vec<Silence>> {
        self.now.load_full()
    }

    /// Adds one, or replaces the one with the same id; forgets those that are over. False: there are too many.
    pub fn add(&self, silence: Silence, now: Timestamp) -> bool {
        let _writing = self.writing.lock();
        let old = self.now.load();
        let mut new: Vec<Silence> =
            old.iter().filter(|other| other.id != silence.id && other.until > now).cloned().collect();
        if new.len() >= MOST {
            return false;
        }
        new.push(silence);
        self.now.store(Arc::new(new));
        true
    }

    /// Ends one. `None`: there is none of this id.
    pub fn remove(&self, id: Uuid) -> Option<Silence> {
        let _writing = self.writing.lock();
        let old = self.now.load();
        let gone = old.iter().find(|silence| silence.id == id).cloned()?;
        self.now.store(Arc::new(old.iter().filter(|other| other.id != id).cloned().collect()));
        Some(gone)
    }
}
