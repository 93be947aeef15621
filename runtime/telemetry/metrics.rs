//! Metrics for Prometheus. Names follow `parapet_<noun>_<unit>[_total]`; what actors count on boards is read when it is asked for.

use metrics::{counter, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use parapet_actors::{
    site::Site,
    uploader::{PumpState, backlogs},
};
use parapet_contracts::{ports::media::Attention, status::PictureFault};
use parapet_store_rocksdb::RocksStore;

/// Upper bounds in seconds that tell a frame's steps apart, from a tenth of a millisecond to ten seconds.
const SECONDS: [f64; 15] =
    [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The process's recorder.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder of the process.
    ///
    /// # Errors
    /// When one was installed before.
    pub fn install() -> anyhow::Result<Self> {
        Ok(Self(PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?))
    }

    /// All metrics in Prometheus' text format, the boards of `site` and the figures of `store` included.
    pub fn render(&self, site: &Site, store: &RocksStore) -> String {
        describe_site(site);
        describe_store(store);
        self.0.run_upkeep();
        self.0.render()
    }
}

/// What RocksDB tells of itself: what waits, what is being merged, and how long it has held writers up.
fn describe_store(store: &RocksStore) {
    match store.gauges() {
        Ok(gauges) => gauges.into_iter().for_each(|(name, value)| gauge!(name).set(value as f64)),
        Err(error) => tracing::debug!(%error, "the store does not tell its figures"),
    }
    for (name, value) in store.counters() {
        counter!(name).absolute(value);
    }
}

/// Puts what the actors' boards say into the recorder.
pub fn describe_site(site: &Site) {
    for (id, board) in site.cameras() {
        let (status, camera) = (board.status(), id.to_string());
        counter!("parapet_camera_frames_total", "camera" => camera.clone()).absolute(status.frames_in);
        counter!("parapet_camera_frames_wanted_total", "camera" => camera.clone()).absolute(status.frames_wanted);
        counter!("parapet_camera_bytes_total", "camera" => camera.clone()).absolute(status.bytes_in);
        counter!("parapet_camera_packets_lost_total", "camera" => camera.clone()).absolute(status.packets_lost);
        for (reason, count) in status.dropped {
            counter!("parapet_camera_dropped_total", "camera" => camera.clone(), "reason" => reason.as_str())
                .absolute(count);
        }
        gauge!("parapet_camera_decode_seconds", "camera" => camera.clone()).set(status.decode_ms / 1e3);
        gauge!("parapet_camera_up_info", "camera" => camera.clone())
            .set(f64::from(u8::from(status.state == parapet_actors::camera::CameraState::Live)));
        for fault in PictureFault::ALL {
            gauge!("parapet_camera_picture_fault_info", "camera" => camera.clone(), "fault" => fault.as_str())
                .set(f64::from(u8::from(status.picture == Some(fault))));
        }
        gauge!("parapet_camera_idle_info", "camera" => camera.clone())
            .set(f64::from(u8::from(status.attention == Attention::Keyframes)));
        if let Some(motion) = status.motion {
            gauge!("parapet_camera_motion_ratio", "camera" => camera.clone()).set(f64::from(motion.share));
        }
        if let Some(age) = status.last_frame_age_s {
            gauge!("parapet_camera_frame_age_seconds", "camera" => camera).set(age);
        }
    }
    for (id, board) in site.mains() {
        let (status, camera) = (board.status(), id.to_string());
        counter!("parapet_camera_main_frames_total", "camera" => camera.clone()).absolute(status.frames_in);
        counter!("parapet_camera_main_bytes_total", "camera" => camera.clone()).absolute(status.bytes_in);
        for (reason, count) in status.dropped {
            counter!("parapet_camera_main_dropped_total", "camera" => camera.clone(), "reason" => reason.as_str())
                .absolute(count);
        }
    }
    for (id, feed) in site.rules() {
        let (status, rule) = (feed.status(), id.to_string());
        let state = status.state;
        gauge!("parapet_rule_state_rows", "rule" => rule.clone()).set(state.rows as f64);
        gauge!("parapet_rule_state_bytes", "rule" => rule.clone()).set(state.bytes as f64);
        gauge!("parapet_rule_waiting_events", "rule" => rule.clone()).set(state.waiting as f64);
        gauge!("parapet_rule_firing_alerts", "rule" => rule.clone()).set(state.firing as f64);
        if let Some(lag) = state.watermark_lag_ms {
            gauge!("parapet_rule_watermark_lag_seconds", "rule" => rule.clone()).set(lag as f64 / 1e3);
        }
        for (reason, count) in state.dropped {
            counter!("parapet_rule_state_dropped_total", "rule" => rule.clone(), "reason" => reason).absolute(count);
        }
    }
    describe_outboxes(site);
    for (id, board) in site.models() {
        let (status, model) = (board.status(), id.to_string());
        counter!("parapet_model_inferences_total", "model" => model.clone()).absolute(status.inferences);
        counter!("parapet_model_objects_total", "model" => model.clone()).absolute(status.objects);
        gauge!("parapet_model_waiting_frames", "model" => model.clone()).set(status.waiting as f64);
        if let Some(follows) = status.follows {
            counter!("parapet_crops_asked_total", "model" => model.clone()).absolute(follows.asked);
            counter!("parapet_crops_answered_total", "model" => model.clone()).absolute(follows.answered);
            counter!("parapet_crops_late_total", "model" => model.clone()).absolute(follows.late);
            counter!("parapet_crops_remembered_total", "model" => model.clone()).absolute(follows.remembered);
            gauge!("parapet_crops_waiting", "model" => model.clone()).set(follows.waiting as f64);
            for (reason, count) in follows.dropped {
                counter!("parapet_crops_dropped_total", "model" => model.clone(), "reason" => reason).absolute(count);
            }
        }
        if let Some(overload) = status.overload {
            gauge!("parapet_model_overload_steps", "model" => model.clone()).set(overload.step as f64);
            gauge!("parapet_model_load_ratio", "model" => model.clone()).set(overload.load);
            counter!("parapet_model_overload_changes_total", "model" => model.clone()).absolute(overload.changes);
        }
        for feed in status.cameras {
            let camera = feed.stands_in_for.map_or(feed.camera.clone(), |asked| format!("{}@{asked}", feed.camera));
            let labels = [("model", model.clone()), ("camera", camera)];
            counter!("parapet_model_offered_total", &labels).absolute(feed.offered);
            counter!("parapet_model_taken_total", &labels).absolute(feed.taken);
            counter!("parapet_model_late_total", &labels).absolute(feed.late);
            counter!("parapet_model_failed_total", &labels).absolute(feed.failed);
            counter!("parapet_model_passed_on_total", &labels).absolute(feed.passed_on);
            for (reason, count) in feed.dropped {
                let [m, c] = labels.clone();
                counter!("parapet_model_dropped_total", &[m, c, ("reason", reason.to_owned())]).absolute(count);
            }
        }
    }
}

/// What waits in the outboxes, and how the pumps fare. Figures that the store can't tell now are left as they were.
fn describe_outboxes(site: &Site) {
    let links = site.links();
    if let Ok(backlogs) = backlogs(links.store.port().as_ref(), links.ports.clock.now()) {
        for (queue, backlog) in backlogs {
            gauge!("parapet_outbox_waiting_events", "queue" => queue.clone()).set(backlog.waiting as f64);
            gauge!("parapet_outbox_oldest_seconds", "queue" => queue).set(backlog.oldest_s.unwrap_or_default());
        }
    }
    let uploaders = site.uploaders();
    for board in uploaders.values().chain([&links.bus_board]) {
        let state = board.status().state.as_str();
        for word in PumpState::WORDS {
            gauge!("parapet_outbox_state_info", "queue" => board.queue().to_owned(), "state" => word)
                .set(f64::from(u8::from(word == state)));
        }
    }
}
