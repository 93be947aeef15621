//! What the decoder's threads call: hands frames to the models and events to the actor, and never waits.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use parapet_contracts::{
    Clock, Frame,
    ports::media::{MediaEvent, MediaFrame, MediaSink},
};
use ractor::ActorRef;

use super::{CameraBoard, CameraMessage};
use crate::model::Feed;

/// Warnings that may wait in the actor's mailbox at once; more are only counted.
const WARNINGS: usize = 8;

/// The sink of one stream. Once the actor has gone on to another, it swallows what the old stream still says.
pub(super) struct StreamSink {
    pub(super) stream: u64,
    pub(super) current: Arc<AtomicU64>,
    pub(super) board: Arc<CameraBoard>,
    pub(super) feeds: Vec<Feed>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) actor: ActorRef<CameraMessage>,
    pub(super) warnings: Arc<AtomicUsize>,
}

impl StreamSink {
    fn is_current(&self) -> bool {
        self.current.load(Ordering::Acquire) == self.stream
    }
}

impl MediaSink for StreamSink {
    fn frame(&self, frame: MediaFrame) {
        if !self.is_current() {
            return;
        }
        self.board.frame(frame.capture.at);
        let frame = Frame {
            camera: self.board.id().clone(),
            index: frame.index,
            pts: frame.pts,
            capture: frame.capture,
            decoded_at: self.clock.monotonic(),
            still: std::time::Duration::ZERO,
            picture: frame.picture,
        };
        for feed in &self.feeds {
            feed.offer(frame.clone());
        }
    }

    fn event(&self, event: MediaEvent) {
        if !self.is_current() {
            return;
        }
        if matches!(event, MediaEvent::Warning(_)) {
            self.board.warn();
            if self.warnings.fetch_add(1, Ordering::Relaxed) >= WARNINGS {
                self.warnings.fetch_sub(1, Ordering::Relaxed);
                return;
            }
        }
        // The actor is gone when nobody takes it: then its stream is about to be closed as well.
        drop(self.actor.cast(CameraMessage::Media { stream: self.stream, event }));
    }
}
