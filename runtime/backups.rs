//! Backups of the store of a running site: when somebody asks for one, and by themselves as often as `store.backups.every` says.
//!
//! It promises: one is made at a time; a failure is in the journal, and the backups that were there stay.

use std::{sync::Arc, time::Duration};

use parapet_actors::{
    journal::{Failure, Journal},
    worker::{Body, LoopResult, Stop, Worker},
};
use parapet_config::BackupConfig;
use parapet_contracts::{Timestamp, ports::store::StoreError};
use parapet_store_rocksdb::{BackupInfo, RocksStore, backups};
use parapet_supervision::{ChildSpec, Shutdown, StartContext, WhenSpent};
use parking_lot::Mutex;
use serde::Serialize;

/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_secs(30);
/// After a failure the next one is tried no earlier than this.
const PAUSE: Duration = Duration::from_secs(600);
/// In the journal and in the tree.
const ACTOR: &str = "backups";

/// See the module.
pub struct Backups {
    store: Arc<RocksStore>,
    config: BackupConfig,
    journal: Journal,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: bool,
    /// How many were tried since the start.
    tried: u64,
    last_error: Option<String>,
    failed_at: Option<std::time::Instant>,
    /// As they were when the last one had been made; nobody looks into the folder while one is being made.
    known: Option<Vec<BackupInfo>>,
}

/// What there is.
#[derive(Debug, Serialize)]
pub struct BackupStatus {
    /// The folder.
    pub path: String,
    /// One is being made.
    pub running: bool,
    /// How many were tried since the start, the one that is being made included.
    pub tried: u64,
    /// Why the last one failed.
    pub last_error: Option<String>,
    /// Those that are there, oldest first.
    pub items: Vec<BackupInfo>,
}

impl Backups {
    /// Those of a store.
    pub fn new(store: Arc<RocksStore>, config: BackupConfig, journal: Journal) -> Arc<Self> {
        Arc::new(Self { store, config, journal, state: Mutex::default() })
    }

    /// The store that they are made of.
    pub fn store(&self) -> &RocksStore {
        &self.store
    }

    /// Begins to make one; false when one is being made already. Call it on the runtime.
    pub fn begin(self: &Arc<Self>) -> bool {
        {
            let mut state = self.state.lock();
            if state.running {
                return false;
            }
            (state.running, state.tried) = (true, state.tried + 1);
        }
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || this.make());
        true
    }

    fn make(&self) {
        let started = std::time::Instant::now();
        let BackupConfig { path, keep, .. } = &self.config;
        let made = self.store.back_up(path, *keep).and_then(|made| Ok((made, backups(path)?)));
        let mut state = self.state.lock();
        state.running = false;
        let outcome = match made {
            Ok((made, known)) => {
                tracing::info!(
                    number = made.number,
                    bytes = made.bytes,
                    seconds = started.elapsed().as_secs_f64(),
                    "backup of the store"
                );
                metrics::gauge!("parapet_store_backup_time_seconds").set(made.at.as_second() as f64);
                (state.known, state.last_error, state.failed_at) = (Some(known), None, None);
                "made"
            }
            Err(error) => {
                (state.last_error, state.failed_at) = (Some(error.text.clone()), Some(std::time::Instant::now()));
                self.journal.report(Failure::new(ACTOR, error.code, error.text));
                "failed"
            }
        };
        metrics::counter!("parapet_store_backups_total", "outcome" => outcome).increment(1);
    }

    /// What there is. It may read the folder: not on the runtime's own threads.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn status(&self) -> Result<BackupStatus, StoreError> {
        let mut state = self.state.lock();
        if state.known.is_none() && !state.running {
            state.known = Some(backups(&self.config.path)?);
        }
        Ok(BackupStatus {
            path: self.config.path.display().to_string(),
            running: state.running,
            tried: state.tried,
            last_error: state.last_error.clone(),
            items: state.known.clone().unwrap_or_default(),
        })
    }

    /// The actor that makes them by itself.
    pub fn child(self: &Arc<Self>) -> ChildSpec {
        let this = Arc::clone(self);
        ChildSpec::new(ACTOR, move |context: StartContext| {
            let this = Arc::clone(&this);
            async move {
                let body = Body::task(move |stop| this.run(stop));
                Ok(context.spawn(Worker, (ACTOR.to_owned(), body)).await?.get_cell())
            }
        })
        .kind(ACTOR)
        .when_spent(WhenSpent::RetrySlowly { every: PAUSE })
        .shutdown(Shutdown::Deadline(Duration::from_secs(1)))
    }

    async fn run(self: Arc<Self>, stop: Stop) -> LoopResult {
        let Some(every) = self.config.every else {
            stop.wait().await;
            return Ok(());
        };
        loop {
            let this = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || this.status()).await {
                Ok(Ok(status)) if self.is_due(&status, every) => drop(self.begin()),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => self.journal.report(Failure::new(ACTOR, error.code, error.text)),
                Err(error) => return Err(error.to_string()),
            }
            tokio::select! {
                () = stop.wait() => return Ok(()),
                () = tokio::time::sleep(LOOK.min(every)) => {}
            }
        }
    }

    fn is_due(&self, status: &BackupStatus, every: Duration) -> bool {
        let resting = self.state.lock().failed_at.is_some_and(|at| at.elapsed() < PAUSE.min(every));
        let last = status.items.last().map(|backup| backup.at);
        let over = last.is_none_or(|last| Timestamp::now().duration_since(last).unsigned_abs() >= every);
        over && !resting && !status.running
    }
}
