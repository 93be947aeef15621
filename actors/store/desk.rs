//! The alert desk: from a rule's draft to a durable alert.
//!
//! It promises, for each alert in turn: the picture is written first; then the alert, its evidence reference and its outbox
//! entries are made durable in one batch; only then does anybody hear of it. A picture that can't be kept does not hold the
//! alert up: the alert says that it has none, and the journal says why.

use std::{sync::Arc, time::Duration};

use parapet_config::{Action, Rule};
use parapet_contracts::{
    Alert, AlertDraft, AlertUpdate, Clock, EvidenceRef, Frame, Happening, SiteId, TimeSource, Timestamp,
    chain::{self, Link},
    ports::{
        evidence::{EvidenceError, EvidencePort},
        store::{StoreError, Write},
    },
};
use parapet_supervision::Heartbeat;
use tokio::sync::{Mutex, mpsc};
use uuid::Uuid;

use super::{
    handle::{StoreHandle, StoreStopped},
    update::UpdateRequest,
};
use crate::{
    clip::{ClipDesk, ClipOrder},
    fanout::Fanout,
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
    /// What the rule wants to find again, written in the same batch.
    pub keep: Option<(String, Option<String>)>,
    /// The rule has heard again what another may have judged: an alert that is there already is not raised again.
    pub again: bool,
}

enum Request {
    Alert(Box<AlertRequest>),
    Update(Box<UpdateRequest>),
    Keep(String, Option<String>),
}

/// Where rules submit; clones are the same desk.
#[derive(Clone)]
pub struct AlertDesk {
    requests: mpsc::Sender<Request>,
}

/// The receiving end, which the desk's actor of the day takes.
#[derive(Clone)]
pub struct DeskQueue(Arc<Mutex<mpsc::Receiver<Request>>>);

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
        self.requests.send(Request::Alert(Box::new(request))).await.map_err(|_| StoreStopped)
    }

    /// Hands over what became of an alert, behind what was handed over before; waits while the desk is full.
    ///
    /// # Errors
    /// When the site is stopping.
    pub async fn follow_up(&self, request: UpdateRequest) -> Result<(), StoreStopped> {
        self.requests.send(Request::Update(Box::new(request))).await.map_err(|_| StoreStopped)
    }

    /// Keeps something behind what was handed over before, so that it never tells of an alert that is not durable. Never waits;
    /// false: the desk is full, and nothing is kept.
    pub fn keep(&self, key: String, value: Option<String>) -> bool {
        self.requests.try_send(Request::Keep(key, value)).is_ok()
    }

    /// Whether [`AlertDesk::keep`] may succeed.
    pub fn has_room(&self) -> bool {
        self.requests.capacity() > DESK_CAPACITY / 2
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
    /// The site.
    pub site: SiteId,
    /// Clips are ordered here.
    pub clips: ClipDesk,
    /// Says which outboxes take an alert.
    pub outboxes: Arc<Outboxes>,
    /// Rules hear of alerts.
    pub rules: Arc<Fanout>,
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
            match request {
                Request::Alert(request) => self.settle(*request).await?,
                Request::Update(request) => self.settle_update(*request).await?,
                Request::Keep(key, value) => self.keep(Some((key, value))).await?,
            }
        }
    }

    async fn settle_update(&self, request: UpdateRequest) -> LoopResult {
        let UpdateRequest {
            id,
            alert,
            rule,
            camera,
            change,
            severity,
            ts,
            by,
            note,
            evidence,
            actions,
            keep,
            again,
            quiet,
            done,
        } = request;
        if again && self.is_recorded(alert, id).await {
            return self.keep(keep).await;
        }
        let mut update = AlertUpdate {
            id,
            alert,
            site: self.site.clone(),
            camera,
            rule,
            change,
            severity,
            ts,
            recorded_at: self.clock.now(),
            by,
            note,
            evidence,
            link: None,
        };
        update.link = self.link(&update).await?;
        self.record(&update, &actions, keep, quiet).await?;
        if let Some(done) = done {
            // Whoever asked may have gone.
            done.send(()).ok();
        }
        Ok(())
    }

    async fn keep(&self, keep: Option<(String, Option<String>)>) -> LoopResult {
        match keep {
            Some((key, value)) => self.store.keep(key, value).await.map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }

    /// Whether a record about an alert is there already.
    async fn is_recorded(&self, alert: Uuid, id: Uuid) -> bool {
        let port = Arc::clone(self.store.port());
        let found = tokio::task::spawn_blocking(move || port.alert_updates(alert)).await;
        matches!(found, Ok(Ok(updates)) if updates.iter().any(|update| update.id == id))
    }

    /// The record's place in the chain of those about its alert; none when the alert is there no more. All records are made here,
    /// one after the other, and each is durable before the next: so each follows on the last.
    async fn link(&self, update: &AlertUpdate) -> Result<Option<Link>, String> {
        let (port, id) = (Arc::clone(self.store.port()), update.alert);
        let read = tokio::task::spawn_blocking(move || Ok::<_, StoreError>((port.alert(id)?, port.alert_updates(id)?)));
        let (alert, before) = match read.await {
            Ok(read) => read.map_err(|error| format!("the records about alert {id} can't be read: {}", error.text))?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let Some(alert) = alert else { return Ok(None) };
        chain::link(&alert, &before, update).map(Some).map_err(|error| format!("{id}: {error}"))
    }

    /// Makes what became of an alert durable, and tells it.
    async fn record(
        &self,
        update: &AlertUpdate,
        actions: &[Action],
        keep: Option<(String, Option<String>)>,
        quiet: bool,
    ) -> LoopResult {
        let entries = if quiet { Ok(Vec::new()) } else { self.outboxes.for_update(update, actions) };
        let entries = entries.map_err(|error| format!("{}: {error}", update.alert))?;
        let mut writes = vec![Write::AlertUpdate(update.clone())];
        writes.extend(keep.map(|(key, value)| Write::Keep { key, value }));
        self.store.append(writes, entries).await.map_err(|error| error.to_string())?;
        metrics::counter!("parapet_alert_updates_total", "rule" => update.rule.to_string(), "change" => update.change.as_str())
            .increment(1);
        if quiet {
            return Ok(());
        }
        tracing::info!(alert = %update.alert, rule = %update.rule, "{}", update.change.as_str());
        self.rules.tell(&Happening::AlertUpdate(Arc::new(update.clone())));
        Ok(())
    }

    /// Whether an alert is there already.
    async fn is_known(&self, id: Uuid) -> bool {
        let port = Arc::clone(self.store.port());
        let found = tokio::task::spawn_blocking(move || port.alert(id)).await;
        matches!(found, Ok(Ok(Some(_))))
    }

    async fn settle(&self, request: AlertRequest) -> LoopResult {
        let AlertRequest { draft, rule, frame, steps, keep, again } = request;
        if again && self.is_known(draft.id).await {
            return self.keep(keep).await;
        }
        let raised = self.clock.monotonic();
        let mut alert = alert_of(&draft, &rule, &self.site, self.clock.now());
        if let (None, Some(frame)) = (&draft.event, &frame) {
            alert.frame = Some(frame.index);
            (alert.width, alert.height) = (frame.picture.width, frame.picture.height);
        }
        alert.evidence = self.keep_picture(&alert, frame).await;
        let evidence = self.clock.monotonic();
        let entries = self.outboxes.for_alert(&alert, &rule.alerting.actions);
        let entries = entries.map_err(|error| format!("alert {}: {error}", alert.id))?;
        let mut writes = vec![Write::Alert(alert.clone())];
        writes.extend(keep.map(|(key, value)| Write::Keep { key, value }));
        let clip = ClipOrder::of(&alert, &rule);
        if let Some(order) = &clip {
            let text = serde_json::to_string(order).map_err(|error| format!("alert {}: {error}", alert.id))?;
            writes.push(Write::Keep { key: order.key(), value: Some(text) });
        }
        self.store.append(writes, entries).await.map_err(|error| error.to_string())?;
        let durable = self.clock.monotonic();
        metrics::counter!("parapet_alerts_total", "rule" => alert.rule.to_string(), "camera" => camera_name(&alert))
            .increment(1);
        metrics::histogram!("parapet_alert_durable_seconds").record(durable.saturating_sub(steps.decoded));
        tracing::info!(alert = %alert.id, rule = %alert.rule, camera = camera_name(&alert), severity = %alert.severity, "{}", alert.message);
        self.observer.durable(&alert, &Timeline { steps, raised, evidence, durable });
        self.rules.tell(&Happening::Alert(Arc::new(alert)));
        match clip {
            Some(order) => self.order(order).await,
            None => Ok(()),
        }
    }

    async fn order(&self, order: ClipOrder) -> LoopResult {
        let Err(order) = self.clips.order(order) else { return Ok(()) };
        metrics::counter!("parapet_clips_missing_total", "reason" => "busy").increment(1);
        let text = format!("no clip of alert {}: too many are being made", order.alert);
        self.journal.report(Failure::new(ACTOR, "busy", text.clone()));
        self.settle_update(UpdateRequest::clip(*order, Err(text), self.clock.now())).await
    }

    async fn keep_picture(&self, alert: &Alert, frame: Option<Frame>) -> Option<EvidenceRef> {
        let frame = frame?;
        let (port, id, camera, ts) = (Arc::clone(&self.evidence), alert.id, frame.camera.clone(), alert.ts);
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

fn camera_name(alert: &Alert) -> String {
    alert.camera.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn alert_of(draft: &AlertDraft, rule: &Rule, site: &SiteId, now: Timestamp) -> Alert {
    let event = draft.event.as_ref();
    Alert {
        id: draft.id,
        site: site.clone(),
        camera: draft.camera.clone(),
        rule: rule.id.clone(),
        model: event.map(|event| event.model.clone()),
        severity: draft.severity,
        title: draft.title.clone(),
        message: draft.message.clone(),
        key: Some(draft.key.clone()).filter(|key| !key.is_empty()),
        ts: draft.ts,
        ts_source: event.map_or(TimeSource::WallClock, |event| event.ts_source),
        since: draft.since,
        raised_at: now,
        frame: event.map(|event| event.frame),
        event: draft.cause,
        width: event.map_or(0, |event| event.width),
        height: event.map_or(0, |event| event.height),
        objects: draft.objects.clone(),
        evidence: None,
        trace_id: Some(Uuid::new_v4().simple().to_string()),
    }
}
