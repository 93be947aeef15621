//! What the decoder's threads call: looks whether a frame is wanted, hands it to the models and events to the actor, and never waits.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use parapet_contracts::{
    Frame, MainView,
    ports::media::{Attention, EncodedFrame, MediaEvent, MediaFrame, MediaSink},
};
use parking_lot::Mutex;
use ractor::ActorRef;

use super::{
    CameraMessage, CameraParts, Role,
    watch::{Finding, Onlooker, focus},
};

/// Warnings that may wait in the actor's mailbox at once; more are only counted.
const WARNINGS: usize = 8;

/// The sink of one stream. Once the actor has gone on to another, it swallows what the old stream still says.
pub(super) struct StreamSink {
    pub(super) stream: u64,
    pub(super) current: Arc<AtomicU64>,
    pub(super) parts: CameraParts,
    /// Outlives the stream: a camera that comes back is compared with what it showed before.
    pub(super) onlooker: Arc<Mutex<Onlooker>>,
    /// Whether only keyframes are worth decoding.
    pub(super) idle: Arc<AtomicBool>,
    pub(super) actor: ActorRef<CameraMessage>,
    pub(super) warnings: Arc<AtomicUsize>,
}

impl StreamSink {
    fn is_current(&self) -> bool {
        self.current.load(Ordering::Acquire) == self.stream
    }

    fn watched(&self, frame: MediaFrame, main: Option<&Arc<MainView>>) {
        let CameraParts { config, downstream, board, .. } = &self.parts;
        let (outlook, motion) = {
            let mut onlooker = self.onlooker.lock();
            let outlook = onlooker.look(&frame.picture, frame.capture.at, || downstream.is_followed(&config.id));
            (outlook, onlooker.motion())
        };
        board.saw(motion, outlook.wanted);
        if let (Some(tape), Some(moved)) = (&self.parts.tape, motion.and_then(|motion| motion.last)) {
            tape.moved(moved);
        }
        let idle = outlook.attention == Attention::Keyframes;
        if self.idle.swap(idle, Ordering::AcqRel) != idle {
            self.tell(CameraMessage::Attention);
        }
        let size = (frame.picture.width, frame.picture.height);
        let frame = Frame {
            camera: config.id.clone(),
            index: frame.index,
            pts: frame.pts,
            capture: frame.capture,
            decoded_at: self.parts.clock.monotonic(),
            still: outlook.still,
            focus: focus(&config.regions, size.0, size.1),
            main: main.cloned(),
            picture: frame.picture,
        };
        self.parts.last.put(frame.clone());
        if let Finding::Changed(fault) = outlook.finding {
            self.tell(CameraMessage::Picture { fault });
        }
        if outlook.wanted {
            self.parts.feeds.iter().for_each(|feed| feed.offer(frame.clone()));
        }
    }

    fn tell(&self, message: CameraMessage) {
        // The actor is gone when nobody takes it: then its stream is about to be closed as well.
        drop(self.actor.cast(message));
    }
}

impl MediaSink for StreamSink {
    fn frame(&self, frame: MediaFrame) {
        if !self.is_current() {
            return;
        }
        self.parts.board.frame(frame.capture.at);
        match &self.parts.role {
            Role::Watched { main } => self.watched(frame, main.as_ref()),
            Role::Main(view) => view.put(frame.capture.at, frame.picture),
        }
    }

    fn wants_encoded(&self) -> bool {
        self.parts.ring.as_ref().is_some_and(|ring| ring.is_wanted())
            || self.parts.taped().is_some_and(|tape| tape.is_wanted())
    }

    fn encoded(&self, frame: EncodedFrame) {
        if !self.is_current() {
            return;
        }
        if let Some(tape) = self.parts.taped().filter(|tape| tape.is_wanted()) {
            tape.put(frame.clone());
        }
        if let Some(ring) = self.parts.ring.as_ref().filter(|ring| ring.is_wanted()) {
            ring.put(frame);
        }
    }

    fn event(&self, event: MediaEvent) {
        if !self.is_current() {
            return;
        }
        if matches!(event, MediaEvent::Warning(_)) {
            self.parts.board.warn();
            if self.warnings.fetch_add(1, Ordering::Relaxed) >= WARNINGS {
                self.warnings.fetch_sub(1, Ordering::Relaxed);
                return;
            }
        }
        self.tell(CameraMessage::Media { stream: self.stream, event });
    }
}
