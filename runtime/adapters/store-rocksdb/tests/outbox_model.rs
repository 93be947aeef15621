//! An outbox against a model of it: any order of appending, acknowledging and reopening.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use parapet_contracts::ports::store::{Batch, Durability, OutboxItem, StorePort, Write};
use parapet_store_rocksdb::{RocksStore, StoreOptions};
use parapet_testkit::conformance::samples::{append, item};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// Append this many in one batch.
    Append { queue: usize, count: u64 },
    /// Acknowledge the entry at this place of those that wait, or one that is not there.
    Acknowledge { queue: usize, place: usize },
    /// Acknowledge all that wait, in one batch.
    Empty { queue: usize },
    /// Read some.
    Read { queue: usize, limit: usize },
    /// Close and open the store.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let queue = || 0..QUEUES.len();
    prop_oneof![
        4 => (queue(), 1..6_u64).prop_map(|(queue, count)| Step::Append { queue, count }),
        4 => (queue(), 0..8_usize).prop_map(|(queue, place)| Step::Acknowledge { queue, place }),
        1 => queue().prop_map(|queue| Step::Empty { queue }),
        2 => (queue(), 0..5_usize).prop_map(|(queue, limit)| Step::Read { queue, limit }),
        2 => Just(Step::Reopen),
    ]
}

const QUEUES: [&str; 3] = ["bus", "bu", "uploader/hub"];

#[derive(Default)]
struct Model {
    last: u64,
    waiting: BTreeMap<u64, OutboxItem>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_the_model_holds(steps in proptest::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let open = || RocksStore::open(folder.path(), StoreOptions::default()).unwrap();
        let mut store = Some(open());
        let mut models: [Model; 3] = Default::default();
        let mut number = 0;
        for step in steps {
            let at = store.as_ref().unwrap();
            let commit = |writes| at.commit(&Batch { writes, durability: Durability::Buffered }).unwrap();
            match step {
                Step::Append { queue, count } => {
                    let model = &mut models[queue];
                    let mut writes = Vec::new();
                    for _ in 0..count {
                        number += 1;
                        model.last += 1;
                        model.waiting.insert(model.last, item(number));
                        writes.push(append(QUEUES[queue], number));
                    }
                    commit(writes);
                }
                Step::Acknowledge { queue, place } => {
                    let model = &mut models[queue];
                    let sequence = model.waiting.keys().nth(place).copied().unwrap_or(model.last + 1);
                    model.waiting.remove(&sequence);
                    commit(vec![Write::Acknowledge { queue: QUEUES[queue].to_owned(), sequence }]);
                }
                Step::Empty { queue } => {
                    let gone = std::mem::take(&mut models[queue].waiting);
                    let name = QUEUES[queue];
                    commit(gone.into_keys().map(|sequence| Write::Acknowledge { queue: name.to_owned(), sequence }).collect());
                }
                Step::Read { queue, limit } => {
                    let read = at.outbox(QUEUES[queue], limit).unwrap();
                    let read: Vec<_> = read.into_iter().map(|e| (e.sequence, e.item)).collect();
                    let expected: Vec<_> = models[queue].waiting.clone().into_iter().take(limit).collect();
                    prop_assert_eq!(read, expected);
                }
                Step::Reopen => {
                    drop(store.take());
                    store = Some(open());
                }
            }
            let at = store.as_ref().unwrap();
            let lengths: BTreeMap<_, _> = at.outbox_lengths().unwrap().into_iter().collect();
            for (name, model) in QUEUES.iter().zip(&models) {
                let read = at.outbox(name, 1000).unwrap();
                let read: BTreeMap<_, _> = read.into_iter().map(|e| (e.sequence, e.item)).collect();
                prop_assert_eq!(&read, &model.waiting);
                prop_assert_eq!(lengths.get(*name).copied().unwrap_or(0), model.waiting.len() as u64);
            }
        }
    }
}
