//! The actor that cuts: waits until a clip's last seconds are there, and makes the file.
//!
//! It promises: each order ends in one record that follows its alert: the clip's file with its hash, or the reason why there is none;
//! the record and the end of the order are one durable batch, so an order that a killed process left is found, and told. Nothing here
//! holds an alert up.

use std::{sync::Arc, time::Duration};

use parapet_contracts::{
    Clock, EvidenceRef,
    ports::{
        clip::ClipPort,
        evidence::EvidencePort,
        media::{EncodedFrame, MediaError},
    },
};
use parapet_supervision::Heartbeat;

use super::{
    Rings,
    order::{ClipOrder, OrderQueue, Waiting},
};
use crate::{
    journal::{Failure, Journal},
    store::{AlertDesk, UpdateRequest},
    worker::{LoopResult, Stop},
};

/// How often it looks whether a clip's last frame has come.
const LOOK: Duration = Duration::from_millis(200);
/// When the last frame has not come so long after it should have, the clip ends with what is there.
const PATIENCE: Duration = Duration::from_secs(3);
/// The cutter's path in the tree.
const ACTOR: &str = "clips";

/// Everything that the cutter needs.
#[derive(Clone)]
pub struct Cutter {
    /// Orders come from here.
    pub queue: OrderQueue,
    /// Frames come from here.
    pub rings: Arc<Rings>,
    /// Makes files.
    pub port: Arc<dyn ClipPort>,
    /// Files go here.
    pub evidence: Arc<dyn EvidencePort>,
    /// Records go here.
    pub desk: AlertDesk,
    /// Hears of failures.
    pub journal: Journal,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Cutter {
    /// Cuts until it is told to stop; then what waits is cut with the frames that are there.
    ///
    /// # Errors
    /// When records can't be handed on any more.
    pub async fn run(self, heartbeat: Heartbeat, stop: Stop) -> LoopResult {
        heartbeat.idle(); // What it waits for bounds itself: patience, and the disk in the end.
        let queue = Arc::clone(&self.queue.0);
        let mut orders = queue.lock().await;
        for order in std::mem::take(&mut orders.left_behind) {
            self.record(order, Err(("interrupted", "the site ended before it was cut".to_owned()))).await?;
        }
        loop {
            let some = !orders.waiting.is_empty();
            tokio::select! {
                biased;
                () = stop.wait() => break,
                order = orders.arriving.recv() => match order {
                    Some(order) => orders.waiting.push(self.waiting(order)),
                    None => break,
                },
                () = tokio::time::sleep(LOOK), if some => {}
            }
            let due = orders.waiting.extract_if(.., |waiting| self.is_due(waiting)).collect();
            self.cut(due).await?;
        }
        while let Ok(order) = orders.arriving.try_recv() {
            orders.waiting.push(self.waiting(order));
        }
        self.cut(std::mem::take(&mut orders.waiting)).await
    }

    fn waiting(&self, order: ClipOrder) -> Waiting {
        let left = order.until.duration_since(self.clock.now());
        let left = Duration::try_from(left).unwrap_or_default().min(Duration::from_secs(600));
        Waiting { order, patience_ends: self.clock.monotonic() + left + PATIENCE }
    }

    fn is_due(&self, Waiting { order, patience_ends }: &Waiting) -> bool {
        let newest = self.rings.of(&order.camera).newest();
        newest.is_some_and(|newest| newest >= order.until) || self.clock.monotonic() >= *patience_ends
    }

    /// All are cut before the first file is made: making one takes time, and the rings go on.
    async fn cut(&self, due: Vec<Waiting>) -> LoopResult {
        let cut: Vec<(ClipOrder, Vec<EncodedFrame>)> = due
            .into_iter()
            .map(|Waiting { order, .. }| {
                let frames = self.rings.of(&order.camera).cut(order.from, order.until);
                (order, frames)
            })
            .collect();
        for (order, frames) in cut {
            let made = self.make(&order, frames).await;
            self.record(order, made).await?;
        }
        Ok(())
    }

    async fn make(&self, order: &ClipOrder, frames: Vec<EncodedFrame>) -> Result<EvidenceRef, (&'static str, String)> {
        if frames.is_empty() {
            return Err(("no_frames", "the camera's stream brought no frame that a clip can begin with".to_owned()));
        }
        let (port, evidence) = (Arc::clone(&self.port), Arc::clone(&self.evidence));
        let (alert, camera, ts) = (order.alert, order.camera.clone(), order.ts);
        let made = tokio::task::spawn_blocking(move || {
            let clip = port.clip(&frames).map_err(|MediaError { code, text, .. }| (code, text))?;
            evidence.keep_clip(alert, &camera, ts, &clip).map_err(|error| (error.code, error.text))
        });
        made.await.unwrap_or_else(|error| Err(("panic", error.to_string())))
    }

    async fn record(&self, order: ClipOrder, made: Result<EvidenceRef, (&'static str, String)>) -> LoopResult {
        let outcome = match made {
            Ok(reference) => {
                metrics::counter!("parapet_clips_total", "camera" => order.camera.to_string()).increment(1);
                Ok(reference)
            }
            Err((code, text)) => {
                metrics::counter!("parapet_clips_missing_total", "reason" => code).increment(1);
                let text = format!("no clip of alert {}: {text}", order.alert);
                self.journal.report(Failure::new(ACTOR, code, text.clone()));
                Err(text)
            }
        };
        let request = UpdateRequest::clip(order, outcome, self.clock.now());
        self.desk.follow_up(request).await.map_err(|error| error.to_string())
    }
}
