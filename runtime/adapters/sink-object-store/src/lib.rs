//! The sink port over object storage: S3 and what speaks like it, Azure Blob Storage, or a folder.
//!
//! It promises: an item is acknowledged only once the service has confirmed its object. Of evidence the file itself is stored, under the path that it
//! has in the evidence folder (date, camera, alert), with its media type, and its SHA-256 as metadata; a file that is gone or is not what was
//! written is rejected. Everything else goes as JSON Lines, all that is sent at once as one object named by date and the first event's id. The same
//! item makes the same key, so sending again overwrites and changes nothing.
//!
//! Wrong credentials and a missing bucket are no fault of the item: it waits until somebody mends them.

mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use object_store::{Attribute, Attributes, Error, ObjectStore, PutOptions, PutPayload, path::Path};
use parapet_contracts::{
    ErrorKind, EvidenceEvent, Timestamp,
    envelope::Envelope,
    ports::{
        evidence::{EvidenceError, EvidencePort},
        sink::{SinkError, SinkPort},
        store::OutboxItem,
    },
    root_cause,
};

pub use settings::{ObjectStoreSettings, Place};

/// The kind of items that are files.
const EVIDENCE: &str = "evidence";
/// The media type of a batch of events.
const JSON_LINES: &str = "application/jsonl";
/// The longest text of the service that is told.
const LONGEST: usize = 300;

/// See the module.
pub struct ObjectStoreSink {
    store: Arc<dyn ObjectStore>,
    evidence: Arc<dyn EvidencePort>,
    prefix: String,
    shown: String,
    attributes: bool,
}

impl ObjectStoreSink {
    /// A sink that takes files from `evidence`.
    ///
    /// # Errors
    /// When the settings are no good, or a folder can't be made.
    pub fn open(settings: &ObjectStoreSettings, evidence: Arc<dyn EvidencePort>) -> Result<Self, String> {
        let store = settings.open()?;
        let (prefix, shown) = (settings.prefix.clone(), settings.place.shown());
        Ok(Self { store, evidence, prefix, shown, attributes: settings.place.has_attributes() })
    }

    async fn put_file(&self, item: &OutboxItem) -> Result<(), SinkError> {
        let unreadable =
            |why: String| SinkError::reject("malformed", format!("this tells of no file of evidence: {why}"));
        let data = Envelope::read(&item.payload).map(|envelope| envelope.data.get()).unwrap_or(&item.payload);
        let event: EvidenceEvent = serde_json::from_str(data).map_err(|error| unreadable(error.to_string()))?;
        let (port, reference) = (Arc::clone(&self.evidence), event.evidence.clone());
        let bytes = match tokio::task::spawn_blocking(move || port.read(&reference)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(EvidenceError { kind: ErrorKind::Retry, code, text })) => return Err(SinkError::retry(code, text)),
            Ok(Err(EvidenceError { code, text, .. })) => return Err(SinkError::reject(code, text)),
            Err(error) => return Err(SinkError::retry("io", format!("reading evidence: {error}"))),
        };
        let metadata = [("sha256", event.evidence.sha256), ("alert", event.alert.to_string())];
        self.put(&event.evidence.path, bytes, event.evidence.media_type, &metadata).await
    }

    async fn put_batch(&self, items: &[OutboxItem]) -> Result<(), SinkError> {
        let Some(first) = items.first() else { return Ok(()) };
        let day = first.at.unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y-%m-%d").to_string();
        let folder = match first.kind.as_str() {
            "event" => "events",
            "error" => "journal",
            _ => "alerts",
        };
        let mut text = String::with_capacity(items.iter().map(|item| item.payload.len() + 1).sum());
        for item in items {
            text.push_str(&item.payload);
            text.push('\n');
        }
        self.put(&format!("{folder}/{day}/{}.jsonl", first.id), text.into_bytes(), JSON_LINES.to_owned(), &[]).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        media_type: String,
        metadata: &[(&'static str, String)],
    ) -> Result<(), SinkError> {
        let key = if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) };
        let mut options = PutOptions::default();
        if self.attributes {
            let mut attributes = Attributes::new();
            attributes.insert(Attribute::ContentType, media_type.into());
            for (name, value) in metadata {
                attributes.insert(Attribute::Metadata((*name).into()), value.clone().into());
            }
            options.attributes = attributes;
        }
        let put = self.store.put_opts(&Path::from(key), PutPayload::from(bytes), options).await;
        put.map(drop).map_err(|error| self.failure(&error))
    }

    /// What an error of the service means, in words.
    fn failure(&self, error: &Error) -> SinkError {
        let text: String = format!("{}: {error}", self.shown).split_whitespace().collect::<Vec<_>>().join(" ");
        let mut text: String = text.chars().take(LONGEST).collect();
        let cause = root_cause(error);
        if !text.contains(&cause) {
            text.push_str(&format!(": {cause:.80}"));
        }
        match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                SinkError::retry("unauthorised", format!("{text}: check the credentials and what they may do"))
            }
            Error::NotFound { .. } => {
                SinkError::retry("not_found", format!("{text}: is the bucket or container there?"))
            }
            Error::InvalidPath { .. } | Error::NotSupported { .. } | Error::NotImplemented { .. } => {
                SinkError::reject("refused", text)
            }
            _ => SinkError::retry("disconnected", text),
        }
    }
}

#[async_trait]
impl SinkPort for ObjectStoreSink {
    async fn send(&self, items: &[OutboxItem]) -> Vec<Result<(), SinkError>> {
        let mut fates = Vec::with_capacity(items.len());
        for group in items.chunk_by(|a, b| a.kind != EVIDENCE && b.kind != EVIDENCE) {
            let fate = match group {
                [file] if file.kind == EVIDENCE => self.put_file(file).await,
                batch => self.put_batch(batch).await,
            };
            let again = fate.as_ref().is_err_and(|error| error.kind != ErrorKind::Reject);
            fates.extend(group.iter().map(|_| fate.clone()));
            if again {
                break;
            }
        }
        fates
    }

    async fn ready(&self) {}
}
