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
};

use arc_swap::ArcSwap;
use parapet_config::SiteConfig;
use parapet_contracts::{CameraId, Frame, ModelId, Object};
use parking_lot::Mutex;

use super::{
    scene::{Geometry, Scene, SceneUpdate},
    settings::Settings,
};

type Key = (CameraId, ModelId);

/// See the module.
#[derive(Default)]
pub struct Tracks {
    last_id: AtomicU64,
    followed: ArcSwap<HashMap<Key, Followed>>,
}

#[derive(Clone)]
struct Followed {
    geometry: Arc<Geometry>,
    scene: Arc<Mutex<Scene>>,
}

impl Tracks {
    /// Follows, from now on, what this configuration asks for. What was followed before keeps its tracks.
    pub fn configure(&self, config: &SiteConfig) {
        let old = self.followed.load();
        let mut new = HashMap::new();
        for camera in config.cameras.values() {
            let geometry = Arc::new(Geometry { zones: camera.zones.clone(), lines: camera.lines.clone() });
            let models = camera.models.iter().filter(|id| config.models.get(*id).is_some_and(|model| model.track));
            for model in models {
                let key = (camera.id.clone(), model.clone());
                let scene = old.get(&key).map(|followed| Arc::clone(&followed.scene));
                let scene = scene.unwrap_or_else(|| Arc::new(Mutex::new(Scene::new(Settings::default()))));
                new.insert(key, Followed { geometry: Arc::clone(&geometry), scene });
            }
        }
        self.followed.store(Arc::new(new));
    }

    /// Writes into the objects of a frame, the best first, what is known of them over time.
    pub fn observe(&self, model: &ModelId, frame: &Frame, objects: &mut [Object]) {
        let followed = self.followed.load();
        let Some(Followed { geometry, scene }) = followed.get(&(frame.camera.clone(), model.clone())) else { return };
        let size = (frame.picture.width, frame.picture.height);
        let next_id = || self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let seen = scene.lock().observe(geometry, frame.capture.at, size, objects, next_id);
        let count = |name: &'static str, by: u64| {
            if by > 0 {
                metrics::counter!(name, "camera" => frame.camera.to_string(), "model" => model.to_string())
                    .increment(by);
            }
        };
        match seen {
            Ok(SceneUpdate { begun, ended, crossings, overflow }) => {
                count("parapet_tracks_begun_total", begun);
                count("parapet_tracks_ended_total", ended.len() as u64);
                count("parapet_track_overflow_total", overflow);
                for ((line, side), by) in crossings {
                    let (camera, model) = (frame.camera.to_string(), model.to_string());
                    metrics::counter!("parapet_line_crossings_total", "camera" => camera, "model" => model, "line" => line, "to" => side.as_str())
                        .increment(by);
                }
            }
            Err(_late) => count("parapet_track_late_total", 1),
        }
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
        let frame = Frame { camera, index: 0, pts: 0.0, capture, decoded_at: Default::default(), picture };
        let bbox = [10.0, 10.0, 30.0, 70.0].into();
        let mut objects = [Object { label: "person".to_owned(), class: 0, score: 0.9, bbox, track: None }];
        tracks.observe(&ModelId::new(model).unwrap(), &frame, &mut objects);
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
