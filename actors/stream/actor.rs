//! The actor: takes messages from its source, and carries them to the rules and into the event log.

use std::{path::Path, sync::Arc, time::Duration};

use parapet_config::StreamSource;
use parapet_contracts::{
    ErrorKind, Happening, StreamEvent,
    ports::{
        bus::{BusPort, BusSubscription},
        lines::{Lines, LinesPort, Place},
    },
};

use super::{board::StreamBoard, intake::LONGEST_MESSAGE};
use crate::{
    fanout::Fanout,
    store::StoreHandle,
    worker::{LoopResult, Stop},
};

/// How often a file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Lines that are read at once.
const LINES: usize = 512;
/// A pause after the broker refused, before it is asked again.
const PAUSE: Duration = Duration::from_secs(5);
/// Messages that are carried on together.
const TOGETHER: usize = 256;
/// A rule that is behind is waited for at most so long: it takes all that waits at once, and each of it may be an alert with a sync.
const HEARD_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked whether it has caught up.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Everything that a stream's actor needs.
#[derive(Clone)]
pub struct StreamActor {
    /// What it tells of itself.
    pub board: Arc<StreamBoard>,
    /// Brings messages to the rules.
    pub rules: Arc<Fanout>,
    /// Keeps them.
    pub store: StoreHandle,
    /// Subscribes.
    pub bus: Arc<dyn BusPort>,
    /// Reads files.
    pub lines: Arc<dyn LinesPort>,
}

impl StreamActor {
    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// When the bus is gone.
    pub async fn run(self, stop: Stop) -> LoopResult {
        let stream = Arc::clone(self.board.stream());
        if !stream.enabled {
            stop.wait().await;
            return Ok(());
        }
        tokio::select! {
            () = stop.wait() => Ok(()),
            result = self.follow(&stream.source) => result,
        }
    }

    async fn follow(&self, source: &StreamSource) -> LoopResult {
        match source {
            StreamSource::Mqtt { topic } => self.follow_topic(topic).await,
            StreamSource::Http => loop {
                let events = self.board.inbox.take_all().await;
                for events in events.chunks(TOGETHER) {
                    self.until_heard(events.len()).await;
                    self.carry(events);
                }
            },
            StreamSource::File { path, from_beginning } => self.follow_file(path, *from_beginning).await,
        }
    }

    /// Waits while a rule that reads the stream is behind: meanwhile the inbox fills, and whoever pushes hears that it is too much,
    /// instead of the rule losing what was taken. A rule that does not get on at all holds the others up for so long only.
    async fn until_heard(&self, count: usize) {
        let stream = &self.board.stream().id;
        let room = async {
            while !self.rules.has_room(stream, count) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        if tokio::time::timeout(HEARD_WITHIN, room).await.is_err() {
            tracing::debug!(%stream, "a rule does not get on; it loses what does not fit");
        }
    }

    /// To the rules first: the log may be behind.
    fn carry(&self, events: &[Arc<StreamEvent>]) {
        for event in events {
            self.rules.tell(&Happening::Row(Arc::clone(event)));
        }
        if !events.is_empty() {
            self.store.log_rows(events);
            self.board.carried(events);
        }
    }

    async fn follow_topic(&self, topic: &str) -> LoopResult {
        loop {
            let subscription = self.bus.subscribe(topic).await;
            let (error, pause) = match subscription {
                Ok(mut subscription) => match subscription.granted().await {
                    Ok(()) => {
                        self.board.away(None);
                        self.take_messages(subscription.as_mut()).await;
                        return Err("the bus is gone".to_owned());
                    }
                    Err(error) => (error, PAUSE),
                },
                Err(error) => (error, PAUSE),
            };
            let what =
                if error.kind == ErrorKind::Reject { "the broker does not let it subscribe" } else { "no broker" };
            self.board.away(Some(format!("{what} `{topic}`: {}", error.text)));
            tokio::time::sleep(pause).await;
        }
    }

    async fn take_messages(&self, subscription: &mut dyn BusSubscription) {
        let mut lost = 0;
        while let Some(message) = subscription.next().await {
            let taken = self.board.read(&message.payload, Some(&message.topic), false);
            for events in taken.events.chunks(TOGETHER) {
                self.carry(events);
            }
            let dropped = subscription.dropped();
            if dropped > lost {
                self.board.refuse("queue_full", dropped - lost, "they came faster than they are carried on");
                lost = dropped;
            }
        }
    }

    async fn follow_file(&self, path: &Path, from_beginning: bool) -> LoopResult {
        let key = format!("stream/{}", self.board.stream().id);
        let mut place = self.place(&key, path, from_beginning).await;
        loop {
            let Lines { lines, too_long, place: next } = match self.read_on(path, place).await {
                Ok(read) => {
                    self.board.away(None);
                    read
                }
                Err(why) => {
                    self.board.away(Some(why));
                    tokio::time::sleep(LOOK_EVERY * 4).await;
                    continue;
                }
            };
            let full = lines.len() >= LINES;
            for line in &lines {
                let events = self.board.read(line.as_bytes(), None, false).events;
                self.carry(&events);
            }
            if too_long > 0 {
                let text = format!("a line is longer than {LONGEST_MESSAGE} bytes");
                self.board.refuse("too_long", too_long, &text);
            }
            if next != place {
                place = next;
                let text = serde_json::to_string(&place).map_err(|error| error.to_string())?;
                self.store.keep(key.clone(), Some(text)).await.map_err(|error| error.to_string())?;
            }
            if !full {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Where an earlier actor has been, else where the file says.
    async fn place(&self, key: &str, path: &Path, from_beginning: bool) -> Place {
        let (port, key) = (Arc::clone(self.store.port()), key.to_owned());
        let kept = tokio::task::spawn_blocking(move || port.kept(&key)).await;
        if let Ok(Ok(Some(text))) = kept
            && let Ok(place) = serde_json::from_str(&text)
        {
            return place;
        }
        if from_beginning {
            return Place::default();
        }
        let (port, path) = (Arc::clone(&self.lines), path.to_owned());
        match tokio::task::spawn_blocking(move || port.end(&path)).await {
            Ok(Ok(place)) => place,
            Ok(Err(why)) => {
                self.board.away(Some(why));
                Place::default()
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn read_on(&self, path: &Path, from: Place) -> Result<Lines, String> {
        let (port, path) = (Arc::clone(&self.lines), path.to_owned());
        match tokio::task::spawn_blocking(move || port.read(&path, from, LINES, LONGEST_MESSAGE)).await {
            Ok(read) => read,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}
