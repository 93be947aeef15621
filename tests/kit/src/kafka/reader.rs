//! What a topic holds.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    message::Headers as _,
};

use crate::wait::until;

const PATIENCE: Duration = Duration::from_secs(30);

/// A record of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaRecord {
    /// Its partition.
    pub partition: i32,
    /// Its key; empty for none.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
}

impl KafkaRecord {
    /// The value of a header; empty when it has none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

fn config(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", address)
        .set("group.id", "tests")
        .set("enable.auto.commit", "false")
        .set("log_level", "0");
    config
}

fn consumer(address: &str) -> BaseConsumer {
    config(address).create().unwrap_or_else(|e| panic!("no consumer: {e}"))
}

/// Whether a broker is there.
pub(super) fn answers(address: &str) -> bool {
    let answer = consumer(address).fetch_metadata(None, Duration::from_millis(500));
    answer.is_ok_and(|metadata| !metadata.brokers().is_empty())
}

pub(super) fn make_topic(address: &str, name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> =
        config(address).create().unwrap_or_else(|e| panic!("no client: {e}"));
    let topic = NewTopic {
        name,
        num_partitions: partitions,
        replication: TopicReplication::Fixed(1),
        config: settings.to_vec(),
    };
    // A thread of its own: tests may be on a runtime's.
    let made = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap_or_else(|e| panic!("no runtime: {e}"));
            runtime.block_on(admin.create_topics([&topic], &AdminOptions::new().operation_timeout(Some(PATIENCE))))
        });
        asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let made = made.unwrap_or_else(|e| panic!("the topic {name} can't be made: {e}"));
    assert!(made.iter().all(Result::is_ok), "the topic {name} can't be made: {made:?}");
}

/// All that a topic holds now.
pub(super) fn read(address: &str, topic: &str) -> Vec<KafkaRecord> {
    let consumer = consumer(address);
    let metadata = consumer
        .fetch_metadata(Some(topic), PATIENCE)
        .unwrap_or_else(|e| panic!("the topic {topic} can't be read: {e}"));
    let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    let mut left = 0;
    let mut wanted = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions).unwrap_or(0) {
        let (first, end) = watermarks(&consumer, topic, partition);
        if end > first {
            left += usize::try_from(end - first).unwrap_or(0);
            wanted.add_partition_offset(topic, partition, Offset::Beginning).unwrap_or_else(|e| panic!("{e}"));
        }
    }
    let mut records = Vec::with_capacity(left);
    if left == 0 {
        return records;
    }
    consumer.assign(&wanted).unwrap_or_else(|e| panic!("the topic {topic} can't be read: {e}"));
    while records.len() < left {
        let Some(message) = consumer.poll(PATIENCE) else {
            panic!("{topic}: {} of {left} records came", records.len())
        };
        let message = message.unwrap_or_else(|e| panic!("the topic {topic} can't be read: {e}"));
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let headers = message
            .headers()
            .map(|headers| headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect());
        records.push(KafkaRecord {
            partition: message.partition(),
            key: text(message.key()),
            value: text(message.payload()),
            headers: headers.unwrap_or_default(),
        });
    }
    // Records of one partition come in its order; the partitions one after the other.
    records.sort_by_key(|record| record.partition);
    records
}

/// The first and the next offset of a partition. One that was made just now has no leader yet.
fn watermarks(consumer: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    let mut found = None;
    until(&format!("partition {partition} of {topic} can be read"), PATIENCE, || {
        found = consumer.fetch_watermarks(topic, partition, PATIENCE).ok();
        found.is_some()
    });
    found.unwrap_or_default()
}
