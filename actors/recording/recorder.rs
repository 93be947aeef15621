//! The recorder: writes segments as they come, a few at a time.

use std::{sync::Arc, time::Duration};

use parapet_contracts::ports::{
    clip::ClipPort,
    evidence::EvidenceError,
    media::MediaError,
    recording::{RecordingPort, Segment},
};
use parapet_supervision::Heartbeat;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
};

use super::{
    segmenter::Cut,
    tapes::{Tapes, Waiting},
};
use crate::{
    journal::{Failure, Journal},
    worker::{LoopResult, Stop},
};

/// Segments that are written at once.
const AT_ONCE: usize = 2;
/// What the end of the site waits for those that are under way.
const LAST: Duration = Duration::from_secs(2);

/// The receiving end, which the recorder of the day takes.
#[derive(Debug, Clone)]
pub struct SegmentQueue(Arc<Mutex<mpsc::Receiver<Waiting>>>);

impl SegmentQueue {
    pub(super) fn new(receiver: mpsc::Receiver<Waiting>) -> Self {
        Self(Arc::new(Mutex::new(receiver)))
    }
}

/// Everything that the recorder needs.
#[derive(Clone)]
pub struct Recorder {
    /// Segments come from here.
    pub queue: SegmentQueue,
    /// Hear of what became of them.
    pub tapes: Arc<Tapes>,
    /// Makes files.
    pub clips: Arc<dyn ClipPort>,
    /// Files go here.
    pub recordings: Arc<dyn RecordingPort>,
    /// Hears of failures.
    pub journal: Journal,
}

impl Recorder {
    /// Writes until it is told to stop; then what was being gathered as well.
    ///
    /// # Errors
    /// When a writing task panics.
    pub async fn run(self, heartbeat: Heartbeat, stop: Stop) -> LoopResult {
        heartbeat.idle(); // What it waits for bounds itself: the muxer, and the disk in the end.
        let queue = self.queue.clone();
        let mut arriving = queue.0.lock().await;
        let mut writing = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(done) = writing.join_next() => done.map_err(|error| error.to_string())?,
                () = stop.wait() => break,
                segment = arriving.recv(), if writing.len() < AT_ONCE => match segment {
                    Some(segment) => drop(writing.spawn_blocking(self.task(segment))),
                    None => break,
                },
            }
        }
        self.tapes.end();
        while let Ok(segment) = arriving.try_recv() {
            writing.spawn_blocking(self.task(segment));
        }
        // Whatever is not done by then is a half that the next start removes.
        tokio::time::timeout(LAST, writing.join_all()).await.ok();
        Ok(())
    }

    fn task(&self, segment: Waiting) -> impl FnOnce() + Send + 'static {
        let this = self.clone();
        move || this.write(&segment)
    }

    fn write(&self, segment: &Waiting) {
        let (camera, tape) = (&segment.camera, self.tapes.of(&segment.camera));
        if self.tapes.is_low() {
            return tape.drop_segment("disk_low", None);
        }
        match self.make(segment) {
            Ok(made) => {
                let labels = [("camera", camera.to_string())];
                metrics::counter!("parapet_recording_segments_total", &labels).increment(1);
                metrics::counter!("parapet_recording_bytes_total", &labels).increment(made.bytes);
                let mut shelf = tape.shelf.lock();
                shelf.segments += 1;
                shelf.bytes += made.bytes;
                shelf.oldest = Some(shelf.oldest.map_or(made.from, |oldest| oldest.min(made.from)));
                shelf.newest = shelf.newest.max(Some(made.until));
            }
            Err((code, text)) => {
                let text = format!("nothing is recorded of camera {camera}: {text}");
                tape.drop_segment(code, Some(text.clone()));
                self.journal.report(Failure::new(format!("recorder/{camera}"), code, text));
            }
        }
    }

    fn make(
        &self,
        Waiting { camera, cut: Cut { from, until, frames, .. }, .. }: &Waiting,
    ) -> Result<Segment, (&'static str, String)> {
        let clip = self.clips.clip(frames).map_err(|MediaError { code, text, .. }| (code, text))?;
        let kept = self.recordings.keep(camera, *from..*until, &clip);
        kept.map_err(|EvidenceError { code, text, .. }| (code, text))
    }
}
