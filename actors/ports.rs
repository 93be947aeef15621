//! The world outside, as a site sees it: one adapter for each port, chosen by whoever starts the site.

use std::sync::Arc;

use parapet_config::Uploader;
use parapet_contracts::{
    Clock,
    ports::{
        bus::BusPort,
        clip::ClipPort,
        evidence::EvidencePort,
        lines::LinesPort,
        media::MediaPort,
        recording::RecordingPort,
        sink::SinkPort,
        store::{JournalFile, StorePort},
    },
};

use crate::{model::EngineFactory, store::AlertObserver};

/// The world outside, as the site sees it.
#[derive(Clone)]
pub struct Ports {
    /// Opens sources.
    pub media: Arc<dyn MediaPort>,
    /// Loads models.
    pub engines: Arc<dyn EngineFactory>,
    /// Keeps alerts, events, journal and outboxes.
    pub store: Arc<dyn StorePort>,
    /// Where the journal goes on while the store refuses.
    pub journal_file: Arc<dyn JournalFile>,
    /// Makes clips.
    pub clips: Arc<dyn ClipPort>,
    /// Keeps pictures and clips.
    pub evidence: Arc<dyn EvidencePort>,
    /// Keeps what cameras record.
    pub recordings: Arc<dyn RecordingPort>,
    /// Publishes and subscribes.
    pub bus: Arc<dyn BusPort>,
    /// Reads files that grow.
    pub lines: Arc<dyn LinesPort>,
    /// Makes the sinks of uploaders.
    pub sinks: Arc<dyn SinkFactory>,
    /// Hears of durable alerts.
    pub alerts: Arc<dyn AlertObserver>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// Makes the sink that an uploader's file declares.
pub trait SinkFactory: Send + Sync {
    /// Makes it, without waiting for the other side.
    ///
    /// # Errors
    /// One sentence that says why it can't be made.
    fn build(&self, uploader: &Uploader) -> Result<Arc<dyn SinkPort>, String>;
}
