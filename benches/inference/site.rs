//! A whole site in this process, store and bus with its broker included, whose cameras are played by the benchmark.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parapet::{
    assemble::{Assembly, assemble},
    probe::OnnxProbe,
};
use parapet_actors::{
    journal::Journal,
    model::{Engine, EngineError, EngineFactory, Seen, View},
    ports::Ports,
    site::Site,
    store::{AlertObserver, Timeline},
    topology,
};
use parapet_config::{Model, Secrets, SiteConfig, SlotConfig, load};
use parapet_contracts::{
    Alert, CaptureTime, Clock, Picture, SystemClock, TimeSource,
    camera::{Location, SourceSpec},
    ports::media::{Attention, MediaError, MediaFrame, MediaPort, MediaSink, MediaStats, MediaStream},
};
use parapet_testkit::site::SiteFolder;
use parking_lot::Mutex;

/// A site that runs.
pub struct BenchSite {
    pub site: Arc<Site>,
    runtime: tokio::runtime::Runtime,
    _assembly: Assembly,
}

impl BenchSite {
    /// Starts the site of a folder; `adapt` may put other ports in the place of the real ones.
    pub fn start(folder: &SiteFolder, adapt: impl FnOnce(&mut Ports)) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let config = read(folder);
        let (site, assembly) = runtime.block_on(async {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
            let journal = Journal::new(Arc::clone(&clock));
            let assembly = assemble(&config, Arc::new(Nobody), clock, &journal).unwrap();
            let mut ports = assembly.ports.clone();
            adapt(&mut ports);
            let site = topology::start(config, ports, journal, |_| Vec::new()).await.unwrap();
            assert!(site.settled(Duration::from_secs(60)).await.is_empty());
            (site, assembly)
        });
        Self { site, runtime, _assembly: assembly }
    }

    /// Takes over what the folder says now.
    pub fn reload(&self, folder: &SiteFolder) {
        self.runtime.block_on(async {
            self.site.apply(read(folder)).await;
            assert!(self.site.settled(Duration::from_secs(60)).await.is_empty());
        });
    }

    /// Frames that all models looked at.
    pub fn looks(&self) -> f64 {
        self.site.models().values().map(|board| board.status().inferences as f64).sum()
    }
}

impl Drop for BenchSite {
    fn drop(&mut self) {
        self.runtime.block_on(self.site.shutdown(Duration::from_secs(10)));
    }
}

fn read(folder: &SiteFolder) -> SiteConfig {
    load(folder.path(), &OnnxProbe, &Secrets::standard()).expect("the site is a good one").config
}

struct Nobody;

impl AlertObserver for Nobody {
    fn durable(&self, _: &Alert, _: &Timeline) {}
}

/// Cameras that the benchmark plays: the source of camera `n` is [`Cameras::source`].
#[derive(Clone, Default)]
pub struct Cameras(Arc<Mutex<HashMap<String, Arc<dyn MediaSink>>>>);

impl Cameras {
    /// What stands in a camera's file as its source.
    pub fn source(n: usize) -> String {
        format!("rtsp://127.0.0.1/{n}")
    }

    /// The sinks of cameras 0 to `count`, once all are open.
    pub fn sinks(&self, count: usize) -> Vec<Arc<dyn MediaSink>> {
        let given_up = Instant::now() + Duration::from_secs(60);
        while self.0.lock().len() < count {
            assert!(Instant::now() < given_up, "not all cameras were opened");
            std::thread::sleep(Duration::from_millis(5));
        }
        let sinks = self.0.lock();
        (0..count).map(|n| Arc::clone(&sinks[&Self::source(n)])).collect()
    }
}

impl MediaPort for Cameras {
    fn open(&self, source: &SourceSpec, sink: Arc<dyn MediaSink>) -> Result<Box<dyn MediaStream>, MediaError> {
        let Location::Rtsp { url } = &source.location else { panic!("a camera of the benchmark") };
        self.0.lock().insert(url.clone(), sink);
        Ok(Box::new(Open))
    }
}

struct Open;

impl MediaStream for Open {
    fn stats(&self) -> MediaStats {
        MediaStats::default()
    }

    fn set_attention(&self, _: Attention) {}
}

/// A frame for a sink.
pub fn frame(index: u64, picture: &Picture) -> MediaFrame {
    let capture = CaptureTime { at: SystemClock::new().now(), source: TimeSource::Pts };
    MediaFrame { index, pts: 0.0, capture, picture: picture.clone() }
}

/// Where a picture's pixels lie: by this a look knows what it looks at.
pub fn place_of(picture: &Picture) -> usize {
    picture.plane(0).0.as_ptr() as usize
}

/// One look at one picture.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// [`place_of`] the picture.
    pub place: usize,
    pub from: Instant,
    pub to: Instant,
}

/// Notes each look of the engines that it builds; or sleeps in their place.
#[derive(Clone)]
pub struct Watched {
    pub looks: Arc<Mutex<Vec<Look>>>,
    inner: Option<Arc<dyn EngineFactory>>,
    sleep: Duration,
}

impl Watched {
    /// Over real engines.
    pub fn over(inner: Arc<dyn EngineFactory>) -> Self {
        Self { looks: Arc::default(), inner: Some(inner), sleep: Duration::ZERO }
    }

    /// Engines that sleep and see nothing.
    pub fn sleepers(sleep: Duration) -> Self {
        Self { looks: Arc::default(), inner: None, sleep }
    }
}

impl EngineFactory for Watched {
    fn build(&self, model: &Model, slot: &SlotConfig) -> Result<Box<dyn Engine>, EngineError> {
        let inner = self.inner.as_ref().map(|inner| inner.build(model, slot)).transpose()?;
        Ok(Box::new(WatchedEngine { inner, watched: self.clone() }))
    }
}

struct WatchedEngine {
    inner: Option<Box<dyn Engine>>,
    watched: Watched,
}

impl Engine for WatchedEngine {
    fn look(&mut self, views: &[View<'_>]) -> Vec<Result<Seen, EngineError>> {
        let from = Instant::now();
        let seen = match &mut self.inner {
            Some(inner) => inner.look(views),
            None => {
                std::thread::sleep(self.watched.sleep);
                views.iter().map(|_| Ok(Seen::default())).collect()
            }
        };
        let to = Instant::now();
        let mut looks = self.watched.looks.lock();
        looks.extend(views.iter().map(|view| Look { place: place_of(view.picture), from, to }));
        seen
    }

    fn description(&self) -> String {
        "watched".to_owned()
    }
}
