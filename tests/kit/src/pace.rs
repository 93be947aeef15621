//! How fast cameras are looked at, counted in frames: what "the others are not disturbed" is measured by.

use std::time::{Duration, Instant};

use crate::site::RunningSite;

/// How many frames of a camera models have looked at, over all models.
pub fn looked_at(site: &RunningSite, camera: &str) -> u64 {
    let models = site.get("/api/v1/models");
    let feeds = models.as_array().into_iter().flatten().filter_map(|model| model["cameras"].as_array()).flatten();
    feeds.filter(|feed| feed["camera"] == camera).filter_map(|feed| feed["taken"].as_u64()).sum()
}

/// What the site tells of a camera.
pub fn camera(site: &RunningSite, id: &str) -> serde_json::Value {
    site.get(&format!("/api/v1/cameras/{id}"))
}

/// The journal's records of an actor whose kind is `kind`: `count` of them in all.
pub fn journalled(site: &RunningSite, actor: &str, kind: &str) -> u64 {
    let records = site.get("/api/v1/errors?limit=500");
    let records = records["items"].as_array().into_iter().flatten();
    records.filter(|r| r["actor"] == actor && r["kind"] == kind).filter_map(|r| r["count"].as_u64()).sum()
}

/// Frames of a camera over a time that is still going on.
#[derive(Debug, Clone)]
pub struct Count {
    camera: String,
    frames: u64,
    since: Instant,
}

impl Count {
    /// Begins with the next frame, so that both ends of the time lie at a frame.
    ///
    /// # Panics
    /// When no frame comes.
    pub fn begin(site: &RunningSite, camera: &str) -> Self {
        let before = looked_at(site, camera);
        let (frames, since) = Self::first_after(site, camera, before, Duration::from_secs(20));
        Self { camera: camera.to_owned(), frames, since }
    }

    /// Frames a second from the beginning until now.
    ///
    /// # Panics
    /// When no frame comes any more.
    pub fn rate(&self, site: &RunningSite) -> f64 {
        let now = looked_at(site, &self.camera);
        self.until(site, now)
    }

    /// Waits until so many frames were looked at, and says how many a second that were.
    ///
    /// # Panics
    /// When it takes longer than `limit`.
    pub fn rate_over(&self, site: &RunningSite, frames: u64, limit: Duration) -> f64 {
        let (last, at) = Self::first_after(site, &self.camera, self.frames + frames - 1, limit);
        (last - self.frames) as f64 / (at - self.since).as_secs_f64()
    }

    fn until(&self, site: &RunningSite, frames: u64) -> f64 {
        let (last, at) = Self::first_after(site, &self.camera, frames, Duration::from_secs(20));
        (last - self.frames) as f64 / (at - self.since).as_secs_f64()
    }

    fn first_after(site: &RunningSite, camera: &str, before: u64, limit: Duration) -> (u64, Instant) {
        let give_up = Instant::now() + limit;
        loop {
            let frames = looked_at(site, camera);
            if frames > before {
                return (frames, Instant::now());
            }
            assert!(Instant::now() < give_up, "{camera}: {frames} frames, {before} a while ago\n{}", site.log());
            std::thread::sleep(Duration::from_millis(4));
        }
    }
}

/// Rates without and with a fault, taken in turn.
#[derive(Debug, Clone, Default)]
pub struct Pairs {
    /// Without the fault, frames a second.
    pub plain: Vec<f64>,
    /// With it.
    pub faulty: Vec<f64>,
}

impl Pairs {
    /// How much the mean rate with the fault differs from that without: −0.05 is 5 % less.
    pub fn change(&self) -> f64 {
        let mean = |rates: &[f64]| rates.iter().sum::<f64>() / rates.len().max(1) as f64;
        mean(&self.faulty) / mean(&self.plain) - 1.0
    }

    /// Checks that the fault changed the rate by this share at most.
    ///
    /// # Panics
    /// When it changed it by more, or nothing was measured.
    pub fn assert_within(&self, share: f64, log: &str) {
        let change = self.change();
        assert!(change.abs() <= share, "{:+.1} % frames; {self:.2?}\n{log}", change * 100.0);
    }
}
