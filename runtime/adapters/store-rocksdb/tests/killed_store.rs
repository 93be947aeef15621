//! A process that is killed with SIGKILL while it commits synced batches loses nothing that it acknowledged, and shows no
//! batch in part. The test begins itself again as that process: hence no usual harness.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use parapet_contracts::{
    Severity,
    ports::store::{Batch, Durability, StorePort, Write},
};
use parapet_store_rocksdb::{RocksStore, StoreOptions};
use parapet_testkit::conformance::samples::{alert, append, id};

/// Alerts, each with an entry of the outbox, in one batch.
const GROUP: u64 = 5;
const ROUNDS: u64 = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "--child") {
        Some(at) => write_until_killed(Path::new(&arguments[at + 1]), arguments[at + 2].parse().unwrap()),
        None => {
            acknowledged_batches_survive_a_kill();
            println!("test acknowledged_batches_survive_a_kill ... ok");
        }
    }
}

/// Commits batch after batch, and acknowledges each on standard output by its number.
fn write_until_killed(folder: &Path, first: u64) {
    let store = RocksStore::open(folder, StoreOptions::default()).unwrap();
    for batch in first..first + 1_000_000 {
        let writes = (batch * GROUP..(batch + 1) * GROUP)
            .flat_map(|n| [Write::Alert(alert(n, "gate", "r", Severity::Info, n)), append("bus", n)])
            .collect();
        store.commit(&Batch { writes, durability: Durability::Synced }).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{batch}").and_then(|()| out.flush()).unwrap();
    }
}

fn acknowledged_batches_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut next = 0;
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--child", folder.path().to_str().unwrap(), &next.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A different place each time; the child is in the middle of the next batch when the line is read.
        for _ in 0..20 + 13 * round {
            acknowledged.push(lines.next().unwrap().unwrap().parse::<u64>().unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still acknowledged before the signal came is in the pipe.
        acknowledged.extend(lines.map(|line| line.unwrap().parse::<u64>().unwrap()));

        let store = RocksStore::open(folder.path(), StoreOptions::default()).unwrap();
        for batch in &acknowledged {
            for n in batch * GROUP..(batch + 1) * GROUP {
                assert!(store.alert(id(n)).unwrap().is_some(), "alert {n} of acknowledged batch {batch} is lost");
            }
        }
        let entries = store.outbox("bus", 1_000_000).unwrap();
        let count = entries.len() as u64;
        assert_eq!(count % GROUP, 0, "a batch is there in part");
        assert_eq!(count, store.usage().unwrap().alerts);
        assert!(count >= acknowledged.len() as u64 * GROUP);
        for (sequence, entry) in (1..).zip(&entries) {
            assert_eq!((entry.sequence, entry.item.id), (sequence, id(sequence - 1)));
        }
        next = count / GROUP;
    }
    assert!(acknowledged.len() as u64 >= 100, "only {} batches were acknowledged", acknowledged.len());
}
