//! Opens everything that a site's configuration names, and puts it behind the ports.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow};
use parapet_actors::{
    journal::{Failure, Journal},
    ports::Ports,
    store::AlertObserver,
};
use parapet_bus_mqtt::{BusSettings, MqttBus, TlsSettings};
use parapet_config::{BusConfig, Site, SiteConfig};
use parapet_contracts::{
    Clock, SiteId,
    camera::Credentials,
    cloudevent::{CONTENT_TYPE, CloudEvent},
    ports::bus::BusMessage,
    status::{Health, StatusEvent},
    topics::Topic,
};
use parapet_evidence_fs::{EvidenceFolder, RecordingFolder};
use parapet_media_gstreamer::GstMedia;
use parapet_store_rocksdb::{FallbackJournal, RocksStore, StoreOptions};

use crate::{inference::SiteEngines, lines::FileLines, sinks::Sinks};

/// What lives as long as the process does.
pub struct Assembly {
    /// For the actors.
    pub ports: Ports,
    /// What is behind the store port.
    pub store: Arc<RocksStore>,
    /// The connection behind the bus port.
    pub bus: Arc<MqttBus>,
    /// Where the broker is, for people.
    pub broker: String,
    #[cfg(feature = "embedded-broker")]
    _embedded: Option<parapet_bus_mqtt::EmbeddedBroker>,
}

/// Binds the address of HTTP, so that a port in use is told before anything else starts.
///
/// # Errors
/// When the address is in use or not this machine's.
pub fn bind_http(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow!(
            "{address} is in use: another program, perhaps another site, listens there; stop it, or name another address as `http` in site.yaml"
        ),
        _ => anyhow!("HTTP can't listen on {address}: {error}; name another address as `http` in site.yaml"),
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Opens store, evidence folder, broker and libraries. Call it on the runtime.
///
/// # Errors
/// One sentence with the remedy for whatever can't be opened.
pub fn assemble(
    config: &SiteConfig,
    alerts: Arc<dyn AlertObserver>,
    clock: Arc<dyn Clock>,
    journal: &Journal,
) -> anyhow::Result<Assembly> {
    let site = &config.site;
    let media = Arc::new(GstMedia::new()?);
    let store = Arc::new(open_store(&site.store.path, journal)?);
    let journal_file = Arc::new(FallbackJournal::open(beside(&site.store.path, "journal-fallback.jsonl"))?);
    let evidence = Arc::new(EvidenceFolder::open(&site.evidence.path, site.evidence.quality)?);
    let (settings, broker, embedded) = open_bus(site, clock.as_ref())?;
    let bus = Arc::new(MqttBus::connect(settings));
    report_bus_errors(&bus, journal.clone());
    let ports = Ports {
        clips: Arc::clone(&media) as _,
        media,
        engines: Arc::new(SiteEngines::new(config)),
        store: Arc::clone(&store) as _,
        journal_file,
        sinks: Arc::new(Sinks { site: site.id.clone(), evidence: Arc::clone(&evidence) as _ }),
        evidence,
        recordings: Arc::new(RecordingFolder::at(&site.recordings.path)),
        bus: Arc::clone(&bus) as _,
        lines: Arc::new(FileLines),
        alerts,
        clock,
    };
    #[cfg(feature = "embedded-broker")]
    return Ok(Assembly { ports, store, bus, broker, _embedded: embedded });
    #[cfg(not(feature = "embedded-broker"))]
    {
        let () = embedded;
        Ok(Assembly { ports, store, bus, broker })
    }
}

/// A damaged store is no reason to be blind. When its log alone is damaged, as a power cut may leave the end that nobody had acknowledged, all
/// that stands before the damage is kept; else the store is set aside, and the site goes on with a fresh one. Either is told.
fn open_store(path: &Path, journal: &Journal) -> anyhow::Result<RocksStore> {
    let damaged = match RocksStore::open(path, StoreOptions::default()) {
        Err(error) if error.code == "damaged" => error,
        opened => return Ok(opened?),
    };
    if let Ok((store, copy)) = RocksStore::recover(path, StoreOptions::default()) {
        metrics::counter!("parapet_store_log_damaged_total").increment(1);
        let text = format!(
            "the store's log was damaged: all that stands before the damage is there, what stood behind it is not; a power cut may leave its end so, with nothing in it that was acknowledged; the store as it was found is in {} ({})",
            copy.display(),
            damaged.text
        );
        journal.report(Failure::new("store", "log_damaged", text));
        return Ok(store);
    }
    let aside = RocksStore::set_aside(path).with_context(|| damaged.to_string())?;
    metrics::counter!("parapet_store_set_aside_total").increment(1);
    let text = format!(
        "the store was damaged and is now in {}; the site goes on with an empty one: stop it and use `parapet store restore` to go back to a backup ({})",
        aside.display(),
        damaged.text
    );
    journal.report(Failure::new("store", "damaged", text));
    Ok(RocksStore::open(path, StoreOptions::default())?)
}

fn beside(folder: &Path, name: &str) -> std::path::PathBuf {
    folder.parent().unwrap_or(Path::new(".")).join(name)
}

#[cfg(feature = "embedded-broker")]
type Embedded = Option<parapet_bus_mqtt::EmbeddedBroker>;
#[cfg(not(feature = "embedded-broker"))]
type Embedded = ();

fn open_bus(site: &Site, clock: &dyn Clock) -> anyhow::Result<(BusSettings, String, Embedded)> {
    let (mut settings, embedded) = match &site.bus {
        BusConfig::Embedded { listen } => start_embedded(*listen, &site.id)?,
        BusConfig::Broker { host, port, tls, credentials, client_id } => {
            let mut settings = BusSettings::new(host.as_str(), *port, client_id.as_str());
            settings.tls = tls.as_ref().map(|tls| TlsSettings { ca_file: tls.ca.clone(), client: tls.client.clone() });
            settings.credentials = credentials
                .as_ref()
                .map(|(username, password)| Credentials { username: username.clone(), password: password.clone() });
            (settings, Embedded::default())
        }
    };
    settings.last_will = Some(last_will(&site.id, clock)?);
    let broker = settings.address().to_string();
    Ok((settings, broker, embedded))
}

#[cfg(feature = "embedded-broker")]
fn start_embedded(listen: SocketAddr, site: &SiteId) -> anyhow::Result<(BusSettings, Embedded)> {
    let broker = parapet_bus_mqtt::EmbeddedBroker::start(&parapet_bus_mqtt::BrokerSettings {
        listen,
        ..parapet_bus_mqtt::BrokerSettings::default()
    })?;
    let address = broker.address();
    Ok((BusSettings::new(address.ip().to_string(), address.port(), format!("parapet-{site}")), Some(broker)))
}

#[cfg(not(feature = "embedded-broker"))]
fn start_embedded(_listen: SocketAddr, _site: &SiteId) -> anyhow::Result<(BusSettings, Embedded)> {
    Err(anyhow!("this build has no broker inside: name one as `bus: {{broker: mqtt://host:1883}}` in site.yaml"))
}

fn last_will(site: &SiteId, clock: &dyn Clock) -> anyhow::Result<BusMessage> {
    let status = StatusEvent {
        id: uuid::Uuid::now_v7(),
        site: site.clone(),
        camera: None,
        model: None,
        ts: clock.now(),
        health: Health::Offline,
        reason: Some("the connection was lost without a word".to_owned()),
        picture: None,
    };
    let payload = CloudEvent::status(&status).to_json().context("the last will")?.into();
    Ok(BusMessage { topic: Topic::site_status(site).to_string(), payload, content_type: CONTENT_TYPE, retain: true })
}

/// Each new reason why there is no connection goes to the journal.
fn report_bus_errors(bus: &Arc<MqttBus>, journal: Journal) {
    let mut errors = bus.errors();
    tokio::spawn(async move {
        while errors.changed().await.is_ok() {
            let error = errors.borrow_and_update().clone();
            if let Some(text) = error {
                journal.report(Failure::new("bus", "connection", text));
            }
        }
    });
}

/// How long the bus may take to say goodbye.
pub const GOODBYE: Duration = Duration::from_secs(1);
