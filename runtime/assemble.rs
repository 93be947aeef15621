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
use parapet_bus_mqtt::MqttBus;
use parapet_config::SiteConfig;
use parapet_contracts::Clock;
use parapet_evidence_fs::{EvidenceFolder, RecordingFolder};
use parapet_media_gstreamer::GstMedia;
use parapet_store_rocksdb::{FallbackJournal, RocksStore, StoreOptions};

use crate::{
    bus::{self, Embedded, OpenBus},
    inference::SiteEngines,
    lines::FileLines,
    sinks::Sinks,
};

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
    /// The broker inside the process lives as long as this does.
    _embedded: Embedded,
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
    let OpenBus { bus, broker, embedded } = bus::open(site, clock.as_ref(), journal)?;
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
    Ok(Assembly { ports, store, bus, broker, _embedded: embedded })
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

/// How long the bus may take to say goodbye.
pub const GOODBYE: Duration = Duration::from_secs(1);
