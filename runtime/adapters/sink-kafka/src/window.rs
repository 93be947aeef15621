//! Records that are on their way together, and what has become of each.

use std::sync::Arc;

use parking_lot::Mutex;
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::Notify;

/// What the brokers have said of a record; `None`: nothing yet.
pub(crate) type Said = Option<Result<(), RDKafkaErrorCode>>;

/// Records that are on their way together.
pub(crate) struct Window {
    fates: Mutex<(Vec<Said>, usize)>,
    complete: Notify,
}

/// A record's place in a window: librdkafka carries it along with the record, and hands it back once with its fate.
pub(crate) struct Place {
    window: Arc<Window>,
    index: usize,
}

impl Window {
    /// A window of so many records, none of which has a fate.
    pub(crate) fn new(records: usize) -> Arc<Self> {
        Arc::new(Self { fates: Mutex::new((vec![None; records], records)), complete: Notify::new() })
    }

    /// The place of a record.
    pub(crate) fn place(self: &Arc<Self>, index: usize) -> Box<Place> {
        Box::new(Place { window: Arc::clone(self), index })
    }

    /// Returns when each record has a fate.
    pub(crate) async fn complete(&self) {
        loop {
            let mut told = std::pin::pin!(self.complete.notified());
            told.as_mut().enable();
            if self.fates.lock().1 == 0 {
                return;
            }
            told.await;
        }
    }

    /// What has become of each so far.
    pub(crate) fn fates(&self) -> Vec<Said> {
        self.fates.lock().0.clone()
    }
}

impl Place {
    /// The record's fate. The first word counts.
    pub(crate) fn said(&self, fate: Result<(), RDKafkaErrorCode>) {
        let mut fates = self.window.fates.lock();
        let Some(said @ None) = fates.0.get_mut(self.index) else { return };
        *said = Some(fate);
        fates.1 -= 1;
        if fates.1 == 0 {
            self.window.complete.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_window_is_complete_when_each_record_has_a_fate() {
        let window = Window::new(2);
        let (first, second) = (window.place(0), window.place(1));
        second.said(Err(RDKafkaErrorCode::InvalidRecord));
        second.said(Ok(()));
        assert_eq!(window.fates(), [None, Some(Err(RDKafkaErrorCode::InvalidRecord))]);
        let waiting = tokio::spawn({
            let window = Arc::clone(&window);
            async move { window.complete().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        first.said(Ok(()));
        assert!(tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.is_ok());
        window.complete().await;
        Window::new(0).complete().await;
    }
}
