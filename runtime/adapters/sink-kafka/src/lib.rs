//! The sink port over Kafka's protocol: Apache Kafka, and Azure Event Hubs, which speak it.
//!
//! It promises: an item is acknowledged only when all replicas in sync have its record. Records with one key, a camera's, lie in one partition in
//! the order of the outbox, repeats aside: the producer is idempotent, stops at the first gap, and never gives a record up by its own clock; what is not
//! acknowledged in time is given up together, and sent again by whoever calls, so that at most what was on its way comes twice. What the brokers
//! refuse for what it is goes to the dead letters with the reason, and nothing waits behind it: when they refuse a batch, its records are sent one by
//! one to find out which is meant. A missing topic, wrong credentials and a missing right are no fault of an item: it waits until somebody mends them.
//!
//! `link.rs` keeps a producer that works, `settings.rs` says how librdkafka is told, `record.rs` what a record looks like.

mod health;
mod link;
mod record;
mod refusal;
mod settings;
mod window;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use parapet_contracts::{
    ErrorKind,
    ports::{
        sink::{SinkError, SinkPort},
        store::OutboxItem,
    },
};
use rdkafka::types::RDKafkaErrorCode as Code;

use link::{Link, Producer};
use record::Record;
use refusal::{fate, is_refused};
pub use settings::{Content, KafkaSettings, KafkaTls, Login};
use window::Said;

/// The size of batches in bytes to begin with, as librdkafka has it.
const BATCH: u64 = 1_000_000;
/// No smaller ones are tried.
const SMALLEST_BATCH: u64 = 16_384;

/// See the module.
pub struct KafkaSink {
    link: Link,
    settings: Arc<KafkaSettings>,
    batch: Arc<AtomicU64>,
}

impl KafkaSink {
    /// A sink that connects by itself.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn connect(settings: KafkaSettings) -> Self {
        let (settings, batch) = (Arc::new(settings), Arc::new(AtomicU64::new(BATCH)));
        let size = Arc::clone(&batch);
        let link = Link::new(Arc::clone(&settings), move || size.load(Ordering::Relaxed));
        Self { link, settings, batch }
    }

    /// Where a record goes, for people.
    fn shown(&self, record: &Record<'_>) -> String {
        let broker = self.settings.brokers.first().map_or("", String::as_str);
        format!("the topic `{}` at {broker}", record.topic)
    }

    /// The fate of a record of which the brokers have said this.
    fn judged(&self, record: &Record<'_>, said: Said, producer: &Producer) -> Result<(), SinkError> {
        let code = match said {
            Some(Ok(())) => return Ok(()),
            Some(Err(code)) => code,
            None => Code::PurgeInflight,
        };
        let mut error = fate(code, &self.shown(record));
        if error.code == "disconnected" {
            let seconds = self.settings.timeout.as_secs();
            let why = producer.health().last_error();
            let why = why.unwrap_or_else(|| format!("no acknowledgement within {seconds} s"));
            error.text = format!("{}: {why}", self.shown(record));
        }
        Err(error)
    }

    /// Sends records that are not too large together; those that the brokers refuse in a batch are told apart.
    async fn deliver(&self, producer: &Arc<Producer>, records: &[&Record<'_>]) -> Vec<Result<(), SinkError>> {
        let said = producer.send(records).await;
        let refused = said.iter().any(|said| matches!(said, Some(Err(code)) if is_refused(*code)));
        let lost = said.iter().any(Option::is_none)
            || said.iter().any(|said| matches!(said, Some(Err(Code::PurgeInflight | Code::PurgeQueue))));
        if producer.is_stopped() || lost {
            let last = producer.health().last_error();
            self.link.give_up(producer, &last.unwrap_or_else(|| "acknowledgements stayed away".to_owned()));
        }
        let judge = |(record, said): (&&Record<'_>, &Said)| self.judged(record, *said, producer);
        if !refused {
            return records.iter().zip(&said).map(judge).collect();
        }
        let too_large =
            |said: &&Said| matches!(said, Some(Err(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge)));
        if said.iter().filter(too_large).count() > 1 {
            let smaller = (self.batch.load(Ordering::Relaxed) / 2).max(SMALLEST_BATCH);
            self.batch.store(smaller, Ordering::Relaxed);
            tracing::debug!(bytes = smaller, "brokers take no larger batches");
        }
        // A refusal stops the producer, so that what stands before it in the outbox may be stuck as well, in another partition.
        let delivered = said.iter().take_while(|said| **said == Some(Ok(()))).count();
        let mut fates = vec![Ok(()); delivered];
        fates.extend(self.one_by_one(&records[delivered..], &said[delivered..]).await);
        fates
    }

    /// Sends those alone that the brokers have not acknowledged, until the first that must wait.
    async fn one_by_one(&self, records: &[&Record<'_>], said: &[Said]) -> Vec<Result<(), SinkError>> {
        let producer = match self.link.alone().await {
            Ok(producer) => producer,
            Err(error) => return vec![Err(error)],
        };
        let mut fates = Vec::with_capacity(records.len());
        for (record, said) in records.iter().zip(said) {
            let said = match said {
                Some(Ok(())) => Some(Ok(())),
                _ => producer.send(&[record]).await.pop().flatten(),
            };
            let fate = self.judged(record, said, &producer);
            let again = fate.as_ref().is_err_and(|error| error.kind != ErrorKind::Reject);
            fates.push(fate);
            if again {
                break;
            }
        }
        fates
    }
}

#[async_trait]
impl SinkPort for KafkaSink {
    async fn send(&self, items: &[OutboxItem]) -> Vec<Result<(), SinkError>> {
        let producer = match self.link.producer() {
            Ok(producer) => producer,
            Err(error) => return vec![Err(error)],
        };
        let settings = &self.settings;
        let records: Vec<Record<'_>> = items
            .iter()
            .map(|item| Record::of(item, &settings.topic, &settings.default_key, settings.content))
            .collect();
        let errors: Vec<_> = records.iter().map(|record| record.too_large(settings.max_message)).collect();
        let small: Vec<_> =
            records.iter().zip(&errors).filter(|(_, error)| error.is_none()).map(|(record, _)| record).collect();
        let mut delivered = self.deliver(&producer, &small).await.into_iter();
        let mut fates = Vec::with_capacity(items.len());
        for error in errors {
            let fate = match error {
                Some(error) => Err(error),
                None => match delivered.next() {
                    Some(fate) => fate,
                    None => break,
                },
            };
            let again = fate.as_ref().is_err_and(|error| error.kind != ErrorKind::Reject);
            fates.push(fate);
            if again {
                break;
            }
        }
        fates
    }

    async fn ready(&self) {
        self.link.up().await;
    }

    fn away(&self) -> Option<String> {
        self.link.down()
    }
}
