//! A running site: which actors the configuration asks for, what a change of it does, and what each of them tells.

mod boards;
mod canaries;
mod swap;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use parapet_config::{Camera, Model, SiteConfig, Stream, Uploader};
use parapet_contracts::{CameraId, ModelId, RuleId, StreamId, UploaderId, status::Health};
use parapet_supervision::{ChildSpec, Ended, NodeStatus, ShutdownReport, SupervisorHandle};
use parking_lot::RwLock;

pub(crate) use self::boards::Groups;
pub(crate) use self::canaries::sent_back_before;
use self::{boards::Boards, canaries::Canaries};
use crate::{
    bus::BusFeed,
    camera::{CameraBoard, CameraParts, LastFrames, Role},
    children,
    clip::Rings,
    evidence::Keeper,
    fanout::Fanout,
    journal::{Failure, Journal},
    model::{Loaded, ModelBoard, ModelPool, OverloadParts, SlotParts, Terms, Work},
    outboxes::{Outboxes, queue_of},
    ports::Ports,
    recording::Tapes,
    rule::{Judge, RuleFeed, SilenceBoard, TableBoard},
    store::{AlertDesk, StoreHandle},
    stream::{StreamActor, StreamBoard},
    uploader::{Backfill, Pump, PumpBoard, PumpSettings},
    worker::Body,
};

/// What connects the actors.
pub struct Links {
    /// The store.
    pub store: StoreHandle,
    /// Where rules submit alerts.
    pub desk: AlertDesk,
    /// Which outboxes take what.
    pub outboxes: Arc<Outboxes>,
    /// What the bus publishes.
    pub bus_feed: Arc<BusFeed>,
    /// How the alerts' way to the bus fares.
    pub bus_board: Arc<PumpBoard>,
    /// Where slots hand what they saw.
    pub fanout: Arc<Fanout>,
    /// What rules look up in.
    pub tables: Arc<TableBoard>,
    /// What holds alerts back.
    pub silences: Arc<SilenceBoard>,
    /// What cameras show now.
    pub last_frames: Arc<LastFrames>,
    /// What they showed in the last seconds, as it came.
    pub rings: Arc<Rings>,
    /// What they record.
    pub tapes: Arc<Tapes>,
    /// Holds and removes evidence.
    pub keeper: Arc<Keeper>,
    /// Failures.
    pub journal: Journal,
    /// The world outside.
    pub ports: Ports,
}

/// See the module.
pub struct Site {
    config: ArcSwap<SiteConfig>,
    links: Links,
    root: SupervisorHandle,
    uploaders: SupervisorHandle,
    rules: SupervisorHandle,
    streams: SupervisorHandle,
    models: SupervisorHandle,
    cameras: SupervisorHandle,
    boards: RwLock<Boards>,
    /// One changed model takes its place at a time.
    swapping: tokio::sync::Mutex<()>,
    canaries: Canaries,
}

impl Site {
    pub(crate) fn new(config: SiteConfig, links: Links, groups: Groups) -> Arc<Self> {
        let Groups { root, uploaders, rules, streams, models, cameras } = groups;
        let (config, boards, swapping) = (ArcSwap::from_pointee(config), RwLock::default(), Default::default());
        let canaries = Canaries::default();
        Arc::new(Self { config, links, root, uploaders, rules, streams, models, cameras, boards, swapping, canaries })
    }

    /// Adds an actor for each file of the configuration, before the tree starts.
    pub(crate) fn populate(self: &Arc<Self>) {
        let config = self.config.load_full();
        self.links.fanout.tracks().configure(&config);
        self.links.fanout.cascades().configure(&config);
        self.links.rings.configure(&config);
        self.links.tapes.configure(&config);
        self.links.tables.set(&config.tables);
        self.make_canaries(&config);
        let models = config.models.values().filter(|model| !self.is_sent_back(&model.id));
        let specs =
            (config.uploaders.values().filter_map(|uploader| self.uploader(uploader)).map(|s| (&self.uploaders, s)))
                .chain(self.replace_rules(&config).into_iter().map(|s| (&self.rules, s)))
                .chain(config.streams.values().map(|stream| (&self.streams, self.stream(stream))))
                .chain(models.map(|model| (&self.models, self.model(&self.first(model), Vec::new()))))
                .collect::<Vec<_>>();
        for (group, spec) in specs {
            self.add(group, spec);
        }
        self.compare_shadows(&config);
        for spec in config.cameras.values().flat_map(|camera| self.camera(camera)) {
            self.add(&self.cameras, spec);
        }
        self.place_canaries(&config);
        self.keep_models(&config);
    }

    /// Shows the shadows of `config` what their models see.
    fn compare_shadows(&self, config: &SiteConfig) {
        let boards = self.boards.read();
        let wanted = config.models.values().filter_map(|model| {
            let of = config.models.get(&model.shadow.as_ref()?.of)?;
            Some((Arc::clone(model), Arc::clone(of), Arc::clone(&boards.models.get(&model.id)?.0)))
        });
        let shadows = self.links.fanout.shadows().replace(wanted.collect());
        for (id, (_, board)) in &boards.models {
            board.shadow(shadows.iter().find(|shadow| shadow.id() == id).cloned());
        }
    }

    fn add(&self, group: &SupervisorHandle, spec: ChildSpec) {
        if let Err(error) = group.add(spec) {
            self.links.journal.report(Failure::new(group.id(), "reload", error.to_string()));
        }
    }

    /// The actors of a camera: one, or another for the main stream of one whose substream is watched.
    fn camera(&self, config: &Arc<Camera>) -> Vec<ChildSpec> {
        let mut boards = self.boards.write();
        let clock = &self.links.ports.clock;
        let board = || CameraBoard::new(config.id.clone(), Arc::clone(clock));
        let watched = Arc::clone(boards.cameras.entry(config.id.clone()).or_insert_with(board));
        let main = config
            .substream
            .as_ref()
            .map(|_| boards.mains.entry(config.id.clone()).or_insert_with(|| (board(), Arc::default())).clone());
        if main.is_none() {
            boards.mains.remove(&config.id);
        }
        // A model that the camera no longer lists must not wait for its frames.
        for (pool, _) in boards.models.iter().filter(|(id, _)| !config.models.contains(id)).map(|(_, parts)| parts) {
            pool.leave(&config.id);
        }
        let site = self.config.load();
        let feeds = config.models.iter().filter_map(|id| {
            let (model, (pool, _)) = (site.models.get(id)?, boards.models.get(id)?);
            Some(pool.join(&config.id, Terms::of(config, model)))
        });
        let parts = CameraParts {
            config: Arc::clone(config),
            role: Role::Watched { main: main.as_ref().map(|(_, view)| Arc::clone(view)) },
            media: Arc::clone(&self.links.ports.media),
            feeds: feeds.collect(),
            board: watched,
            last: self.links.last_frames.place(&config.id),
            ring: None,
            tape: Some(self.links.tapes.of(&config.id)),
            journal: self.links.journal.clone(),
            bus: Arc::clone(&self.links.bus_feed),
            downstream: Arc::clone(&self.links.fanout) as _,
            clock: Arc::clone(clock),
        };
        // Clips are of the better stream.
        let ring = Some(self.links.rings.of(&config.id));
        let parts = CameraParts { ring: ring.clone().filter(|_| main.is_none()), ..parts };
        let main = main.map(|(board, view)| {
            children::camera(CameraParts { role: Role::Main(view), feeds: Vec::new(), board, ring, ..parts.clone() })
        });
        std::iter::once(children::camera(parts)).chain(main).collect()
    }

    /// The pool of a model, and what it tells; made when they are not there yet.
    fn place(&self, id: &ModelId) -> (Arc<ModelPool>, Arc<ModelBoard>) {
        let clock = &self.links.ports.clock;
        let mut boards = self.boards.write();
        let place = boards.models.entry(id.clone()).or_insert_with(|| {
            let pool = ModelPool::new(id.clone(), Arc::clone(clock));
            let board = ModelBoard::new(Arc::clone(&pool), Arc::clone(clock));
            (pool, board)
        });
        place.clone()
    }

    /// A model whose slots begin with what was loaded for them already.
    fn model(&self, config: &Arc<Model>, loaded: Vec<Loaded>) -> ChildSpec {
        let clock = &self.links.ports.clock;
        let (pool, board) = self.place(&config.id);
        let policy = config.overload.as_ref();
        let lighter = policy.and_then(|policy| policy.lighter()).map(|id| self.place(id).0);
        // A camera that is there already keeps its place on the new terms.
        let cameras = &self.config.load().cameras;
        for camera in pool.reports().iter().filter_map(|report| cameras.get(&report.camera)) {
            if camera.models.contains(&config.id) {
                pool.join(&camera.id, Terms::of(camera, config));
            }
        }
        let overload = policy.map(|policy| OverloadParts {
            policy: Arc::clone(policy),
            pool: Arc::clone(&pool),
            lighter,
            board: Arc::clone(&board),
            journal: self.links.journal.clone(),
            bus: Arc::clone(&self.links.bus_feed),
            clock: Arc::clone(clock),
        });
        if overload.is_none() && board.no_policy() {
            self.links.bus_feed.model(&config.id, Health::Online, None);
        }
        board.follows(self.links.fanout.cascades().board(&config.id));
        let slots = SlotParts {
            model: Arc::clone(config),
            work: self.links.fanout.cascades().pool(&config.id).map_or(Work::Frames(pool), Work::Crops),
            engines: Arc::clone(&self.links.ports.engines),
            fanout: Arc::clone(&self.links.fanout),
            board,
            journal: self.links.journal.clone(),
            clock: Arc::clone(clock),
            canary: self.canary(&config.id),
        };
        children::model(&slots, overload, loaded)
    }

    /// Gives the fan-out the rules of `config`; a rule that did not change keeps its inbox. Returns the specs of the new ones.
    fn replace_rules(&self, config: &SiteConfig) -> Vec<ChildSpec> {
        let old = self.links.fanout.rules();
        let mut new = Vec::new();
        let feeds = config.rules.values().filter_map(|rule| {
            if let Some(feed) = old.iter().find(|feed| feed.rule() == rule) {
                return Some(Arc::clone(feed));
            }
            match RuleFeed::new(Arc::clone(rule)) {
                Ok(feed) => {
                    new.push(self.rule(&feed));
                    Some(feed)
                }
                Err(error) => {
                    let actor = format!("rules/{}", rule.id);
                    self.links.journal.report(Failure::new(actor, "statement", error.to_string()));
                    None
                }
            }
        });
        let feeds = feeds.collect();
        self.links.fanout.set_rules(feeds);
        new
    }

    fn rule(&self, feed: &Arc<RuleFeed>) -> ChildSpec {
        let judge = Judge {
            feed: Arc::clone(feed),
            desk: self.links.desk.clone(),
            store: self.links.store.clone(),
            tables: Arc::clone(&self.links.tables),
            silences: Arc::clone(&self.links.silences),
            last_frames: Arc::clone(&self.links.last_frames),
            journal: self.links.journal.clone(),
            clock: Arc::clone(&self.links.ports.clock),
        };
        children::edge_worker(feed.rule().id.as_str(), "rule", move |heartbeat| {
            let judge = judge.clone();
            Body::task(move |stop| judge.run(heartbeat, stop))
        })
    }

    fn stream(&self, stream: &Arc<Stream>) -> ChildSpec {
        let (site, clock) = (self.config.load().site.id.clone(), Arc::clone(&self.links.ports.clock));
        let board = StreamBoard::new(Arc::clone(stream), site, clock, self.links.journal.clone());
        self.boards.write().streams.insert(stream.id.clone(), Arc::clone(&board));
        let actor = StreamActor {
            board,
            rules: Arc::clone(&self.links.fanout),
            store: self.links.store.clone(),
            bus: Arc::clone(&self.links.ports.bus),
            lines: Arc::clone(&self.links.ports.lines),
        };
        children::edge_worker(stream.id.as_str(), "stream", move |heartbeat| {
            let actor = actor.clone();
            heartbeat.idle(); // It waits for others; what it does itself is short.
            Body::task(move |stop| actor.run(stop))
        })
    }

    /// `None` when it is disabled; its queue keeps what it has. The sink is made when the actor starts, and anew at each restart.
    fn uploader(&self, config: &Arc<Uploader>) -> Option<ChildSpec> {
        let queue = queue_of(&config.id);
        let mut boards = self.boards.write();
        let board = Arc::clone(boards.uploaders.entry(config.id.clone()).or_insert_with(|| PumpBoard::new(&queue)));
        if !config.enabled {
            return None;
        }
        let (sinks, clock) = (Arc::clone(&self.links.ports.sinks), Arc::clone(&self.links.ports.clock));
        let (store, journal) = (self.links.store.clone(), self.links.journal.clone());
        let config = Arc::clone(config);
        let backfill = Backfill {
            uploader: Arc::clone(&config),
            site: self.config.load().site.id.clone(),
            outboxes: Arc::clone(&self.links.outboxes),
            store: store.clone(),
        };
        Some(children::edge_worker(config.id.clone().as_str(), "uploader", move |heartbeat| {
            heartbeat.idle(); // It waits for the other side, which its sink bounds.
            let sink = sinks.build(&config);
            let (board, store, journal, clock) =
                (Arc::clone(&board), store.clone(), journal.clone(), Arc::clone(&clock));
            let (actor, settings) = (format!("uploaders/{}", config.id), PumpSettings::of(&config));
            let backfill = backfill.clone();
            Body::task(move |stop| async move {
                tokio::select! {
                    () = stop.wait() => return Ok(()),
                    done = backfill.run() => done?,
                }
                let pump = Pump { actor, store, sink: sink?, board, journal, clock, settings };
                pump.run(stop).await
            })
        }))
    }

    /// Takes a new configuration: starts, restarts and stops exactly the actors whose files changed. A model that changed takes its place
    /// later, once it is loaded and found good.
    pub async fn apply(self: &Arc<Self>, new: SiteConfig) {
        let old = self.config.swap(Arc::new(new));
        let new = self.config.load_full();
        self.links.outboxes.replace(&new.uploaders);
        self.links.fanout.tracks().configure(&new);
        self.links.fanout.cascades().configure(&new);
        self.links.rings.configure(&new);
        self.links.tapes.configure(&new);
        self.links.tables.set(&new.tables);
        self.make_canaries(&new);

        // Against the direction of the data: who is fed goes after who feeds.
        for id in old.cameras.keys().filter(|id| !new.cameras.contains_key(*id)) {
            self.remove(&self.cameras, id.as_str()).await;
            self.remove(&self.cameras, &main_of(id)).await;
            self.forget_camera(id);
        }
        for id in old.models.keys().filter(|id| !new.models.contains_key(*id)) {
            self.remove(&self.models, id.as_str()).await;
            self.boards.write().models.remove(id);
        }
        for id in old.streams.keys().filter(|id| !new.streams.contains_key(*id)) {
            self.remove(&self.streams, id.as_str()).await;
            self.boards.write().streams.remove(id);
        }
        for id in old.rules.keys().filter(|id| !new.rules.contains_key(*id)) {
            self.remove(&self.rules, id.as_str()).await;
        }
        for id in old.uploaders.keys().filter(|id| !new.uploaders.contains_key(*id)) {
            self.remove(&self.uploaders, id.as_str()).await;
            self.boards.write().uploaders.remove(id);
        }

        for (id, uploader) in changed(&old.uploaders, &new.uploaders) {
            match self.uploader(uploader) {
                Some(spec) => self.put(&self.uploaders, spec).await,
                None => self.remove(&self.uploaders, id.as_str()).await,
            }
        }
        for spec in self.replace_rules(&new) {
            self.put(&self.rules, spec).await;
        }
        for (_, stream) in changed(&old.streams, &new.streams) {
            self.put(&self.streams, self.stream(stream)).await;
        }
        for (id, model) in changed(&old.models, &new.models).filter(|(id, _)| !self.is_sent_back(id)) {
            if old.models.contains_key(id) {
                self.swap(model);
            } else {
                self.put(&self.models, self.model(model, Vec::new())).await;
            }
        }
        self.compare_shadows(&new);
        for (id, camera) in changed(&old.cameras, &new.cameras) {
            if camera.substream.is_none() {
                self.remove(&self.cameras, &main_of(id)).await;
            }
            for spec in self.camera(camera) {
                self.put(&self.cameras, spec).await;
            }
        }
        self.place_canaries(&new);
        self.keep_models(&new);
    }

    fn forget_camera(&self, id: &CameraId) {
        let mut boards = self.boards.write();
        boards.cameras.remove(id);
        boards.mains.remove(id);
        self.links.last_frames.forget(id);
        for (pool, _) in boards.models.values() {
            pool.leave(id);
        }
    }

    async fn put(&self, group: &SupervisorHandle, spec: ChildSpec) {
        if !group.contains(spec.id()) {
            self.add(group, spec);
        } else if let Err(error) = group.restart(spec).await {
            self.links.journal.report(Failure::new(group.id(), "reload", error.to_string()));
        }
    }

    async fn remove(&self, group: &SupervisorHandle, id: &str) {
        if group.contains(id)
            && let Err(error) = group.remove(id).await
        {
            self.links.journal.report(Failure::new(group.id(), "reload", error.to_string()));
        }
    }

    /// The configuration as it runs.
    pub fn config(&self) -> Arc<SiteConfig> {
        self.config.load_full()
    }

    /// What connects the actors.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// The supervision tree as it is now.
    pub fn tree(&self) -> NodeStatus {
        self.root.tree()
    }

    /// The board of each camera.
    pub fn cameras(&self) -> BTreeMap<CameraId, Arc<CameraBoard>> {
        self.boards.read().cameras.clone()
    }

    /// The board of each main stream of a camera whose substream is watched.
    pub fn mains(&self) -> BTreeMap<CameraId, Arc<CameraBoard>> {
        self.boards.read().mains.iter().map(|(id, (board, _))| (id.clone(), Arc::clone(board))).collect()
    }

    /// The board of each model.
    pub fn models(&self) -> BTreeMap<ModelId, Arc<ModelBoard>> {
        self.boards.read().models.iter().map(|(id, (_, board))| (id.clone(), Arc::clone(board))).collect()
    }

    /// The feed of each rule.
    pub fn rules(&self) -> BTreeMap<RuleId, Arc<RuleFeed>> {
        self.links.fanout.rules().iter().map(|feed| (feed.rule().id.clone(), Arc::clone(feed))).collect()
    }

    /// The board of each stream.
    pub fn streams(&self) -> BTreeMap<StreamId, Arc<StreamBoard>> {
        self.boards.read().streams.clone()
    }

    /// The board of each uploader.
    pub fn uploaders(&self) -> BTreeMap<UploaderId, Arc<PumpBoard>> {
        self.boards.read().uploaders.clone()
    }

    /// Waits until each actor was started once, for at most `limit`; returns the paths of those that still start.
    pub async fn settled(&self, limit: Duration) -> Vec<String> {
        self.root.settled(limit).await.err().map(|error| error.waiting).unwrap_or_default()
    }

    /// Waits for the end of the tree.
    pub async fn ended(&self) -> Ended {
        self.root.ended().await
    }

    /// Stops the site in order, within `limit`.
    pub async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        self.root.shutdown(limit).await
    }
}

/// The name of the actor of a camera's main stream, when it has one of its own.
fn main_of(camera: &CameraId) -> String {
    Role::Main(Arc::default()).actor(camera)
}

/// The entries that are new or differ.
fn changed<'a, K: Ord, V: PartialEq>(
    old: &'a BTreeMap<K, Arc<V>>,
    new: &'a BTreeMap<K, Arc<V>>,
) -> impl Iterator<Item = (&'a K, &'a Arc<V>)> {
    new.iter().filter(|(id, value)| old.get(id) != Some(value))
}
