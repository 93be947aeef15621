//! All tracks of a site: a scene for each camera and each model that looks at it.
//!
//! It promises: an id is given once for as long as the process runs, also when a camera's file changes or comes back; a change of
//! zones and lines ends no track; what is not followed is untouched. Called on the slots' threads; cameras do not wait for each
//! other. Where two slots finish the frames of a camera in the wrong order, the older one's objects have no track, and
//! `parapet_track_late_total` says how often.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use parapet_config::SiteConfig;
use parapet_contracts::{CameraId, Frame, ModelId, Object};
use parking_lot::Mutex;
use serde::Serialize;

use super::{
    scene::{Geometry, Look, Scene, SceneUpdate},
    settings::Settings,
    tally::Tally,
};

/// The scenes of each camera, by model.
type Scenes = HashMap<CameraId, HashMap<ModelId, SceneOf>>;

/// See the module.
#[derive(Default)]
pub struct Tracks {
    last_id: AtomicU64,
    followed: ArcSwap<Scenes>,
}

/// What was counted of a camera as one model sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Followed {
    /// The model.
    pub model: ModelId,
    /// The counts.
    #[serde(flatten)]
    pub tally: Tally,
}

#[derive(Clone)]
struct SceneOf {
    geometry: Arc<Geometry>,
    scene: Arc<Mutex<Scene>>,
}

impl Tracks {
    /// Follows, from now on, what this configuration asks for. What was followed before keeps its tracks.
    pub fn configure(&self, config: &SiteConfig) {
        let old = self.followed.load();
        let mut new = Scenes::new();
        for camera in config.cameras.values() {
            let geometry = Arc::new(Geometry { zones: camera.zones.clone(), lines: camera.lines.clone() });
            let models = camera.models.iter().filter(|id| config.models.get(*id).is_some_and(|model| model.track));
            for model in models {
                let before = old.get(&camera.id).and_then(|scenes| scenes.get(model));
                let scene = before.map(|followed| Arc::clone(&followed.scene));
                let scene = scene.unwrap_or_else(|| Arc::new(Mutex::new(Scene::new(Settings::default()))));
                let scene = SceneOf { geometry: Arc::clone(&geometry), scene };
                new.entry(camera.id.clone()).or_default().insert(model.clone(), scene);
            }
        }
        self.followed.store(Arc::new(new));
    }

    /// Writes into the objects of a frame, the best first, what is known of them over time, and returns what else it did; nothing when
    /// the model's objects are not followed. `still` is the part of the time since the model's last look at this camera in which
    /// nothing moved.
    pub fn observe(&self, model: &ModelId, frame: &Frame, still: Duration, objects: &mut [Object]) -> SceneUpdate {
        let followed = self.followed.load();
        let scene = followed.get(&frame.camera).and_then(|scenes| scenes.get(model));
        let Some(SceneOf { geometry, scene }) = scene else {
            return SceneUpdate::default();
        };
        let look = Look { at: frame.capture.at, size: (frame.picture.width, frame.picture.height), still };
        let next_id = || self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let seen = scene.lock().observe(geometry, look, objects, next_id);
        let count = |name: &'static str, by: u64| {
            if by > 0 {
                metrics::counter!(name, "camera" => frame.camera.to_string(), "model" => model.to_string())
                    .increment(by);
            }
        };
        match seen {
            Ok(update) => {
                count("parapet_tracks_begun_total", update.begun);
                count("parapet_tracks_ended_total", update.ended.len() as u64);
                count("parapet_track_overflow_total", update.overflow);
                for ((line, side), by) in &update.crossings {
                    let (camera, model) = (frame.camera.to_string(), model.to_string());
                    metrics::counter!("parapet_line_crossings_total", "camera" => camera, "model" => model, "line" => line.clone(), "to" => side.as_str())
                        .increment(*by);
                }
                for (zone, tracks) in &update.zones {
                    let (camera, model) = (frame.camera.to_string(), model.to_string());
                    metrics::gauge!("parapet_zone_tracks", "camera" => camera, "model" => model, "zone" => zone.clone())
                        .set(f64::from(*tracks));
                }
                update
            }
            Err(_late) => {
                count("parapet_track_late_total", 1);
                SceneUpdate::default()
            }
        }
    }

    /// What was counted of a camera, by model.
    pub fn of(&self, camera: &CameraId) -> Vec<Followed> {
        let followed = self.followed.load();
        let own = followed.get(camera).into_iter().flatten();
        let mut own: Vec<_> =
            own.map(|(model, of)| Followed { model: model.clone(), tally: of.scene.lock().tally().clone() }).collect();
        own.sort_by(|a, b| a.model.cmp(&b.model));
        own
    }

    /// True while an object of this camera is followed that does not stand still.
    pub fn moving(&self, camera: &CameraId) -> bool {
        let followed = self.followed.load();
        followed.get(camera).is_some_and(|scenes| scenes.values().any(|of| of.scene.lock().tally().moving > 0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::SignedDuration;
    use parapet_config::{Environment, Files, Secrets};
    use parapet_contracts::{CaptureTime, TimeSource, Timestamp, ports::probe::NoProbe};
    use parapet_testkit::media::grey;

    use super::*;

    /// A site with one camera, which has these keys, and a model that is followed and one that is not.
    fn site(camera: &str) -> SiteConfig {
        let dir = std::env::temp_dir().join(format!("tracks-{}", uuid::Uuid::now_v7()));
        for folder in ["cameras", "models"] {
            std::fs::create_dir_all(dir.join(folder)).unwrap();
        }
        let camera = format!("source: test://ball\nmodels: [people, faces]\n{camera}");
        let files = [
            ("site.yaml", "site: {id: s}\n"),
            ("models/people.yaml", "kind: null\n"),
            ("models/faces.yaml", "kind: null\ntrack: false\n"),
            ("cameras/gate.yaml", &camera),
        ];
        for (name, text) in files {
            std::fs::write(dir.join(name), text).unwrap();
        }
        let secrets = Secrets::new(vec![Box::new(Environment), Box::new(Files)]);
        let loaded = parapet_config::load(&dir, &NoProbe, &secrets);
        std::fs::remove_dir_all(&dir).unwrap();
        loaded.unwrap().config
    }

    /// One person at the left, who has been there for `seconds`.
    fn look(tracks: &Tracks, model: &str, seconds: i64) -> Option<parapet_contracts::Track> {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let capture = CaptureTime { at, source: TimeSource::Pts };
        let camera = CameraId::new("gate").unwrap();
        let picture = grey(100, 100);
        let (decoded_at, still, focus, main) = Default::default();
        let frame = Frame { camera, index: 0, pts: 0.0, capture, decoded_at, still, focus, main, picture };
        let bbox = [10.0, 10.0, 30.0, 70.0].into();
        let mut objects = [Object::new("person", 0, 0.9, bbox)];
        tracks.observe(&ModelId::new(model).unwrap(), &frame, Duration::ZERO, &mut objects);
        let [object] = objects;
        object.track
    }

    #[test]
    fn a_track_outlives_a_change_of_the_camera_s_file_and_no_id_comes_twice() {
        let tracks = Tracks::default();
        assert!(look(&tracks, "people", 0).is_none(), "nothing is configured yet");
        tracks.configure(&site(""));
        assert!(look(&tracks, "people", 1).is_none(), "seen once");
        assert_eq!(look(&tracks, "people", 2).unwrap().id, 1);
        tracks.configure(&site("zones: {left: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}\n"));
        let track = look(&tracks, "people", 3).unwrap();
        assert_eq!((track.id, track.entered), (1, vec!["left".to_owned()]));
        let without = SiteConfig { cameras: Default::default(), ..site("") };
        tracks.configure(&without);
        assert!(look(&tracks, "people", 4).is_none());
        tracks.configure(&site(""));
        assert!(look(&tracks, "people", 5).is_none());
        assert_eq!(look(&tracks, "people", 6).unwrap().id, 2, "the camera came back, the id did not");
    }

    #[test]
    fn a_model_that_is_not_followed_has_no_tracks() {
        let tracks = Tracks::default();
        tracks.configure(&site(""));
        assert!((0..5).all(|second| look(&tracks, "faces", second).is_none()));
    }

    #[test]
    fn a_late_frame_has_no_track() {
        let tracks = Tracks::default();
        tracks.configure(&site(""));
        assert!(look(&tracks, "people", 1).is_none());
        assert!(look(&tracks, "people", 2).is_some());
        assert!(look(&tracks, "people", 2).is_none());
        assert!(look(&tracks, "people", 3).is_some());
    }
}
