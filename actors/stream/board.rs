//! A stream's hand-off and what it tells of itself; both outlive a restart of the actor.

use std::{collections::BTreeMap, sync::Arc};

use parapet_config::Stream;
use parapet_contracts::{Clock, SiteId, StreamEvent, Timestamp};
use parking_lot::Mutex;
use serde::Serialize;

use super::intake::{self, Refusal, Taken};
use crate::{
    handoff::{Handoff, Overflow},
    journal::{Failure, Journal},
};

/// Messages that wait for the actor at most; beyond it they are refused.
pub(super) const CAPACITY: usize = 1_024;
/// Refusals of one request that are told in full.
const SHOWN: usize = 20;

/// See the module.
pub struct StreamBoard {
    stream: Arc<Stream>,
    site: SiteId,
    clock: Arc<dyn Clock>,
    journal: Journal,
    pub(super) inbox: Handoff<Arc<StreamEvent>>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    taken: u64,
    refused: BTreeMap<&'static str, u64>,
    last_message: Option<Timestamp>,
    last_error: Option<String>,
    waiting: Option<String>,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamStatus {
    /// Messages that were taken since the site started.
    pub taken: u64,
    /// Messages that were refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Messages that wait for the actor.
    pub waiting: usize,
    /// When the last message that was taken happened.
    pub last_message: Option<Timestamp>,
    /// Why the last refused message was refused, or what the source lacks.
    pub last_error: Option<String>,
    /// Why nothing comes, when the source is away.
    pub away: Option<String>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// Messages that were taken.
    pub accepted: usize,
    /// Messages that were refused.
    pub refused: usize,
    /// The first of them, with their reasons.
    pub refusals: Vec<Refusal>,
}

/// More came than the actor carries on: nothing of the request was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFast;

impl StreamBoard {
    /// The board of a stream.
    pub fn new(stream: Arc<Stream>, site: SiteId, clock: Arc<dyn Clock>, journal: Journal) -> Arc<Self> {
        let (inbox, inner) = (Handoff::new(CAPACITY, Overflow::DropNewest), Mutex::default());
        Arc::new(Self { stream, site, clock, journal, inbox, inner })
    }

    /// The stream.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Takes a pushed message: one object, a list of them, or one a line. Never waits.
    ///
    /// # Errors
    /// When it does not fit in: whoever pushes should wait and try again.
    pub fn push(&self, body: &[u8], lines: bool) -> Result<Accepted, TooFast> {
        let Taken { events, refused } = self.read(body, None, lines);
        let accepted = Accepted {
            accepted: events.len(),
            refused: refused.len(),
            refusals: refused.into_iter().take(SHOWN).collect(),
        };
        // All or nothing, so that whoever tries again sends nothing twice.
        if self.inbox.len() + events.len() > CAPACITY.max(events.len()) {
            self.refuse("queue_full", events.len() as u64, "more came than is carried on");
            return Err(TooFast);
        }
        let left: usize = events.into_iter().filter_map(|event| self.inbox.put(event)).count();
        if left > 0 {
            self.refuse("queue_full", left as u64, "more came than is carried on");
            return Err(TooFast);
        }
        Ok(accepted)
    }

    /// Reads a message, and counts what was refused.
    pub(super) fn read(&self, message: &[u8], topic: Option<&str>, lines: bool) -> Taken {
        let taken = intake::read(&self.stream, &self.site, message, topic, self.clock.now(), lines);
        for refusal in &taken.refused {
            self.refuse(refusal.reason, 1, &refusal.text);
        }
        taken
    }

    /// Counts messages that were refused, and tells why.
    pub(super) fn refuse(&self, reason: &'static str, count: u64, text: &str) {
        let stream = self.stream.id.to_string();
        metrics::counter!("parapet_stream_refused_total", "stream" => stream, "reason" => reason).increment(count);
        let text = format!("a message was refused: {text}");
        {
            let mut inner = self.inner.lock();
            *inner.refused.entry(reason).or_default() += count;
            inner.last_error = Some(text.clone());
        }
        // Repeats of one text are one record, which is logged when its count doubles.
        self.journal.report(Failure::new(format!("streams/{}", self.stream.id), reason, text));
    }

    /// Notes messages that were carried on.
    pub(super) fn carried(&self, events: &[Arc<StreamEvent>]) {
        let stream = self.stream.id.to_string();
        metrics::counter!("parapet_stream_messages_total", "stream" => stream).increment(events.len() as u64);
        let mut inner = self.inner.lock();
        inner.taken += events.len() as u64;
        inner.last_message = events.last().map(|event| event.ts).or(inner.last_message);
    }

    /// The source is away, or there again.
    pub(super) fn away(&self, why: Option<String>) {
        let changed = {
            let mut inner = self.inner.lock();
            let changed = inner.waiting != why;
            inner.waiting.clone_from(&why);
            changed
        };
        if let Some(why) = why.filter(|_| changed) {
            self.journal.report(Failure::new(format!("streams/{}", self.stream.id), "source", why));
        }
    }

    /// A snapshot.
    pub fn status(&self) -> StreamStatus {
        let inner = self.inner.lock();
        StreamStatus {
            taken: inner.taken,
            refused: inner.refused.clone(),
            waiting: self.inbox.len(),
            last_message: inner.last_message,
            last_error: inner.last_error.clone(),
            away: inner.waiting.clone(),
        }
    }
}
