//! How many alerts a second a site makes durable.
//!
//! Alerts go the way that the site's alert desk sends them: through the store's handle, its bounded queue, and the writer that
//! gathers what waits into one synced batch. The peer is a bare RocksDB loop that writes the same bytes in batches of the size that
//! the writer was just seen to gather, on the same disk, turn by turn. The ratio is what the store's own work costs.
//! Alerts are made before the time is taken, on both sides; turning them into bytes is the store's work.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parapet_contracts::{Alert, Severity, ports::store::Write};
use parapet_testkit::conformance::samples::{alert, id, item, time};

use crate::{
    parts::Store,
    support::{Figures, Spread},
};

/// How long each of the two runs before it is the other's turn: what else the machine does disturbs both alike.
const TURN: Duration = Duration::from_millis(250);
/// Turns of each.
const ROUNDS: usize = 16;
/// Alerts that wait for the disk at the same time: one camera's, a site's, a storm's.
const TOGETHER: [usize; 3] = [1, 16, 128];

/// The row.
pub fn run(figures: &mut Figures) {
    crate::runtime().block_on(async {
        for together in TOGETHER {
            compare(together, figures).await;
        }
    });
}

async fn compare(together: usize, figures: &mut Figures) {
    let (ours, raw) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, next) = (Store::start(ours.path()).await, Arc::new(AtomicU64::new(0)));
    let mut rocksdb = Raw::open(raw.path());
    let (mut rates, mut raw_rates, mut ratios, mut groups) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let (rate, group) = turn(&store, &next, together).await;
        let raw_rate = tokio::task::block_in_place(|| rocksdb.turn(group.round().max(1.0) as u64));
        rates.push(rate);
        raw_rates.push(raw_rate);
        ratios.push(rate / raw_rate);
        groups.push(group);
    }
    store.stop().await;
    let what = format!("{together} at once");
    figures.spread(&format!("durable alerts, {what}"), Spread::of(rates), "a second", None);
    figures.spread(&format!("alerts that shared a sync, {what}"), Spread::of(groups), "", None);
    figures.spread(&format!("RocksDB alone in the same groups, {what}"), Spread::of(raw_rates), "a second", None);
    figures.at_least(&format!("ratio, {what}"), Spread::of(ratios), "", 0.8);
}

/// Appends alerts, `together` of them waiting at any time; each with its entry in the outbox of the bus, as in a site.
/// Returns alerts a second, and how many shared a sync on average.
async fn turn(store: &Store, next: &Arc<AtomicU64>, together: usize) -> (f64, f64) {
    let template = Arc::new(alert(0, "gate", "r", Severity::Info, 0));
    let (began, commits, first) = (Instant::now(), store.port.commits(), next.load(Ordering::Relaxed));
    let appenders: Vec<_> = (0..together)
        .map(|_| {
            let (handle, next, template) = (store.handle.clone(), Arc::clone(next), Arc::clone(&template));
            tokio::spawn(async move {
                while began.elapsed() < TURN {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let alert = Alert { id: id(n), raised_at: time(n), ..Alert::clone(&template) };
                    handle.append(vec![Write::Alert(alert)], vec![("bus".to_owned(), item(n))]).await.unwrap();
                }
            })
        })
        .collect();
    for appender in appenders {
        appender.await.unwrap();
    }
    let alerts = (next.load(Ordering::Relaxed) - first) as f64;
    (alerts / began.elapsed().as_secs_f64(), alerts / (store.port.commits() - commits) as f64)
}

/// RocksDB and nothing else.
struct Raw {
    db: rocksdb::DB,
    synced: rocksdb::WriteOptions,
    alert: Vec<u8>,
    entry: Vec<u8>,
    count: u64,
}

impl Raw {
    fn open(folder: &Path) -> Self {
        let mut options = rocksdb::Options::default();
        options.create_if_missing(true);
        let mut synced = rocksdb::WriteOptions::default();
        synced.set_sync(true);
        // The bytes of an alert and of its outbox entry, made once: this loop does no work but RocksDB's.
        let alert = serde_json::to_vec(&alert(1, "gate", "r", Severity::Info, 1)).unwrap();
        let entry = serde_json::to_vec(&item(1)).unwrap();
        Self { db: rocksdb::DB::open(&options, folder).unwrap(), synced, alert, entry, count: 0 }
    }

    /// Alerts a second when `group` share a sync.
    fn turn(&mut self, group: u64) -> f64 {
        let (began, first) = (Instant::now(), self.count);
        while began.elapsed() < TURN {
            let mut batch = rocksdb::WriteBatch::default();
            for n in self.count..self.count + group {
                batch.put([b"a".as_slice(), &n.to_be_bytes(), &[0; 20]].concat(), &self.alert);
                batch.put([b"o".as_slice(), &n.to_be_bytes()].concat(), &self.entry);
            }
            self.db.write_opt(batch, &self.synced).unwrap();
            self.count += group;
        }
        (self.count - first) as f64 / began.elapsed().as_secs_f64()
    }
}
