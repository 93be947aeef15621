//! A site, wired. Read [`start`] and follow the data, from the sink back to the source:
//!
//! ```text
//! site ─┬─ store        writes batches; what it holds is durable              queue 1,024: appending waits, logging drops
//!       ├─ alerts       picture, then batch, then the world                    queue    32: rules wait
//!       ├─ clips        cuts what cameras showed around an alert               queue    64: the newest is refused
//!       ├─ recorder     writes what cameras send, as they say               128 MiB: the newest is refused
//!       ├─ archivist    removes recordings that are too old or too much
//!       ├─ housekeeping removes evidence that is too old or too much, by way of the keeper
//!       ├─ failures     journal → outboxes of the uploaders that send it
//!       ├─ bus ─┬─ alerts       outbox `bus` → QoS 1
//!       │       ├─ detections   → QoS 0                                        hand-off 1,024: the oldest goes
//!       │       └─ status       → retained, the latest wins
//!       ├─ uploaders ── one per file: outboxes, alerts first → sink
//!       ├─ rules ────── one per file                                           hand-offs   16 frames, 1,024 others: the oldest goes
//!       ├─ streams ──── one per file: bus, HTTP or file → rules, event log     hand-off 1,024: the newest is refused
//!       ├─ models ───── one per file ── slot-0 … slot-n                        one frame a camera: the newest wins
//!       └─ cameras ──── one per file
//! ```
//! Children stop in reverse order, so a site drains in the direction of its data: no more frames, then the rules judge what they
//! have, then the desk and the store write what is left.

use std::{sync::Arc, time::Duration};

use parapet_config::SiteConfig;
use parapet_contracts::{Happening, Silence, Timestamp, UploaderId, ports::bus::BusPort};
use parapet_supervision::{ChildSpec, FailureReport, Observer, StartError, SupervisorSpec};

use crate::{
    bus::{BusFeed, BusSink, publish_detections, publish_statuses},
    children,
    clip::{ClipDesk, Cutter, Rings, left_behind},
    evidence::{Housekeeper, Keeper},
    fanout::Fanout,
    journal::{Failure, Journal},
    outboxes::{BUS, Outboxes},
    ports::Ports,
    recording::{Archivist, Recorder, Tapes},
    rule::SilenceBoard,
    site::{Groups, Links, Site, sent_back_before},
    store::{AlertDesk, Desk, StoreHandle, StoreSettings, StoreWriter},
    uploader::{BEGUN, Pump, PumpBoard, PumpSettings, backoff, upload_failures},
    worker::Body,
};

/// How often retention runs, and old evidence is looked for.
const RETAIN_EVERY: Duration = Duration::from_secs(60);
/// How often the room for recordings is looked at.
const LOOK_AT_ROOM: Duration = Duration::from_secs(10);
/// Pause before the disk is asked again.
const RETRY_STORE: Duration = Duration::from_secs(1);
/// Where silences are kept.
pub const SILENCES: &str = "silence/";
/// Pauses of the alerts' way to the bus.
const BUS_PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Starts a site; `last` are the children that start after all others, such as HTTP. Returns once the tree runs; its actors are being started then.
///
/// # Errors
/// When the tree can't be started.
pub async fn start(
    config: SiteConfig,
    ports: Ports,
    journal: Journal,
    last: impl FnOnce(&Arc<Site>) -> Vec<ChildSpec>,
) -> Result<Arc<Site>, StartError> {
    let clock = Arc::clone(&ports.clock);
    let (store, store_queue) = StoreHandle::new(Arc::clone(&ports.store));
    let (desk, desk_queue) = AlertDesk::new();
    let outboxes = Arc::new(Outboxes::new(&config.uploaders));
    outboxes.remember(begun_before(&store, &journal).await);
    let bus_feed = BusFeed::new(config.site.id.clone(), Arc::clone(&clock));
    let bus_board = PumpBoard::new(BUS);
    let fanout = Fanout::new(
        config.site.id.clone(),
        Arc::clone(&bus_feed),
        store.clone(),
        Arc::clone(&outboxes),
        journal.clone(),
    );

    let settings = StoreSettings {
        retention: config.site.store.retention.clone(),
        retain_every: RETAIN_EVERY,
        retry_after: RETRY_STORE,
    };
    let writer = {
        let (handle, journal, clock) = (store.clone(), journal.clone(), Arc::clone(&clock));
        let fallback = Arc::clone(&ports.journal_file);
        children::vital_worker("store", "store", move |heartbeat| {
            StoreWriter {
                handle: handle.clone(),
                queue: store_queue.clone(),
                journal: journal.clone(),
                fallback: Arc::clone(&fallback),
                clock: Arc::clone(&clock),
                settings: settings.clone(),
                heartbeat,
            }
            .body()
        })
    };
    let evidence = Arc::clone(&ports.evidence);
    let keeper = Keeper::open(store.clone(), desk.clone(), evidence, journal.clone(), Arc::clone(&clock)).await;
    let rings = Arc::<Rings>::default();
    let (clip_desk, clip_orders) = ClipDesk::new(left_behind(&store, &journal).await);
    let clips = {
        let cutter = Cutter {
            queue: clip_orders,
            rings: Arc::clone(&rings),
            port: Arc::clone(&ports.clips),
            evidence: Arc::clone(&ports.evidence),
            desk: desk.clone(),
            journal: journal.clone(),
            clock: Arc::clone(&clock),
        };
        children::edge_worker("clips", "clips", move |heartbeat| {
            let cutter = cutter.clone();
            Body::task(move |stop| cutter.run(heartbeat, stop))
        })
    };
    let alerts = {
        let desk = Desk {
            queue: desk_queue,
            evidence: Arc::clone(&ports.evidence),
            store: store.clone(),
            site: config.site.id.clone(),
            clips: clip_desk,
            outboxes: Arc::clone(&outboxes),
            rules: Arc::clone(&fanout),
            journal: journal.clone(),
            clock: Arc::clone(&clock),
            observer: Arc::clone(&ports.alerts),
        };
        children::vital_worker("alerts", "alerts", move |heartbeat| {
            let desk = desk.clone();
            Body::task(move |stop| desk.run(heartbeat, stop))
        })
    };
    let (tapes, segments) = Tapes::new();
    let recorder = {
        let recorder = Recorder {
            queue: segments,
            tapes: Arc::clone(&tapes),
            clips: Arc::clone(&ports.clips),
            recordings: Arc::clone(&ports.recordings),
            journal: journal.clone(),
        };
        children::edge_worker("recorder", "recorder", move |heartbeat| {
            let recorder = recorder.clone();
            Body::task(move |stop| recorder.run(heartbeat, stop))
        })
    };
    let archivist = {
        let archivist = Archivist::new(
            Arc::clone(&tapes),
            Arc::clone(&ports.recordings),
            Arc::clone(store.holds()),
            config.site.recordings.clone(),
            LOOK_AT_ROOM,
            journal.clone(),
            Arc::clone(&clock),
        );
        children::edge_worker("archivist", "archivist", move |heartbeat| {
            let archivist = archivist.clone();
            Body::task(move |stop| archivist.run(heartbeat, stop))
        })
    };
    let housekeeping = {
        let housekeeper = Housekeeper {
            keeper: Arc::clone(&keeper),
            config: config.site.evidence.clone(),
            every: RETAIN_EVERY,
            journal: journal.clone(),
            clock: Arc::clone(&clock),
        };
        children::edge_worker("housekeeping", "housekeeping", move |heartbeat| {
            let housekeeper = housekeeper.clone();
            Body::task(move |stop| housekeeper.run(heartbeat, stop))
        })
    };
    let failures = {
        let (site, journal) = (config.site.id.clone(), journal.clone());
        let (outboxes, store) = (Arc::clone(&outboxes), store.clone());
        children::edge_worker("failures", "failures", move |heartbeat| {
            let (site, journal, outboxes, store) =
                (site.clone(), journal.clone(), Arc::clone(&outboxes), store.clone());
            heartbeat.idle(); // It waits for the store.
            Body::task(move |stop| upload_failures(site, journal, outboxes, store, stop))
        })
    };
    let bus = {
        let pump = Pump {
            actor: "bus/alerts".to_owned(),
            store: store.clone(),
            sink: Arc::new(BusSink(Arc::clone(&ports.bus))),
            board: Arc::clone(&bus_board),
            journal: journal.clone(),
            clock: Arc::clone(&clock),
            settings: PumpSettings::plain(BUS, backoff(BUS_PAUSES.0, BUS_PAUSES.1)),
        };
        bus_supervisor(pump, &bus_feed, &ports.bus, &journal)
    };

    let listening = Arc::downgrade(&fanout);
    bus_feed.on_status(move |event| {
        if let Some(rules) = listening.upgrade() {
            rules.tell(&Happening::Status(event));
        }
    });
    let silences = Arc::new(SilenceBoard::default());
    take_up_silences(&silences, &store, &journal, clock.now()).await;
    let sent_back = sent_back_before(&store, &journal).await;

    let names = ["uploaders", "rules", "streams", "models", "cameras"];
    let groups = names.map(|id| SupervisorSpec::new(id).start_concurrently());
    let [uploaders, rules, streams, models, cameras] = &groups;
    let (tables, last_frames) = Default::default();
    let links = Links {
        store,
        desk,
        outboxes,
        bus_feed,
        bus_board,
        fanout,
        tables,
        silences,
        last_frames,
        rings,
        tapes,
        keeper,
        journal: journal.clone(),
        ports,
    };
    let root = SupervisorSpec::new("site").observer(Arc::new(JournalObserver(journal)));
    let handles = Groups {
        root: root.handle(),
        uploaders: uploaders.handle(),
        rules: rules.handle(),
        streams: streams.handle(),
        models: models.handle(),
        cameras: cameras.handle(),
    };
    let site = Site::new(config, links, handles);
    site.remember_canaries(sent_back);
    site.populate();

    let mut root = root
        .child(writer)
        .child(alerts)
        .child(clips)
        .child(recorder)
        .child(archivist)
        .child(housekeeping)
        .child(failures)
        .child(bus);
    for group in groups {
        root = root.child(ChildSpec::supervisor(group));
    }
    for child in last(&site) {
        root = root.child(child);
    }
    root.start().await?;
    Ok(site)
}

/// The uploaders that have begun with what the store had; when that can't be read, all of them begin anew.
async fn begun_before(store: &StoreHandle, journal: &Journal) -> Vec<UploaderId> {
    let port = Arc::clone(store.port());
    match tokio::task::spawn_blocking(move || port.kept_below(BEGUN)).await {
        Ok(Ok(kept)) => kept.iter().filter_map(|(key, _)| UploaderId::new(key.strip_prefix(BEGUN)?).ok()).collect(),
        Ok(Err(error)) => {
            journal.report(Failure::new("uploaders", "begun", format!("uploaders begin anew: {}", error.text)));
            Vec::new()
        }
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Silences outlive the process; those that are over are forgotten.
async fn take_up_silences(board: &SilenceBoard, store: &StoreHandle, journal: &Journal, now: Timestamp) {
    let port = Arc::clone(store.port());
    let kept = match tokio::task::spawn_blocking(move || port.kept_below(SILENCES)).await {
        Ok(Ok(kept)) => kept,
        Ok(Err(error)) => {
            journal.report(Failure::new("rules", "silences", format!("silences are lost: {}", error.text)));
            return;
        }
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    for (key, text) in kept {
        match serde_json::from_str::<Silence>(&text) {
            Ok(silence) if silence.until > now => drop(board.add(silence, now)),
            // It is over: its place in the store goes with the next one that is ended.
            Ok(_) => tracing::debug!(key, "a silence is over"),
            Err(error) => journal.report(Failure::new("rules", "silences", format!("{key} can't be read: {error}"))),
        }
    }
}

fn bus_supervisor(pump: Pump, feed: &Arc<BusFeed>, bus: &Arc<dyn BusPort>, journal: &Journal) -> ChildSpec {
    let alerts = children::edge_worker("alerts", "bus", move |heartbeat| {
        let pump = pump.clone();
        heartbeat.idle(); // It waits for acknowledgements; the bus port bounds how long.
        Body::task(move |stop| pump.run(stop))
    });
    let (f, b, j) = (Arc::clone(feed), Arc::clone(bus), journal.clone());
    let detections = children::edge_worker("detections", "bus", move |heartbeat| {
        let (feed, bus, journal) = (Arc::clone(&f), Arc::clone(&b), j.clone());
        heartbeat.idle();
        Body::task(move |stop| publish_detections(feed, bus, journal, stop))
    });
    let (f, b, j) = (Arc::clone(feed), Arc::clone(bus), journal.clone());
    let status = children::edge_worker("status", "bus", move |heartbeat| {
        let (feed, bus, journal) = (Arc::clone(&f), Arc::clone(&b), j.clone());
        heartbeat.idle();
        Body::task(move |stop| publish_statuses(feed, bus, journal, stop))
    });
    ChildSpec::supervisor(SupervisorSpec::new("bus").child(alerts).child(detections).child(status))
}

/// Every failure in the tree is a record in the journal.
struct JournalObserver(Journal);

impl Observer for JournalObserver {
    fn failure(&self, report: &FailureReport) {
        let actor = report.path.strip_prefix("site/").unwrap_or(&report.path);
        metrics::counter!("parapet_actor_failures_total", "actor" => actor.to_owned(), "kind" => report.kind.as_str())
            .increment(1);
        self.0.report(Failure::new(actor, report.kind.as_str(), &*report.text));
    }
}
