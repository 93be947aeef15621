//! Which outboxes take what: decided when an event is appended.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use parapet_config::{Action, UploadKind, Uploader};
use parapet_contracts::{
    Alert, AlertUpdate, DetectionEvent, SiteId, UploaderId, cloudevent::CloudEvent, ports::store::OutboxItem,
    topics::Topic,
};
use uuid::Uuid;

/// The outbox from which alerts go to the bus.
pub const BUS: &str = "bus";

/// The outbox of an uploader.
pub fn queue_of(uploader: &UploaderId) -> String {
    format!("uploader/{uploader}")
}

/// Where the items of an outbox go that its sink will never take.
pub fn dead_letters_of(queue: &str) -> String {
    format!("dead/{queue}")
}

/// The outboxes of the site as it is configured now.
#[derive(Debug, Default)]
pub struct Outboxes {
    uploaders: ArcSwap<Vec<(String, Vec<UploadKind>)>>,
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
        let list = uploaders.iter().map(|(id, uploader)| (queue_of(id), uploader.what.clone())).collect();
        self.uploaders.store(Arc::new(list));
    }

    fn wanting(&self, kind: UploadKind) -> Vec<String> {
        self.uploaders.load().iter().filter(|(_, what)| what.contains(&kind)).map(|(queue, _)| queue.clone()).collect()
    }

    /// What an alert appends: one entry for the bus, one for each uploader that sends alerts, and what its rule's actions ask for.
    ///
    /// # Errors
    /// When the alert can't be written as JSON.
    pub fn for_alert(&self, alert: &Alert, actions: &[Action]) -> Result<Vec<(String, OutboxItem)>, serde_json::Error> {
        let payload = serde_json::to_string(&CloudEvent::alert(alert))?;
        Ok(self.of_alert(alert.id, "alert", &alert.site, &payload, actions))
    }

    /// What became of an alert goes where the alert went.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn for_update(
        &self,
        update: &AlertUpdate,
        actions: &[Action],
    ) -> Result<Vec<(String, OutboxItem)>, serde_json::Error> {
        let payload = serde_json::to_string(&CloudEvent::alert_update(update))?;
        Ok(self.of_alert(update.id, "alert_update", &update.site, &payload, actions))
    }

    fn of_alert(
        &self,
        id: Uuid,
        kind: &str,
        site: &SiteId,
        payload: &str,
        actions: &[Action],
    ) -> Vec<(String, OutboxItem)> {
        let item = |topic: String| OutboxItem { id, kind: kind.to_owned(), topic, payload: payload.to_owned() };
        let own = Topic::alerts(site).to_string();
        let mut queues = self.wanting(UploadKind::Alerts);
        queues.push(BUS.to_owned());
        for action in actions {
            if let Action::Uploader(uploader) = action {
                let queue = queue_of(uploader);
                // One that was deleted keeps its queue, and gets nothing more.
                let there = self.uploaders.load().iter().any(|(known, _)| *known == queue);
                if there && !queues.contains(&queue) {
                    queues.push(queue);
                }
            }
        }
        let mut entries: Vec<_> = queues.into_iter().map(|queue| (queue, item(own.clone()))).collect();
        let topics = actions.iter().filter_map(|action| match action {
            Action::Mqtt { topic } => Some(topic.clone()),
            Action::Uploader(_) => None,
        });
        entries.extend(topics.map(|topic| (BUS.to_owned(), item(topic))));
        entries
    }

    /// What a detection event appends: one entry for each uploader that sends events.
    ///
    /// # Errors
    /// When the event can't be written as JSON.
    pub fn for_event(&self, event: &DetectionEvent) -> Result<Vec<(String, OutboxItem)>, serde_json::Error> {
        let queues = self.wanting(UploadKind::Events);
        if queues.is_empty() {
            return Ok(Vec::new());
        }
        let item = OutboxItem {
            id: event.id,
            kind: "event".to_owned(),
            topic: Topic::of_event(event).to_string(),
            payload: serde_json::to_string(&CloudEvent::detection(event))?,
        };
        Ok(queues.into_iter().map(|queue| (queue, item.clone())).collect())
    }
}
