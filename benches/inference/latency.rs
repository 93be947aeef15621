//! What a frame's way costs in time beside the work: from the decoder's thread to the broker's client, minus the look, minus the wait for a slot that is busy.
//!
//! One slot with a real model; cameras of 5 frames a second, evenly out of step, as many as make the load. Each frame has a car in it, so that it becomes
//! an event. The wait for a busy slot is the part of a frame's wait in which the slot looked at another one; what is left are the hand-offs: offer, wake-up,
//! fan-out, and the bus actor.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use parapet_contracts::{
    Picture,
    ports::bus::{BusError, BusMessage, BusPort, BusSubscription},
};
use parapet_testkit::site::{SiteFolder, shared_data};
use parking_lot::Mutex;

use crate::{
    pictures,
    site::{BenchSite, Cameras, Look, Watched, frame, place_of},
    support::{Figures, Spread},
};

const SPAN: Duration = Duration::from_secs(20);
const FPS: f64 = 5.0;
/// More frames than are ever on their way at once.
const RING: usize = 48;

/// Measures.
pub fn run(figures: &mut Figures) {
    let picture = pictures::first_frame("videos/azure_perimeterdemo720.mp4");
    let ring: Vec<Picture> = (0..RING).map(|_| pictures::copy(&picture)).collect();
    let each = what_a_look_takes(&ring);
    for load in [0.5, 0.7, 1.2] {
        let cameras = (load / each / FPS).round().max(1.0) as usize;
        measure(figures, load, cameras, &ring, SPAN);
    }
}

fn what_a_look_takes(ring: &[Picture]) -> f64 {
    let looks = play(4, ring, Duration::from_secs(4)).looks;
    Spread::of(looks.iter().map(|look| (look.to - look.from).as_secs_f64()).collect()).median
}

struct Played {
    /// When each frame was offered, and in which picture of the ring.
    offers: Vec<(Instant, usize)>,
    looks: Vec<Look>,
    /// When each frame was published, by its index.
    published: HashMap<u64, Instant>,
}

fn play(cameras: usize, ring: &[Picture], span: Duration) -> Played {
    let folder = SiteFolder::new("bench");
    let model = shared_data("models/yolox_nano_416.onnx");
    folder.file("models/coco.yaml", &format!("file: \"{}\"\n", model.display()));
    for n in 0..cameras {
        folder.file(&format!("cameras/c{n}.yaml"), &format!("source: {}\nmodels: [coco]\n", Cameras::source(n)));
    }
    let (media, mut watched, mut bus) = (Cameras::default(), None, None);
    let site = BenchSite::start(&folder, |ports| {
        ports.media = Arc::new(media.clone());
        let over = Watched::over(Arc::clone(&ports.engines));
        ports.engines = Arc::new(over.clone());
        let noting = Arc::new(Noting { inner: Arc::clone(&ports.bus), published: Mutex::default() });
        ports.bus = Arc::clone(&noting) as _;
        (watched, bus) = (Some(over), Some(noting));
    });
    let (watched, bus) = (watched.unwrap(), bus.unwrap());
    let sinks = media.sinks(cameras);
    std::thread::sleep(Duration::from_millis(500));
    watched.looks.lock().clear();
    let step = Duration::from_secs_f64(1.0 / FPS / cameras as f64);
    let (began, mut offers) = (Instant::now(), Vec::new());
    while began.elapsed() < span {
        let n = offers.len();
        std::thread::sleep((step * n as u32).saturating_sub(began.elapsed()));
        offers.push((Instant::now(), n % ring.len()));
        sinks[n % cameras].frame(frame(n as u64, &ring[n % ring.len()]));
    }
    std::thread::sleep(Duration::from_millis(300));
    drop(site);
    let looks = std::mem::take(&mut *watched.looks.lock());
    let published = std::mem::take(&mut *bus.published.lock());
    Played { offers, looks, published }
}

fn measure(figures: &mut Figures, load: f64, cameras: usize, ring: &[Picture], span: Duration) {
    let Played { offers, looks, published } = play(cameras, ring, span);
    let places: HashMap<usize, usize> = ring.iter().enumerate().map(|(n, picture)| (place_of(picture), n)).collect();
    let (mut ways, mut waits) = (Vec::new(), Vec::new());
    for (n, look) in looks.iter().enumerate() {
        let Some(place) = places.get(&look.place) else { continue };
        // The last offer in this picture before the look.
        let before = offers.partition_point(|(at, _)| *at <= look.from);
        let Some(frame) = (0..before).rev().find(|frame| offers[*frame].1 == *place) else { continue };
        let Some(out) = published.get(&(frame as u64)) else { continue };
        let offered = offers[frame].0;
        let busy: Duration = looks[..n]
            .iter()
            .rev()
            .take_while(|earlier| earlier.to > offered)
            .map(|earlier| earlier.to - earlier.from.max(offered))
            .sum();
        let total = out.saturating_duration_since(offered);
        let own = total.saturating_sub(look.to - look.from).saturating_sub(busy);
        ways.push(own.as_secs_f64() * 1e3);
        waits.push(busy.as_secs_f64() * 1e3);
    }
    let share = looks.len() as f64 / offers.len() as f64;
    figures.one(&format!("load {:.0} %: looked at, of {} cameras' frames", load * 100.0, cameras), share, "", None);
    for (what, values) in [("hand-offs", &mut ways), ("wait for the busy slot", &mut waits)] {
        for (name, part) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            let hold = (what == "hand-offs" && name == "p99" && load == 0.7).then_some(5.0);
            figures.one(&format!("load {:.0} %: {what}, {name}", load * 100.0), quantile(values, part), "ms", hold);
        }
    }
}

fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() as f64 * part) as usize).min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// Notes when each frame's event comes to the bus.
struct Noting {
    inner: Arc<dyn BusPort>,
    published: Mutex<HashMap<u64, Instant>>,
}

#[async_trait]
impl BusPort for Noting {
    async fn publish_acknowledged(&self, message: BusMessage) -> Result<(), BusError> {
        self.inner.publish_acknowledged(message).await
    }

    fn publish_unacknowledged(&self, message: BusMessage) -> Result<(), BusError> {
        let now = Instant::now();
        let event: serde_json::Value = serde_json::from_slice(&message.payload).unwrap_or_default();
        if let Some(frame) = event["data"]["frame"].as_u64() {
            self.published.lock().entry(frame).or_insert(now);
        }
        self.inner.publish_unacknowledged(message)
    }

    async fn subscribe(&self, filter: &str) -> Result<Box<dyn BusSubscription>, BusError> {
        self.inner.subscribe(filter).await
    }

    async fn answer(
        &self,
        to: &parapet_contracts::ports::bus::ReplyTo,
        payload: bytes::Bytes,
        content_type: &'static str,
    ) -> Result<(), BusError> {
        self.inner.answer(to, payload, content_type).await
    }

    fn is_connected(&self) -> bool {
        self.inner.is_connected()
    }

    async fn connection_changed(&self, known: bool) -> bool {
        self.inner.connection_changed(known).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
