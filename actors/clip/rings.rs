//! The rings of all cameras: each is filled by its camera's stream while a rule wants clips of that camera, or somebody watches its video.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::SignedDuration;
use parapet_config::SiteConfig;
use parapet_contracts::{CameraId, Timestamp, ports::media::EncodedFrame};
use parking_lot::{Mutex, RwLock};
use tokio::sync::broadcast::{self, error::RecvError};

use super::ring::{Put, Ring};

/// So much longer than a clip is long a ring reaches back: alerts are raised later than what they are about.
const SLACK: Duration = Duration::from_secs(10);

/// Frames that wait for a viewer at most: four seconds of thirty a second.
const BEHIND: usize = 128;

/// The ring of one camera; it outlives streams and restarts of the camera's actor.
#[derive(Debug)]
pub struct CameraRing {
    camera: CameraId,
    /// Milliseconds that it reaches back; 0: no rule wants clips, and what is held is only what a viewer begins with.
    back: AtomicI64,
    /// Viewers hear under its lock, so that nobody misses a frame or gets it twice.
    ring: Mutex<Ring>,
    viewers: broadcast::Sender<EncodedFrame>,
}

impl CameraRing {
    /// A ring of this camera that nobody wants yet.
    pub fn new(camera: CameraId) -> Arc<Self> {
        let (back, ring) = Default::default();
        Arc::new(Self { camera, back, ring, viewers: broadcast::Sender::new(BEHIND) })
    }

    /// Whether somebody wants its frames.
    pub fn is_wanted(&self) -> bool {
        self.back.load(Ordering::Relaxed) > 0 || self.viewers.receiver_count() > 0
    }

    /// Watches the stream as it comes, from its last keyframe on when that is held, else from the next one.
    pub fn watch(self: &Arc<Self>) -> Viewer {
        let ring = self.ring.lock();
        let (frames, held) = (self.viewers.subscribe(), ring.newest_group().into());
        Viewer { ring: Arc::clone(self), frames, held }
    }

    /// Takes a frame; called on the stream's thread.
    pub fn put(&self, frame: EncodedFrame) {
        let back = self.back.load(Ordering::Relaxed);
        let (put, bytes) = {
            let mut ring = self.ring.lock();
            let watched = (self.viewers.receiver_count() > 0).then(|| frame.clone());
            let put = ring.put(frame, SignedDuration::from_millis(back));
            if let Some(frame) = watched {
                // The last viewer may have gone just now.
                self.viewers.send(frame).ok();
            }
            (put, ring.bytes())
        };
        metrics::gauge!("parapet_clip_ring_bytes", "camera" => self.camera.to_string()).set(bytes as f64);
        let reason = match put {
            Put::Kept => return,
            Put::AwaitingKeyframe => "awaiting_keyframe",
            Put::Crowded => "crowded",
        };
        metrics::counter!("parapet_clip_frames_dropped_total", "camera" => self.camera.to_string(), "reason" => reason)
            .increment(1);
    }

    /// Forgets all frames: another stream begins.
    pub fn clear(&self) {
        self.ring.lock().clear();
    }

    /// When its newest frame was taken.
    pub fn newest(&self) -> Option<Timestamp> {
        self.ring.lock().newest()
    }

    /// See [`Ring::cut`].
    pub fn cut(&self, from: Timestamp, until: Timestamp) -> Vec<EncodedFrame> {
        self.ring.lock().cut(from, until)
    }

    fn reach(&self, back: Option<Duration>) {
        let back = back.map_or(0, |back| i64::try_from((back + SLACK).as_millis()).unwrap_or(i64::MAX));
        self.back.store(back, Ordering::Relaxed);
        if back == 0 {
            self.clear();
        }
    }
}

/// Somebody who watches a camera's video.
#[derive(Debug)]
pub struct Viewer {
    ring: Arc<CameraRing>,
    frames: broadcast::Receiver<EncodedFrame>,
    held: VecDeque<EncodedFrame>,
}

impl Viewer {
    /// The next frame, in decoding order.
    ///
    /// # Errors
    /// When the viewer was too slow: so many frames are gone, and what comes can be decoded from the next keyframe on.
    pub async fn next(&mut self) -> Result<EncodedFrame, u64> {
        if let Some(frame) = self.held.pop_front() {
            return Ok(frame);
        }
        match self.frames.recv().await {
            Ok(frame) => Ok(frame),
            Err(RecvError::Lagged(count)) => Err(count),
            // The ring, and with it the sender, lives as long as its viewers.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // Only this one is left, and it goes: nothing is held for nobody.
        if self.ring.viewers.receiver_count() <= 1 && self.ring.back.load(Ordering::Relaxed) == 0 {
            self.ring.clear();
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Rings(RwLock<HashMap<CameraId, Arc<CameraRing>>>);

impl Rings {
    /// The ring of a camera, empty when there was none.
    pub fn of(&self, camera: &CameraId) -> Arc<CameraRing> {
        if let Some(ring) = self.0.read().get(camera) {
            return Arc::clone(ring);
        }
        Arc::clone(self.0.write().entry(camera.clone()).or_insert_with(|| CameraRing::new(camera.clone())))
    }

    /// Lets each ring reach as far back as the rules of `config` want, and forgets cameras that are no more.
    pub fn configure(&self, config: &SiteConfig) {
        let mut rings = self.0.write();
        rings.retain(|camera, _| config.cameras.contains_key(camera));
        for camera in config.cameras.keys() {
            let wanted = config
                .rules
                .values()
                .filter(|rule| rule.cameras.contains(camera))
                .filter_map(|rule| rule.alerting.clip);
            let longest = wanted.map(|clip| clip.before + clip.after).max();
            let ring = rings.entry(camera.clone()).or_insert_with(|| CameraRing::new(camera.clone()));
            ring.reach(longest);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn frame(ms: i64, keyframe: bool) -> EncodedFrame {
        let (pts, at) = (ms * 1_000_000, Timestamp::from_millisecond(ms).unwrap());
        EncodedFrame { at, pts, dts: Some(pts), keyframe, format: Arc::from("h264"), bytes: vec![0; 10].into() }
    }

    #[tokio::test]
    async fn viewers_begin_with_what_can_be_decoded_and_hear_each_frame_once() {
        let ring = CameraRing::new(CameraId::new("gate").unwrap());
        assert!(!ring.is_wanted());
        let mut first = ring.watch();
        assert!(ring.is_wanted(), "a viewer wants it as well as a rule");
        for ms in 0..5 {
            ring.put(frame(ms, ms % 2 == 0));
        }
        let mut second = ring.watch();
        ring.put(frame(5, false));
        for ms in 0..=5 {
            assert_eq!(first.next().await.unwrap().pts, ms * 1_000_000);
        }
        let seen = [second.next().await.unwrap(), second.next().await.unwrap()];
        assert_eq!((seen[0].pts, seen[0].keyframe, seen[1].pts), (4_000_000, true, 5_000_000));
        drop((first, second));
        assert!(!ring.is_wanted() && ring.newest().is_none(), "nothing is held for nobody");
    }

    #[tokio::test]
    async fn a_viewer_that_is_too_slow_is_told_and_others_do_not_notice() {
        let ring = CameraRing::new(CameraId::new("gate").unwrap());
        let (mut slow, mut fast) = (ring.watch(), ring.watch());
        for ms in 0..BEHIND as i64 + 7 {
            ring.put(frame(ms, ms == 0));
            assert!(fast.next().await.is_ok());
        }
        assert_eq!(slow.next().await, Err(7));
        assert!(slow.next().await.is_ok());
    }
}
