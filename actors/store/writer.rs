//! The writer: one thread that gathers what waits into one batch, writes it, and only then tells.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parapet_contracts::{
    Clock, ErrorKind,
    ports::store::{Batch, Durability, JournalFile, Removed, Retention, StoreError, Write},
};
use parapet_supervision::Heartbeat;
use tokio::sync::mpsc;

use super::handle::{Job, StoreHandle, StoreQueue, StoreSettings};
use crate::{
    journal::{Failure, Journal},
    worker::{Body, LoopResult, Stop},
};

/// Jobs that share one batch at most.
const GROUP: usize = 512;
/// How often the journal is written, and the signal to stop looked at, when nothing else happens.
const TICK: Duration = Duration::from_millis(200);

/// A disk may take this long for a batch before the writer counts as stuck. Another writer could not do better meanwhile.
const DISK_PATIENCE: Duration = Duration::from_secs(120);

/// The store actor's path in the tree.
const ACTOR: &str = "store";

/// Everything that the writer needs.
pub struct StoreWriter {
    /// The store, and who waits for its outboxes.
    pub handle: StoreHandle,
    /// Jobs come from here.
    pub queue: StoreQueue,
    /// Its records are written with every batch.
    pub journal: Journal,
    /// Where they go while the store refuses.
    pub fallback: Arc<dyn JournalFile>,
    /// Tells the time to retention.
    pub clock: Arc<dyn Clock>,
    /// How it works.
    pub settings: StoreSettings,
    /// Proof of life of its thread.
    pub heartbeat: Heartbeat,
}

impl StoreWriter {
    /// What the store actor runs.
    pub fn body(self) -> Body {
        let runtime = tokio::runtime::Handle::current();
        Body::thread(move |stop, ready| {
            ready.tell();
            let Self { handle, queue, journal, fallback, clock, settings, heartbeat } = self;
            let mut writer =
                Writer { handle, journal, fallback, clock, settings, heartbeat, failing: None, fallback_used: true };
            // Blocks only while an earlier writer that was given up still has the queue.
            let mut jobs = queue.0.blocking_lock();
            write_until_stopped(&mut writer, &mut jobs, &stop, &runtime)
        })
    }
}

struct Writer {
    handle: StoreHandle,
    journal: Journal,
    fallback: Arc<dyn JournalFile>,
    clock: Arc<dyn Clock>,
    settings: StoreSettings,
    heartbeat: Heartbeat,
    /// Since when batches have been refused.
    failing: Option<Instant>,
    /// The plain file may hold records; true at the start, since an earlier run may have left some.
    fallback_used: bool,
}

/// Runs until it is told to stop and the queue is dry.
fn write_until_stopped(
    writer: &mut Writer,
    jobs: &mut mpsc::Receiver<Job>,
    stop: &Stop,
    runtime: &tokio::runtime::Handle,
) -> LoopResult {
    let mut retained = Instant::now();
    writer.take_in_fallback();
    loop {
        writer.heartbeat.beat();
        let group = gather(jobs, runtime);
        let idle = group.is_empty();
        writer.write(group, stop)?;
        if retained.elapsed() >= writer.settings.retain_every {
            retained = Instant::now();
            writer.retain();
        }
        if stop.is_abandoned() {
            // It took too long, and its successor waits for the queue.
            return Ok(());
        }
        if stop.is_set() {
            if idle && jobs.is_closed() {
                return Ok(());
            }
            // The site stops: what was handed over is still written, and whoever comes now hears so instead of waiting.
            jobs.close();
        }
    }
}

/// What waits now, or what comes within a tick.
fn gather(jobs: &mut mpsc::Receiver<Job>, runtime: &tokio::runtime::Handle) -> Vec<Job> {
    let mut group = Vec::new();
    runtime.block_on(async {
        // A time-out is no failure: the journal gets its turn.
        tokio::time::timeout(TICK, jobs.recv_many(&mut group, GROUP)).await.ok();
    });
    group
}

/// Where a test may end the process before a batch is written, by what the batch does to outboxes.
fn before_commit(appends: bool, deletes: bool) {
    if appends {
        fail::fail_point!("outbox::append");
    }
    if deletes {
        fail::fail_point!("outbox::delete");
    }
}

/// Likewise once it is written, and nobody has heard of it.
fn after_commit(appends: bool, deletes: bool) {
    if appends {
        fail::fail_point!("outbox::synced");
    }
    if deletes {
        fail::fail_point!("outbox::deleted");
    }
}

impl Writer {
    /// Writes one group, however often it takes; gives up only when the site stops or the store is beyond repair.
    fn write(&mut self, group: Vec<Job>, stop: &Stop) -> LoopResult {
        let mut batch = Batch::default();
        let mut done = Vec::new();
        let (mut appended, mut deletes) = (false, false);
        for job in group {
            if job.synced {
                batch.durability = Durability::Synced;
            }
            appended |= job.writes.iter().any(|write| matches!(write, Write::Append { .. }));
            deletes |= job.writes.iter().any(|write| matches!(write, Write::Acknowledge { .. }));
            batch.writes.extend(job.writes);
            done.extend(job.done);
        }
        loop {
            let records = self.journal.take_unwritten();
            let own = batch.writes.len();
            batch.writes.extend(records.iter().cloned().map(Write::Error));
            if batch.writes.is_empty() {
                return Ok(());
            }
            before_commit(appended, deletes);
            let started = Instant::now();
            let busy = self.heartbeat.busy(DISK_PATIENCE);
            let committed = self.handle.port().commit(&batch);
            drop(busy);
            let error = match committed {
                Ok(()) => {
                    after_commit(appended, deletes);
                    metrics::histogram!("parapet_store_commit_seconds").record(started.elapsed());
                    self.recovered();
                    for done in done {
                        // Whoever waited may have been stopped meanwhile.
                        done.send(()).ok();
                    }
                    if appended {
                        self.handle.tell_appended();
                    }
                    return Ok(());
                }
                Err(error) => error,
            };
            batch.writes.truncate(own);
            for record in &records {
                self.keep_in_file(record);
            }
            self.refused(&error);
            if error.kind == ErrorKind::Fatal {
                return Err(error.text);
            }
            if batch.writes.is_empty() {
                return Ok(());
            }
            if stop.is_set() {
                return Err(format!("stopped with {own} writes that the store refused: {}", error.text));
            }
            self.heartbeat.beat();
            std::thread::sleep(self.settings.retry_after);
        }
    }

    fn keep_in_file(&mut self, record: &parapet_contracts::ErrorRecord) {
        self.fallback_used = true;
        if let Err(error) = self.fallback.append(record) {
            metrics::counter!("parapet_journal_dropped_total").increment(1);
            tracing::error!(actor = %record.actor, kind = %record.kind, %error, "the journal's plain file refuses too: {}", record.text);
        }
    }

    fn refused(&mut self, error: &StoreError) {
        self.failing.get_or_insert_with(Instant::now);
        metrics::gauge!("parapet_store_failing_info").set(1.0);
        self.journal.report(Failure::new(ACTOR, error.code, &*error.text));
    }

    fn recovered(&mut self) {
        if let Some(since) = self.failing.take() {
            metrics::gauge!("parapet_store_failing_info").set(0.0);
            tracing::info!(seconds = since.elapsed().as_secs_f64(), "the store works again");
        }
        if self.fallback_used {
            self.take_in_fallback();
        }
    }

    fn take_in_fallback(&mut self) {
        match self.fallback.take_in(self.handle.port().as_ref()) {
            Ok(0) => self.fallback_used = false,
            Ok(records) => {
                self.fallback_used = false;
                tracing::info!(records, "took the journal's plain file into the store");
            }
            Err(error) => tracing::warn!(%error, "the journal's plain file could not be taken in; it stays"),
        }
    }

    fn retain(&self) {
        let _busy = self.heartbeat.busy(Duration::from_secs(120));
        let held = self.handle.holds().selections();
        let policy = Retention { held, ..self.settings.retention.clone() };
        match self.handle.port().retain(&policy, self.clock.now()) {
            Ok(removed) => {
                let Removed { events, alerts, errors, held } = removed;
                for (kind, count) in [("event", events), ("alert", alerts), ("error", errors)] {
                    metrics::counter!("parapet_store_removed_total", "kind" => kind).increment(count);
                }
                metrics::gauge!("parapet_store_held_alerts").set(held as f64);
                tracing::debug!(?removed, "retention");
            }
            Err(error) => self.journal.report(Failure::new(ACTOR, error.code, format!("retention: {}", error.text))),
        }
    }
}
