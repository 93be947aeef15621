//! What happens, for those who watch it while it does: pages, and others over HTTP.
//!
//! It promises: telling never waits, and costs next to nothing while nobody watches; what waits is bounded for all watchers together;
//! a watcher that is too slow is told how much it has missed, and the others do not notice.

use std::sync::{Arc, OnceLock};

use parapet_contracts::Happening;
use tokio::sync::broadcast::{self, error::RecvError};

/// So many happenings wait at most; a watcher that is further behind has missed the oldest.
pub const CAPACITY: usize = 1024;

/// One thing that happened, and its text, which is made once for all watchers.
#[derive(Debug)]
pub struct Told {
    /// What happened.
    pub happening: Happening,
    text: OnceLock<String>,
}

impl Told {
    /// Its text; made by the first who asks.
    pub fn text(&self, make: impl FnOnce(&Happening) -> String) -> &str {
        self.text.get_or_init(|| make(&self.happening))
    }
}

/// See the module.
#[derive(Debug)]
pub struct LiveFeed(broadcast::Sender<Arc<Told>>);

impl Default for LiveFeed {
    fn default() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }
}

impl LiveFeed {
    /// Tells all who watch; what happened is only made when somebody does.
    pub fn tell(&self, happening: impl FnOnce() -> Happening) {
        if self.0.receiver_count() > 0 {
            // The last watcher may have gone just now.
            self.0.send(Arc::new(Told { happening: happening(), text: OnceLock::new() })).ok();
        }
    }

    /// Watches from now on.
    pub fn watch(&self) -> Watcher {
        Watcher(self.0.subscribe())
    }
}

/// Somebody who watches.
#[derive(Debug)]
pub struct Watcher(broadcast::Receiver<Arc<Told>>);

/// Why a watcher hears nothing more of what came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// It was too slow: so many happenings are gone.
    Missed(u64),
    /// The site is gone.
    Over,
}

impl Watcher {
    /// The next thing that happens.
    ///
    /// # Errors
    /// When something was missed, or the site is gone. After [`Gap::Missed`] it goes on with the oldest that is still there.
    pub async fn next(&mut self) -> Result<Arc<Told>, Gap> {
        self.0.recv().await.map_err(|error| match error {
            RecvError::Lagged(count) => Gap::Missed(count),
            RecvError::Closed => Gap::Over,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parapet_contracts::{
        SiteId, Timestamp,
        status::{Health, StatusEvent},
    };
    use uuid::Uuid;

    use super::*;

    fn status(number: u128) -> Happening {
        Happening::Status(Arc::new(StatusEvent {
            id: Uuid::from_u128(number),
            site: SiteId::new("yard").unwrap(),
            camera: None,
            model: None,
            ts: Timestamp::UNIX_EPOCH,
            health: Health::Online,
            reason: None,
            picture: None,
        }))
    }

    #[tokio::test]
    async fn all_who_watch_hear_and_nothing_is_made_for_nobody() {
        let feed = LiveFeed::default();
        feed.tell(|| unreachable!("nobody watches"));
        let (mut one, mut other) = (feed.watch(), feed.watch());
        feed.tell(|| status(7));
        for watcher in [&mut one, &mut other] {
            let told = watcher.next().await.unwrap();
            assert_eq!(told.happening.id(), Uuid::from_u128(7));
            assert_eq!(told.text(|_| "made once".to_owned()), "made once");
        }
        drop((one, other));
        feed.tell(|| unreachable!("nobody watches any more"));
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told_how_much_is_gone_and_the_others_hear_all() {
        let feed = LiveFeed::default();
        let (mut slow, mut fast) = (feed.watch(), feed.watch());
        for number in 0..CAPACITY as u128 + 3 {
            feed.tell(|| status(number));
            assert_eq!(fast.next().await.unwrap().happening.id(), Uuid::from_u128(number));
        }
        assert_eq!(slow.next().await.unwrap_err(), Gap::Missed(3));
        assert_eq!(slow.next().await.unwrap().happening.id(), Uuid::from_u128(3), "then it goes on");
        drop(feed);
        while let Ok(told) = slow.next().await {
            assert!(told.happening.id() > Uuid::from_u128(3));
        }
    }
}
