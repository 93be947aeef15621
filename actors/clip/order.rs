//! Orders of clips, from the alert desk to the cutter. An order is kept in the store until its clip is there, so that one that a
//! killed process left behind is told as missing.

use std::{sync::Arc, time::Duration};

use parapet_config::{Action, ClipSpan, Rule};
use parapet_contracts::{Alert, CameraId, RuleId, Severity, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, mpsc};
use uuid::Uuid;

use crate::{
    journal::{Failure, Journal},
    store::StoreHandle,
};

/// Orders that wait at most; more clips at a time are not made, and told as missing.
const ORDERS: usize = 64;
/// Where orders are kept.
const KEPT: &str = "clip/";

/// A clip that is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClipOrder {
    /// Of this alert.
    pub alert: Uuid,
    /// Its rule.
    pub rule: RuleId,
    /// Its camera.
    pub camera: CameraId,
    /// How bad it is.
    pub severity: Severity,
    /// When what it is about happened: its day is the file's.
    pub ts: Timestamp,
    /// The clip begins here, or with the last keyframe before.
    pub from: Timestamp,
    /// The clip ends here.
    pub until: Timestamp,
    /// Where records of the alert go, by its rule.
    #[serde(skip)]
    pub actions: Vec<Action>,
}

impl ClipOrder {
    /// What a rule wants of an alert; `None` when it wants no clip, or the alert is about no camera.
    pub fn of(alert: &Alert, rule: &Rule) -> Option<Self> {
        let ClipSpan { before, after } = rule.alerting.clip?;
        Some(Self {
            alert: alert.id,
            rule: rule.id.clone(),
            camera: alert.camera.clone()?,
            severity: alert.severity,
            ts: alert.ts,
            from: alert.ts.checked_sub(before).unwrap_or(Timestamp::MIN),
            until: alert.ts.checked_add(after).unwrap_or(Timestamp::MAX),
            actions: rule.alerting.actions.clone(),
        })
    }

    /// The key under which it is kept until its clip is there.
    pub fn key(&self) -> String {
        format!("{KEPT}{}", self.alert)
    }
}

/// What an earlier process was ordered and has not made; to be asked before the site raises its first alert.
pub async fn left_behind(store: &StoreHandle, journal: &Journal) -> Vec<ClipOrder> {
    let port = Arc::clone(store.port());
    let kept = match tokio::task::spawn_blocking(move || port.kept_below(KEPT)).await {
        Ok(Ok(kept)) => kept,
        Ok(Err(error)) => {
            let text = format!("orders of clips can't be read: {}", error.text);
            journal.report(Failure::new("clips", "orders", text));
            return Vec::new();
        }
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    let read = |(key, text): (String, String)| match serde_json::from_str(&text) {
        Ok(order) => Some(order),
        Err(error) => {
            journal.report(Failure::new("clips", "orders", format!("{key} can't be read: {error}")));
            None
        }
    };
    kept.into_iter().filter_map(read).collect()
}

/// Where clips are ordered; clones are the same desk.
#[derive(Debug, Clone)]
pub struct ClipDesk(mpsc::Sender<ClipOrder>);

/// The receiving end, and what was taken from it; the cutter of the day takes all of it.
#[derive(Debug, Clone)]
pub struct OrderQueue(pub(super) Arc<Mutex<Orders>>);

#[derive(Debug)]
pub(super) struct Orders {
    pub(super) arriving: mpsc::Receiver<ClipOrder>,
    pub(super) waiting: Vec<Waiting>,
    /// What an earlier process has not made.
    pub(super) left_behind: Vec<ClipOrder>,
}

/// An order, and the monotonic time at which its last frame is no longer waited for.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) order: ClipOrder,
    pub(super) patience_ends: Duration,
}

impl ClipDesk {
    /// A desk, and the queue that the cutter reads; `left_behind` are orders of an earlier process.
    pub fn new(left_behind: Vec<ClipOrder>) -> (Self, OrderQueue) {
        let (orders, arriving) = mpsc::channel(ORDERS);
        let orders_taken = Orders { arriving, waiting: Vec::new(), left_behind };
        (Self(orders), OrderQueue(Arc::new(Mutex::new(orders_taken))))
    }

    /// Orders a clip; gives the order back when too many wait. Never waits.
    ///
    /// # Errors
    /// The order that was not taken.
    pub fn order(&self, order: ClipOrder) -> Result<(), Box<ClipOrder>> {
        self.0.try_send(order).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(order) | mpsc::error::TrySendError::Closed(order) => Box::new(order),
        })
    }
}
