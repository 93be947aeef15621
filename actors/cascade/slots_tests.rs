//! Cascades with real slots: who waits for whom.
#![allow(clippy::unwrap_used)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parapet_config::{Model, SlotConfig};
use parapet_contracts::{Clock, Object, SiteId, SystemClock};
use parapet_supervision::SupervisorSpec;
use parapet_testkit::{
    MemoryStore,
    wait::{PATIENCE, until_async},
};

use super::{
    FollowStatus,
    tests::{frame, site},
};
use crate::{
    bus::BusFeed,
    children,
    fanout::Fanout,
    journal::Journal,
    model::{Engine, EngineError, EngineFactory, ModelBoard, ModelPool, Seen, SeenKind, SlotParts, Terms, View, Work},
    outboxes::Outboxes,
    store::StoreHandle,
};

/// What the engines of a test share.
#[derive(Clone, Default)]
struct Engines {
    /// Looks at crops wait until it is set.
    released: Arc<AtomicBool>,
    /// The most crops that were looked at together.
    largest: Arc<AtomicUsize>,
}

impl EngineFactory for Engines {
    fn build(&self, model: &Model, _: &SlotConfig) -> Result<Box<dyn Engine>, EngineError> {
        Ok(match model.id.as_str() {
            "people" => Box::new(Persons),
            _ => Box::new(Slow(self.clone())),
        })
    }
}

/// Sees four persons in each frame.
struct Persons;

impl Engine for Persons {
    fn look(&mut self, views: &[View<'_>]) -> Vec<Result<Seen, EngineError>> {
        let person = |i: u16| {
            Object::new("person", 0, 0.9, [f32::from(i) * 100.0, 50.0, f32::from(i) * 100.0 + 50.0, 200.0].into())
        };
        let seen = || Seen { objects: (0..4).map(person).collect(), ..Seen::default() };
        views.iter().map(|_| Ok(seen())).collect()
    }

    fn description(&self) -> String {
        "persons".to_owned()
    }
}

/// Says something of each crop, when it is let.
struct Slow(Engines);

impl Engine for Slow {
    fn look(&mut self, views: &[View<'_>]) -> Vec<Result<Seen, EngineError>> {
        if views.iter().any(|view| view.region.is_some()) {
            while !self.0.released.load(Ordering::SeqCst) {
                std::thread::park_timeout(Duration::from_millis(1));
            }
            self.0.largest.fetch_max(views.len(), Ordering::SeqCst);
        }
        let says = |view: &View<'_>| {
            let (width, height) = view.region.map_or((1, 1), |region| (region.width, region.height));
            Object::new("bare", 1, 0.8, [0.0, 0.0, width as f32, height as f32].into())
        };
        views
            .iter()
            .map(|view| Ok(Seen { kind: SeenKind::Class, objects: vec![says(view)], ..Seen::default() }))
            .collect()
    }

    fn max_batch(&self) -> usize {
        8
    }

    fn description(&self) -> String {
        "slow".to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_follows_holds_up_nobody_however_slow_it_is() {
    let config = site(&[("people", "track: false\n"), ("helmet", "after: people\nhung_after: 5m\n")]);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let journal = Journal::new(Arc::clone(&clock));
    let name = SiteId::new("s").unwrap();
    let (store, _queue) = StoreHandle::new(Arc::new(MemoryStore::new()));
    let bus = BusFeed::new(name.clone(), Arc::clone(&clock));
    let fanout = Fanout::new(name, bus, store, Arc::new(Outboxes::default()), journal.clone());
    fanout.cascades().configure(&config);
    let engines = Engines::default();
    let (pool, mut boards) = (ModelPool::new("people".parse().unwrap(), Arc::clone(&clock)), Vec::new());
    let mut root = SupervisorSpec::new("site");
    for model in config.models.values() {
        let crops = fanout.cascades().pool(&model.id);
        let board = ModelBoard::new(ModelPool::new(model.id.clone(), Arc::clone(&clock)), Arc::clone(&clock));
        board.follows(fanout.cascades().board(&model.id));
        let parts = SlotParts {
            model: Arc::clone(model),
            work: crops.map_or(Work::Frames(Arc::clone(&pool)), Work::Crops),
            engines: Arc::new(engines.clone()),
            fanout: Arc::clone(&fanout),
            board: Arc::clone(&board),
            journal: journal.clone(),
            clock: Arc::clone(&clock),
            canary: None,
        };
        root = root.child(children::model(&parts, None, Vec::new()));
        boards.push(board);
    }
    let _root = root.start().await.unwrap();
    let [helmet, people] = boards.try_into().ok().unwrap();
    let follows = || -> FollowStatus { helmet.status().follows.unwrap() };

    let feeds = ["gate", "yard"].map(|camera| (camera, pool.join(&camera.parse().unwrap(), Terms::default())));
    let mut seconds = 0.0;
    until_async("frames are looked at while a crop is", PATIENCE, || {
        seconds += 0.1;
        feeds.iter().for_each(|(camera, feed)| feed.offer(frame(camera, seconds)));
        people.status().inferences >= 40
    })
    .await;
    let told = follows();
    assert_eq!((told.answered, told.waiting), (0, 2 * 2 * 4), "two frames of each camera: {told:?}");
    assert!(told.dropped["crowded"] > 0, "{told:?}");

    engines.released.store(true, Ordering::SeqCst);
    until_async("what waited is answered", PATIENCE, || follows().waiting == 0 && follows().answered > 0).await;
    let told = follows();
    assert_eq!(told.asked, told.answered + told.dropped.values().sum::<u64>(), "each has one fate: {told:?}");
    assert_eq!(told.dropped.keys().collect::<Vec<_>>(), [&"crowded"]);
    assert!(engines.largest.load(Ordering::SeqCst) <= 8);
}
