//! A fake media port: the test plays the camera.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parapet_contracts::{
    CaptureTime, Picture, PixelFormat, TimeSource, Timestamp,
    camera::SourceSpec,
    picture::Colorimetry,
    ports::media::{Attention, MediaError, MediaEvent, MediaFrame, MediaPort, MediaSink, MediaStats, MediaStream},
};
use parking_lot::Mutex;

/// See the module. Clones are the same port.
#[derive(Clone, Default)]
pub struct FakeMedia(Arc<Inner>);

#[derive(Default)]
struct Inner {
    sinks: Mutex<Vec<Arc<dyn MediaSink>>>,
    refuse: Mutex<Option<MediaError>>,
    closed: AtomicUsize,
    frames: AtomicUsize,
    /// Bytes that came without a frame.
    bytes: AtomicUsize,
    attention: Mutex<Vec<Attention>>,
}

impl FakeMedia {
    /// A port whose sources open and then say nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every attempt to open fails with this error from now on; `None`: succeeds.
    pub fn refuse(&self, error: Option<MediaError>) {
        *self.0.refuse.lock() = error;
    }

    /// How often a source was opened.
    pub fn opened(&self) -> usize {
        self.0.sinks.lock().len()
    }

    /// How many streams were closed.
    pub fn closed(&self) -> usize {
        self.0.closed.load(Ordering::SeqCst)
    }

    /// What the streams were told to decode, in order.
    pub fn attention(&self) -> Vec<Attention> {
        self.0.attention.lock().clone()
    }

    /// Bytes of a stream come, and no frame.
    pub fn bytes(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes, Ordering::SeqCst);
    }

    /// Sends a grey frame taken at `at` into the stream that was opened as number `stream`, from 0.
    pub fn frame(&self, stream: usize, at: Timestamp) {
        self.picture(stream, at, grey(8, 8));
    }

    /// Sends this picture, taken at `at`, into the stream that was opened as number `stream`, from 0.
    pub fn picture(&self, stream: usize, at: Timestamp, picture: Picture) {
        let index = self.0.frames.fetch_add(1, Ordering::SeqCst) as u64;
        let capture = CaptureTime { at, source: TimeSource::Pts };
        if let Some(sink) = self.sink(stream) {
            sink.frame(MediaFrame { index, pts: index as f64 / 5.0, capture, picture });
        }
    }

    /// Tells an event in the stream that was opened as number `stream`, from 0.
    pub fn event(&self, stream: usize, event: MediaEvent) {
        if let Some(sink) = self.sink(stream) {
            sink.event(event);
        }
    }

    fn sink(&self, stream: usize) -> Option<Arc<dyn MediaSink>> {
        self.0.sinks.lock().get(stream).cloned()
    }
}

impl MediaPort for FakeMedia {
    fn open(&self, _: &SourceSpec, sink: Arc<dyn MediaSink>) -> Result<Box<dyn MediaStream>, MediaError> {
        self.0.sinks.lock().push(sink);
        match self.0.refuse.lock().clone() {
            Some(error) => Err(error),
            None => Ok(Box::new(FakeStream(self.clone()))),
        }
    }
}

struct FakeStream(FakeMedia);

impl MediaStream for FakeStream {
    fn stats(&self) -> MediaStats {
        let [frames, bytes] = [&self.0.0.frames, &self.0.0.bytes].map(|count| count.load(Ordering::SeqCst) as u64);
        MediaStats { frames_in: frames, bytes_in: bytes + 1_000 * frames, ..MediaStats::default() }
    }

    fn set_attention(&self, attention: Attention) {
        self.0.0.attention.lock().push(attention);
    }
}

impl Drop for FakeStream {
    fn drop(&mut self) {
        self.0.0.closed.fetch_add(1, Ordering::SeqCst);
    }
}

/// A grey picture.
pub fn grey(width: u32, height: u32) -> Picture {
    plain(width, height, 128)
}

/// A picture of one grey.
#[allow(clippy::expect_used, reason = "the buffer is made for the picture")]
pub fn plain(width: u32, height: u32, luma: u8) -> Picture {
    let plane = vec![luma; (width * height) as usize];
    Picture::from_vecs(width, height, PixelFormat::Grey, Colorimetry::BT601, vec![(plane, width as usize)])
        .expect("the buffer fits the picture")
}
