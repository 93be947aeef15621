//! The rings of all cameras: each is filled by its camera's stream while a rule wants clips of that camera.

use std::{
    collections::HashMap,
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

use super::ring::{Put, Ring};

/// So much longer than a clip is long a ring reaches back: alerts are raised later than what they are about.
const SLACK: Duration = Duration::from_secs(10);

/// The ring of one camera; it outlives streams and restarts of the camera's actor.
#[derive(Debug)]
pub struct CameraRing {
    camera: CameraId,
    /// Milliseconds that it reaches back; 0: nobody wants it.
    back: AtomicI64,
    ring: Mutex<Ring>,
}

impl CameraRing {
    /// A ring of this camera that nobody wants yet.
    pub fn new(camera: CameraId) -> Arc<Self> {
        let (back, ring) = Default::default();
        Arc::new(Self { camera, back, ring })
    }

    /// Whether somebody wants its frames.
    pub fn is_wanted(&self) -> bool {
        self.back.load(Ordering::Relaxed) > 0
    }

    /// Takes a frame; called on the stream's thread.
    pub fn put(&self, frame: EncodedFrame) {
        let back = self.back.load(Ordering::Relaxed);
        let (put, bytes) = {
            let mut ring = self.ring.lock();
            let put = ring.put(frame, SignedDuration::from_millis(back));
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
