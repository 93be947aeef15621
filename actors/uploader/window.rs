//! What goes at once: which of the entries that wait, in which form. Pure.

use parapet_config::UploadFormat;
use parapet_contracts::{
    envelope::Envelope,
    ports::store::{OutboxEntry, OutboxItem},
};

/// Entries of one outbox that go together.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) queue: String,
    pub(super) entries: Vec<OutboxEntry>,
}

/// The most bytes of payload that are sent together: they are in memory at once.
const MOST_BYTES: u64 = 8 << 20;

/// How many entries from the first on fit into `most` bytes; at least one, so that nothing waits for ever.
pub(super) fn fitting(entries: &[OutboxEntry], most: u64) -> usize {
    let mut sum = 0;
    let fits = |entry: &&OutboxEntry| {
        sum += size(&entry.item);
        sum <= most.min(MOST_BYTES)
    };
    entries.iter().take_while(fits).count().max(1).min(entries.len())
}

/// The bytes of an item that count.
pub(super) fn size(item: &OutboxItem) -> u64 {
    item.payload.len() as u64
}

/// An item as the sink gets it. What is no CloudEvent stays as it is.
pub(super) fn shaped(item: &OutboxItem, format: UploadFormat) -> OutboxItem {
    let payload = match format {
        UploadFormat::CloudEvents | UploadFormat::Accelerator => None,
        UploadFormat::Data => Envelope::read(&item.payload).ok().map(|envelope| envelope.data.get().to_owned()),
    };
    match payload {
        Some(payload) => OutboxItem { payload, ..item.clone() },
        None => item.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: u64, bytes: usize) -> OutboxEntry {
        OutboxEntry { sequence, item: OutboxItem::new(uuid::Uuid::nil(), "event", "t", "x".repeat(bytes)) }
    }

    #[test]
    fn a_window_has_what_fits_and_one_at_least() {
        let entries = [entry(1, 100), entry(2, 100), entry(3, 100)];
        assert_eq!(fitting(&entries, 250), 2);
        assert_eq!(fitting(&entries, 10), 1);
        assert_eq!(fitting(&entries, u64::MAX), 3);
        assert_eq!(fitting(&[], 10), 0);
    }

    #[test]
    fn data_alone_goes_without_its_envelope() {
        let json = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t","data":{"n":1}}"#;
        let item = OutboxItem::new(uuid::Uuid::nil(), "alert", "t", json);
        assert_eq!(shaped(&item, UploadFormat::Data).payload, r#"{"n":1}"#);
        assert_eq!(shaped(&item, UploadFormat::CloudEvents), item);
        let other = OutboxItem::new(uuid::Uuid::nil(), "alert", "t", "{}");
        assert_eq!(shaped(&other, UploadFormat::Data), other);
    }
}
