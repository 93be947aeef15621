//! Home Assistant finds the site by itself: <https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>.
//!
//! It promises: each camera is a device, told by one retained message; when a camera goes, so does its device, also when it went while the site was
//! off, since what was told is kept in the store before it is told; a broker that forgot is told again.

mod discovery;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use parapet_actors::{
    edge_worker,
    journal::{Failure, Journal},
    site::Site,
    worker::{Body, LoopResult, Stop},
};
use parapet_config::HomeAssistant;
use parapet_contracts::{
    Alert,
    cloudevent::Event,
    ports::bus::{BusError, BusMessage, BusPort},
    topics::Topic,
};
use parapet_supervision::ChildSpec;

use self::discovery::{messages, picture_topic};

/// Where it is kept what was told.
const KEPT: &str = "home_assistant/topics";
/// How often it is looked whether cameras have come or gone.
const LOOK: Duration = Duration::from_secs(1);

/// The child that tells Home Assistant; `None` when nobody wants it to.
pub(crate) fn child(site: &Arc<Site>, journal: &Journal) -> Option<ChildSpec> {
    let settings = site.config().site.home_assistant.clone()?;
    let teller =
        Teller { site: Arc::clone(site), bus: Arc::clone(&site.links().ports.bus), journal: journal.clone(), settings };
    Some(edge_worker("home-assistant", "home-assistant", move |heartbeat| {
        let teller = teller.clone();
        heartbeat.idle(); // It waits for others.
        Body::task(move |stop| teller.run(stop))
    }))
}

#[derive(Clone)]
struct Teller {
    site: Arc<Site>,
    bus: Arc<dyn BusPort>,
    journal: Journal,
    settings: HomeAssistant,
}

impl Teller {
    async fn run(self, stop: Stop) -> LoopResult {
        tokio::select! {
            () = stop.wait() => Ok(()),
            result = self.tell() => result,
        }
    }

    async fn tell(&self) -> LoopResult {
        let site = self.site.config().site.id.clone();
        let mut alerts = self.bus.subscribe(&Topic::alerts(&site).to_string()).await.map_err(|error| error.text)?;
        let mut known = self.kept().await?;
        let mut told: BTreeMap<String, Bytes> = BTreeMap::new();
        let mut connected = false;
        loop {
            let now = self.bus.is_connected();
            if now && !connected {
                told.clear(); // The broker may have forgotten.
            }
            connected = now;
            if connected {
                self.tell_devices(&mut known, &mut told).await?;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                message = alerts.next() => {
                    let message = message.ok_or("the bus is gone")?;
                    if let Ok(Event::Alert(alert)) = Event::from_json(&message.payload) {
                        self.tell_picture(&alert).await;
                    }
                }
            }
        }
    }

    /// Tells what is new or other, and takes back what is gone.
    async fn tell_devices(&self, known: &mut BTreeSet<String>, told: &mut BTreeMap<String, Bytes>) -> LoopResult {
        let wanted: BTreeMap<String, Bytes> = messages(&self.site.config(), &self.settings)
            .into_iter()
            .map(|(topic, message)| (topic, Bytes::from(message.to_string())))
            .collect();
        if wanted == *told {
            return Ok(());
        }
        // Noted before it is told: what is told and not noted could never be taken back.
        let before = known.len();
        known.extend(wanted.keys().cloned());
        if known.len() != before {
            self.keep(known).await?;
        }
        let gone: Vec<String> = known.iter().filter(|topic| !wanted.contains_key(*topic)).cloned().collect();
        for topic in &gone {
            if !self.publish(topic.clone(), Bytes::new(), "").await {
                return Ok(());
            }
            known.remove(topic);
            told.remove(topic);
        }
        if !gone.is_empty() {
            self.keep(known).await?;
        }
        for (topic, payload) in wanted {
            if told.get(&topic) != Some(&payload) {
                if !self.publish(topic.clone(), payload.clone(), "application/json").await {
                    return Ok(());
                }
                told.insert(topic, payload);
            }
        }
        Ok(())
    }

    async fn tell_picture(&self, alert: &Alert) {
        let (Some(camera), Some(reference)) = (&alert.camera, alert.evidence.clone()) else { return };
        if reference.media_type != "image/jpeg" {
            return;
        }
        let port = Arc::clone(&self.site.links().ports.evidence);
        let Ok(Ok(picture)) = tokio::task::spawn_blocking(move || port.read(&reference)).await else {
            self.journal.report(Failure::new("home-assistant", "picture", "the picture of an alert could not be read"));
            return;
        };
        self.publish(picture_topic(&alert.site, camera), picture.into(), "image/jpeg").await;
    }

    /// Publishes as a topic's last message; false when it is to be tried again later.
    async fn publish(&self, topic: String, payload: Bytes, content_type: &'static str) -> bool {
        let message = BusMessage { topic, payload, content_type, retain: true };
        match self.bus.publish_acknowledged(message).await {
            Ok(()) => true,
            Err(BusError { code, text, .. }) => {
                self.journal.report(Failure::new("home-assistant", code, text));
                false
            }
        }
    }

    async fn kept(&self) -> Result<BTreeSet<String>, String> {
        let port = Arc::clone(self.site.links().store.port());
        match tokio::task::spawn_blocking(move || port.kept(KEPT)).await {
            Ok(kept) => {
                let text = kept.map_err(|error| error.text)?;
                Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn keep(&self, known: &BTreeSet<String>) -> LoopResult {
        let text = serde_json::to_string(known).map_err(|error| error.to_string())?;
        self.site.links().store.keep(KEPT.to_owned(), Some(text)).await.map_err(|error| error.to_string())
    }
}
