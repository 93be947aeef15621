//! All that looks at a camera's frames before the models do, in one place: the decoder's thread asks it once a frame.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use parapet_config::{Camera, MotionConfig};
use parapet_contracts::{Picture, Polygon, Timestamp, ports::media::Attention};
use serde::Serialize;

use super::{
    fault::{FaultWatch, Finding},
    gate::{MotionGate, Verdict},
    mask::Mask,
    motion::{Motion, MotionDetector},
    thumbnail::Thumbnail,
};

/// How long nothing must have moved until only keyframes are decoded.
const IDLE_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// What is to be done with a frame, and what its picture tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// Whether the models should see it.
    pub wanted: bool,
    /// How long frames were held back in all.
    pub still: Duration,
    /// What the camera's picture is found to be.
    pub finding: Finding,
    /// Which frames are worth decoding from now on.
    pub attention: Attention,
}

/// How a camera's motion is, for people and machines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct MotionStatus {
    /// Whether something moves, or did a moment ago, so that models see every frame.
    pub open: bool,
    /// The part of the picture that moved in the last frame, 0 to 1.
    pub share: f32,
    /// When something last moved; `null` before the first time.
    pub last: Option<Timestamp>,
}

/// See the module.
#[derive(Debug)]
pub struct Onlooker {
    thumbnail: Thumbnail,
    motion: Option<Movement>,
    faults: FaultWatch,
    saves_decoding: bool,
    status: MotionStatus,
}

#[derive(Debug)]
struct Movement {
    config: MotionConfig,
    regions: Arc<[Polygon]>,
    gate: MotionGate,
    detector: Option<MotionDetector>,
    last: Option<Timestamp>,
    idle_since: Option<Timestamp>,
}

impl Onlooker {
    /// One for this camera that has seen nothing.
    pub fn new(camera: &Camera) -> Self {
        let movement = |config: &MotionConfig| Movement {
            config: config.clone(),
            regions: camera.regions.clone().into(),
            gate: MotionGate::new(config.clone()),
            detector: None,
            last: None,
            idle_since: None,
        };
        Self {
            thumbnail: Thumbnail::new(),
            motion: camera.motion.as_ref().map(movement),
            faults: FaultWatch::new(camera.picture_faults.clone()),
            saves_decoding: camera.idle_keyframes,
            status: MotionStatus::default(),
        }
    }

    /// Looks at a frame. `followed` is asked whether an object is followed that does not stand still.
    pub fn look(&mut self, picture: &Picture, at: Timestamp, followed: impl FnOnce() -> bool) -> Outlook {
        let watches = self.faults.is_due(at);
        if watches || self.motion.is_some() {
            self.thumbnail.take(picture);
        }
        let finding = if watches { self.faults.look(picture, &self.thumbnail, at) } else { Finding::NotYet };
        let Some(movement) = &mut self.motion else {
            return Outlook { wanted: true, still: Duration::ZERO, finding, attention: Attention::All };
        };
        let motion = movement.look(&self.thumbnail, at);
        let verdict = movement.gate.judge(at, motion, followed());
        self.status =
            MotionStatus { open: verdict == Verdict::Open, share: motion.share, last: movement.gate.last_motion() };
        let idle = movement.is_idle(verdict, at) && self.saves_decoding;
        let attention = if idle { Attention::Keyframes } else { Attention::All };
        Outlook { wanted: verdict != Verdict::Hold, still: movement.gate.still(), finding, attention }
    }

    /// How motion is; `None` when nobody asked for it.
    pub fn motion(&self) -> Option<MotionStatus> {
        self.motion.as_ref().map(|_| self.status)
    }
}

impl Movement {
    fn look(&mut self, thumbnail: &Thumbnail, at: Timestamp) -> Motion {
        let passed = self.last.replace(at).map(|last| at.duration_since(last));
        let passed = passed.and_then(|passed| Duration::try_from(passed).ok()).unwrap_or_default();
        let detector = self.detector.take().filter(|detector| detector.fits(thumbnail)).unwrap_or_else(|| {
            let mask = Mask::new(thumbnail.width(), thumbnail.height(), &self.regions, &self.config.masks);
            MotionDetector::new(self.config.sensitivity, mask)
        });
        self.detector.insert(detector).look(thumbnail, passed)
    }

    fn is_idle(&mut self, verdict: Verdict, at: Timestamp) -> bool {
        if verdict == Verdict::Open {
            self.idle_since = None;
            return false;
        }
        let since = *self.idle_since.get_or_insert(at);
        at.duration_since(since) >= IDLE_AFTER
    }
}
