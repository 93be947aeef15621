//! The alert desk: from a rule's draft to a durable alert.
//!
//! It promises, for each alert in turn: the picture is written first; then the alert, its evidence reference and its outbox
//! entries are made durable in one batch; only then does anybody hear of it. A picture that can't be kept does not hold the
//! alert up: the alert says that it has none, and the journal says why.

use std::{sync::Arc, time::Duration};

use parapet_config::Rule;
use parapet_contracts::{
    Alert, AlertDraft, Clock, EvidenceRef, Frame,
    ports::evidence::{EvidenceError, EvidencePort},
};
use parapet_supervision::Heartbeat;
use tokio::sync::{Mutex, mpsc};
use uuid::Uuid;

use super::handle::{StoreHandle, StoreStopped};
use crate::{
    journal::{Failure, Journal},
    observation::Steps,
    outboxes::Outboxes,
    worker::{LoopResult, Stop},
};

/// Alerts that wait for the disk at most; beyond it rules wait. Each may hold a decoder's buffer.
pub const DESK_CAPACITY: usize = 32;

/// What a rule submits.
pub struct AlertRequest {
    /// What the rule said.
    pub draft: AlertDraft,
    /// The rule.
    pub rule: Arc<Rule>,
    /// The frame, as evidence.
    pub frame: Option<Frame>,
    /// When the steps before were done.
    pub steps: Steps,
}

/// Where rules submit; clones are the same desk.
#[derive(Clone)]
pub struct AlertDesk {
    requests: mpsc::Sender<AlertRequest>,
}

/// The receiving end, which the desk's actor of the day takes.
#[derive(Clone)]
pub struct DeskQueue(Arc<Mutex<mpsc::Receiver<AlertRequest>>>);

impl AlertDesk {
    /// A desk, and the queue that its actor reads.
    pub fn new() -> (Self, DeskQueue) {
        let (requests, receiver) = mpsc::channel(DESK_CAPACITY);
        (Self { requests }, DeskQueue(Arc::new(Mutex::new(receiver))))
    }

    /// Hands an alert over; waits while the desk is full.
    ///
    /// # Errors
    /// When the site is stopping.
    pub async fn submit(&self, request: AlertRequest) -> Result<(), StoreStopped> {
        self.requests.send(request).await.map_err(|_| StoreStopped)
    }
}

/// Hears of each alert that became durable, and of how long each step took.
pub trait AlertObserver: Send + Sync {
    /// An alert is durable. Called on the desk's task: return at once.
    fn durable(&self, alert: &Alert, timeline: &Timeline);
}

/// The site's monotonic time at each step of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeline {
    /// Up to the rule.
    pub steps: Steps,
    /// The rule fired.
    pub raised: Duration,
    /// The picture was on the disk.
    pub evidence: Duration,
    /// The alert was.
    pub durable: Duration,
}

/// Everything that the desk needs.
#[derive(Clone)]
pub struct Desk {
    /// Requests come from here.
    pub queue: DeskQueue,
    /// Pictures go here.
    pub evidence: Arc<dyn EvidencePort>,
    /// Alerts go here.
    pub store: StoreHandle,
    /// Says which outboxes take an alert.
    pub outboxes: Arc<Outboxes>,
    /// Hears of failures.
    pub journal: Journal,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Hears of durable alerts.
    pub observer: Arc<dyn AlertObserver>,
}

/// The desk's path in the tree.
const ACTOR: &str = "alerts";

impl Desk {
    /// Runs until it is told to stop and nothing waits.
    ///
    /// # Errors
    /// When the store stops first.
    pub async fn run(self, heartbeat: Heartbeat, stop: Stop) -> LoopResult {
        let queue = Arc::clone(&self.queue.0);
        heartbeat.idle(); // What it waits for bounds itself: the disk, in the end.
        let mut requests = queue.lock().await;
        loop {
            let request = tokio::select! {
                biased;
                request = requests.recv() => request,
                () = stop.wait() => None,
            };
            let Some(request) = request else { return Ok(()) };
            self.settle(request).await?;
        }
    }

    async fn settle(&self, request: AlertRequest) -> LoopResult {
        let AlertRequest { draft, rule, frame, steps } = request;
        let raised = self.clock.monotonic();
        let mut alert = alert_of(&draft, &rule, self.clock.now());
        alert.evidence = self.keep_picture(&alert, frame).await;
        let evidence = self.clock.monotonic();
        let entries = self.outboxes.for_alert(&alert).map_err(|error| format!("alert {}: {error}", alert.id))?;
        self.store.append_alert(alert.clone(), entries).await.map_err(|error| error.to_string())?;
        let durable = self.clock.monotonic();
        metrics::counter!("parapet_alerts_total", "rule" => alert.rule.to_string(), "camera" => alert.camera.to_string())
            .increment(1);
        metrics::histogram!("parapet_alert_durable_seconds").record(durable.saturating_sub(steps.decoded));
        tracing::info!(alert = %alert.id, rule = %alert.rule, camera = %alert.camera, severity = %alert.severity, "{}", alert.message);
        self.observer.durable(&alert, &Timeline { steps, raised, evidence, durable });
        Ok(())
    }

    async fn keep_picture(&self, alert: &Alert, frame: Option<Frame>) -> Option<EvidenceRef> {
        let frame = frame?;
        let (port, id, camera, ts) = (Arc::clone(&self.evidence), alert.id, alert.camera.clone(), alert.ts);
        let kept = tokio::task::spawn_blocking(move || port.keep(id, &camera, ts, &frame.best_picture())).await;
        let error = match kept {
            Ok(Ok(reference)) => return Some(reference),
            Ok(Err(EvidenceError { code, text, .. })) => {
                Failure::new(ACTOR, code, format!("no picture of alert {id}: {text}"))
            }
            Err(error) => Failure::new(ACTOR, "panic", format!("no picture of alert {id}: {error}")),
        };
        metrics::counter!("parapet_evidence_missing_total", "reason" => error.kind.clone()).increment(1);
        self.journal.report(Failure { trace_id: alert.trace_id.clone(), ..error });
        None
    }
}

fn alert_of(draft: &AlertDraft, rule: &Rule, now: parapet_contracts::Timestamp) -> Alert {
    let event = &draft.event;
    Alert {
        id: Uuid::now_v7(),
        site: event.site.clone(),
        camera: event.camera.clone(),
        rule: rule.id.clone(),
        model: event.model.clone(),
        severity: rule.severity,
        message: draft.message.clone(),
        ts: event.ts,
        ts_source: event.ts_source,
        since: draft.since,
        raised_at: now,
        frame: event.frame,
        event: event.id,
        width: event.width,
        height: event.height,
        objects: draft.objects.clone(),
        evidence: None,
        trace_id: Some(Uuid::new_v4().simple().to_string()),
    }
}
