//! Which outboxes take what: decided when an event is appended.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arc_swap::ArcSwap;
use parapet_config::{Action, Lane, UploadKind, Uploader};
use parapet_contracts::{
    Alert, AlertChange, AlertUpdate, DetectionEvent, ErrorEvent, ErrorRecord, EvidenceEvent, SiteId, Timestamp,
    UploaderId,
    cloudevent::CloudEvent,
    ports::store::OutboxItem,
    topics::{self, Topic},
};
use parking_lot::Mutex;

use crate::uploader::Selection;

/// The outbox from which alerts go to the bus.
pub const BUS: &str = "bus";

/// The outbox of an uploader; those of its kinds other than alerts lie below it.
pub fn queue_of(uploader: &UploaderId) -> String {
    format!("uploader/{uploader}")
}

/// The outbox in which an uploader's things of a kind wait.
pub fn lane_queue(uploader: &UploaderId, lane: Lane) -> String {
    match lane {
        Lane::Alerts => queue_of(uploader),
        lane => format!("uploader/{uploader}/{}", lane.as_str()),
    }
}

/// The uploader that an outbox belongs to, as its name says.
pub fn uploader_in(queue: &str) -> Option<UploaderId> {
    let queue = queue.strip_prefix("dead/").unwrap_or(queue);
    UploaderId::new(queue.strip_prefix("uploader/")?.split('/').next()?).ok()
}

/// The kind of outbox that an item belongs to.
pub fn lane_of(kind: &str) -> Lane {
    match kind {
        "event" => Lane::Events,
        "error" => Lane::Journal,
        "evidence" => Lane::Evidence,
        _ => Lane::Alerts,
    }
}

/// Where the items of an outbox go that its sink will never take.
pub fn dead_letters_of(queue: &str) -> String {
    format!("dead/{queue}")
}

/// Entries for outboxes: each with the outbox's name.
pub type Entries = Vec<(String, OutboxItem)>;

/// The outboxes of the site as it is configured now.
#[derive(Debug, Default)]
pub struct Outboxes {
    uploaders: ArcSwap<Vec<Selection>>,
    known: Mutex<Known>,
}

/// The uploaders that there are, and those that have begun with what the store had.
#[derive(Debug, Default)]
struct Known {
    all: Vec<Arc<Uploader>>,
    begun: BTreeSet<UploaderId>,
}

impl Known {
    /// Nothing is put into the outboxes of those that wait.
    fn waits(&self, uploader: &Uploader) -> bool {
        uploader.from_beginning && !self.begun.contains(&uploader.id)
    }
}

impl Outboxes {
    /// The outboxes for these uploaders, and for the bus.
    pub fn new(uploaders: &BTreeMap<UploaderId, Arc<Uploader>>) -> Self {
        let outboxes = Self::default();
        outboxes.replace(uploaders);
        outboxes
    }

    /// Takes a new configuration. The queue of an uploader that is gone stays in the store.
    pub fn replace(&self, uploaders: &BTreeMap<UploaderId, Arc<Uploader>>) {
        let mut known = self.known.lock();
        known.all = uploaders.values().cloned().collect();
        self.select(&known);
    }

    /// These have begun in an earlier life of the site.
    pub fn remember(&self, begun: impl IntoIterator<Item = UploaderId>) {
        let mut known = self.known.lock();
        known.begun.extend(begun);
        self.select(&known);
    }

    /// Whether this uploader is to begin with what the store has, and has not yet.
    pub fn waits(&self, id: &UploaderId) -> bool {
        let known = self.known.lock();
        known.all.iter().any(|uploader| uploader.id == *id && known.waits(uploader))
    }

    /// It has begun: what comes from now on is put into its outboxes.
    pub fn begin(&self, id: &UploaderId) {
        self.remember([id.clone()]);
    }

    /// It begins anew when it comes again.
    pub fn forget(&self, id: &UploaderId) {
        let mut known = self.known.lock();
        known.begun.remove(id);
        self.select(&known);
    }

    fn select(&self, known: &Known) {
        let begun = known.all.iter().filter(|uploader| !known.waits(uploader));
        self.uploaders.store(Arc::new(begun.map(|uploader| Selection::new(uploader)).collect()));
    }

    /// What an alert appends: one entry for the bus, one for each uploader that sends alerts, what its rule's actions ask for, and one
    /// for each uploader that sends evidence.
    ///
    /// # Errors
    /// When the alert can't be written as JSON.
    pub fn for_alert(&self, alert: &Alert, actions: &[Action]) -> Result<Entries, serde_json::Error> {
        let payload = serde_json::to_string(&CloudEvent::alert(alert))?;
        let item = OutboxItem::new(alert.id, "alert", Topic::alerts(&alert.site).to_string(), payload);
        let item = item.about(alert.camera.as_ref().map(ToString::to_string), alert.raised_at);
        let mut entries = self.of_alert(&item, actions, |selection| selection.takes_alert(Lane::Alerts, alert));
        if let Some(file) = &alert.evidence {
            let event = EvidenceEvent::of(alert, file);
            entries.extend(
                self.for_evidence(&event, alert.raised_at, |selection| selection.takes_alert(Lane::Evidence, alert))?,
            );
        }
        Ok(entries)
    }

    /// What became of an alert goes where the alert went; a file that came of it, to each uploader that sends evidence.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn for_update(&self, update: &AlertUpdate, actions: &[Action]) -> Result<Entries, serde_json::Error> {
        let payload = serde_json::to_string(&CloudEvent::alert_update(update))?;
        let item = OutboxItem::new(update.id, "alert_update", Topic::alerts(&update.site).to_string(), payload);
        let item = item.about(update.camera.as_ref().map(ToString::to_string), update.recorded_at);
        let mut entries = self.of_alert(&item, actions, |selection| selection.takes_update(Lane::Alerts, update));
        if let Some(file) = update.evidence.as_ref().filter(|_| update.change == AlertChange::Evidence) {
            let event = EvidenceEvent::of_update(update, file);
            entries.extend(self.for_evidence(&event, update.recorded_at, |selection| {
                selection.takes_update(Lane::Evidence, update)
            })?);
        }
        Ok(entries)
    }

    fn of_alert(&self, item: &OutboxItem, actions: &[Action], fits: impl Fn(&Selection) -> bool) -> Entries {
        let named = |selection: &Selection| {
            actions.iter().any(|action| matches!(action, Action::Uploader(id) if *id == selection.id))
        };
        let uploaders = self.uploaders.load();
        let wanting = uploaders.iter().filter(|s| (s.sends(UploadKind::Alerts) || named(s)) && fits(s));
        let mut entries: Entries = wanting.map(|s| (queue_of(&s.id), item.clone())).collect();
        entries.push((BUS.to_owned(), item.clone()));
        entries.extend(actions.iter().filter_map(|action| match action {
            Action::Mqtt { topic } => Some((BUS.to_owned(), OutboxItem { topic: topic.clone(), ..item.clone() })),
            Action::Uploader(_) => None,
        }));
        entries
    }

    /// What a detection event appends: one entry for each uploader that sends events.
    ///
    /// # Errors
    /// When the event can't be written as JSON.
    pub fn for_event(&self, event: &DetectionEvent) -> Result<Entries, serde_json::Error> {
        let uploaders = self.uploaders.load();
        let wanting = uploaders.iter().filter(|s| s.sends(UploadKind::Events) && s.takes_event(event));
        let queues: Vec<String> = wanting.map(|s| lane_queue(&s.id, Lane::Events)).collect();
        if queues.is_empty() {
            return Ok(Vec::new());
        }
        let payload = serde_json::to_string(&CloudEvent::detection(event))?;
        let item = OutboxItem::new(event.id, "event", Topic::of_event(event).to_string(), payload);
        let item = item.about(Some(event.camera.to_string()), made_at(event));
        Ok(queues.into_iter().map(|queue| (queue, item.clone())).collect())
    }

    /// What a file of evidence appends: one entry for each uploader that sends evidence and that it fits.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn for_evidence(
        &self,
        event: &EvidenceEvent,
        at: Timestamp,
        fits: impl Fn(&Selection) -> bool,
    ) -> Result<Entries, serde_json::Error> {
        let uploaders = self.uploaders.load();
        let wanting = uploaders.iter().filter(|s| s.sends(UploadKind::Evidence) && fits(s));
        let queues: Vec<String> = wanting.map(|s| lane_queue(&s.id, Lane::Evidence)).collect();
        if queues.is_empty() {
            return Ok(Vec::new());
        }
        let payload = serde_json::to_string(&CloudEvent::evidence(event))?;
        let item = OutboxItem::new(event.id, "evidence", topics::evidence(&event.site), payload);
        let item = item.about(event.camera.as_ref().map(ToString::to_string), at);
        Ok(queues.into_iter().map(|queue| (queue, item.clone())).collect())
    }

    /// What a new failure appends: one entry for each uploader that sends the journal, but for the one that it is about.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn for_failure(&self, site: &SiteId, record: ErrorRecord) -> Result<Entries, serde_json::Error> {
        let uploaders = self.uploaders.load();
        let wanting = uploaders.iter().filter(|s| s.sends(UploadKind::Journal) && s.takes_failure(&record));
        let queues: Vec<String> = wanting.map(|s| lane_queue(&s.id, Lane::Journal)).collect();
        if queues.is_empty() {
            return Ok(Vec::new());
        }
        let event = ErrorEvent { site: site.clone(), record };
        let payload = serde_json::to_string(&CloudEvent::error(&event))?;
        let item = OutboxItem::new(event.record.id, "error", topics::errors(site), payload);
        let item = item.about(None, event.record.first);
        Ok(queues.into_iter().map(|queue| (queue, item.clone())).collect())
    }
}

/// When an event was made, by the site's clock: its id says so.
fn made_at(event: &DetectionEvent) -> Timestamp {
    let unix = event.id.get_timestamp().map(|made| made.to_unix());
    unix.and_then(|(seconds, nanos)| Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok())
        .unwrap_or(event.ts)
}
