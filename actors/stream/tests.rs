//! What a stream promises, with fakes of bus, files and store.
#![allow(clippy::unwrap_used)]

use std::{path::Path, sync::Arc, time::Duration};

use parapet_config::{
    Stream, StreamSource,
    columns::{ColumnDef, ColumnKind},
};
use parapet_contracts::{
    Clock, SiteId, StreamId, SystemClock, Timestamp,
    ports::store::{Retention, StorePort},
};
use parapet_supervision::{SupervisorHandle, SupervisorSpec};
use parapet_testkit::{
    MemoryBus, MemoryLines, MemoryStore,
    wait::{PATIENCE, until_async},
};

use super::{StreamActor, StreamBoard, TooFast, board::CAPACITY};
use crate::{
    bus::BusFeed,
    children,
    fanout::Fanout,
    journal::Journal,
    outboxes::Outboxes,
    store::{StoreHandle, StoreSettings, StoreWriter},
    worker::Body,
};

struct NoFile;

impl parapet_contracts::ports::store::JournalFile for NoFile {
    fn append(&self, _: &parapet_contracts::ErrorRecord) -> Result<(), parapet_contracts::ports::store::StoreError> {
        Ok(())
    }
    fn take_in(&self, _: &dyn StorePort) -> Result<usize, parapet_contracts::ports::store::StoreError> {
        Ok(0)
    }
}

fn stream(source: StreamSource) -> Arc<Stream> {
    let column = |name: &str, kind| ColumnDef { name: name.to_owned(), kind, list: false, optional: false };
    Arc::new(Stream {
        id: StreamId::new("doors").unwrap(),
        name: "Doors".to_owned(),
        enabled: true,
        source,
        columns: vec![column("door", ColumnKind::String), column("open", ColumnKind::Boolean)],
        timestamp: None,
        key: Some("door".to_owned()),
    })
}

struct Fixture {
    board: Arc<StreamBoard>,
    bus: Arc<MemoryBus>,
    lines: Arc<MemoryLines>,
    store: Arc<MemoryStore>,
    journal: Journal,
    actor: StreamActor,
    root: SupervisorHandle,
}

/// A stream's actor over a store's writer, and nobody who hears of its messages.
async fn start(stream: &Arc<Stream>, store: Arc<MemoryStore>, lines: Arc<MemoryLines>) -> Fixture {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (bus, journal) = (Arc::new(MemoryBus::new()), Journal::new(Arc::clone(&clock)));
    let (handle, queue) = StoreHandle::new(Arc::clone(&store) as _);
    let site = SiteId::new("yard").unwrap();
    let outboxes = Arc::new(Outboxes::default());
    let feed = BusFeed::new(site.clone(), Arc::clone(&clock));
    let rules = Fanout::new(site.clone(), feed, handle.clone(), outboxes, journal.clone());
    let board = StreamBoard::new(Arc::clone(stream), site, Arc::clone(&clock), journal.clone());
    let actor = StreamActor {
        board: Arc::clone(&board),
        rules,
        store: handle.clone(),
        bus: Arc::clone(&bus) as _,
        lines: Arc::clone(&lines) as _,
    };
    let year = Duration::from_secs(365 * 86_400);
    let retention = Retention::default();
    let settings = StoreSettings { retention, retain_every: year, retry_after: Duration::from_millis(20) };
    let writer = {
        let journal = journal.clone();
        children::vital_worker("store", "store", move |heartbeat| {
            StoreWriter {
                handle: handle.clone(),
                queue: queue.clone(),
                journal: journal.clone(),
                fallback: Arc::new(NoFile),
                clock: Arc::clone(&clock),
                settings: settings.clone(),
                heartbeat,
            }
            .body()
        })
    };
    let running = actor.clone();
    let child = children::edge_worker("doors", "stream", move |heartbeat| {
        let actor = running.clone();
        heartbeat.idle();
        Body::task(move |stop| actor.run(stop))
    });
    let root = SupervisorSpec::new("site").child(writer).child(child).start().await.unwrap();
    Fixture { board, bus, lines, store, journal, actor, root }
}

impl Fixture {
    /// The doors of the messages that were kept.
    fn kept(&self) -> Vec<String> {
        let rows = self.store.rows(Timestamp::MIN..Timestamp::MAX, 10_000).unwrap();
        rows.iter().map(|row| row.data["door"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn messages_of_the_bus_are_kept_and_what_does_not_fit_is_counted_and_told() {
    let stream = stream(StreamSource::Mqtt { topic: "doors/+".to_owned() });
    let site = start(&stream, Arc::default(), Arc::default()).await;
    until_async("it has subscribed", PATIENCE, || site.bus.filters() == ["doors/+"]).await;
    site.bus.deliver("doors/dock", br#"{"door": "dock", "open": true, "battery": 7}"#);
    site.bus.deliver("windows/1", br#"{"door": "none", "open": true}"#);
    site.bus.deliver("doors/dock", br#"[{"door": "dock"}, {"door": "gate", "open": false}, 7]"#);
    site.bus.deliver("doors/dock", b"{");
    until_async("both that fit are kept", PATIENCE, || site.kept() == ["dock", "gate"]).await;
    until_async("all are counted", PATIENCE, || site.board.status().refused.values().sum::<u64>() == 3).await;
    let status = site.board.status();
    assert_eq!(status.taken, 2);
    assert_eq!(status.refused, [("missing_column", 1), ("no_json", 1), ("no_object", 1)].into());
    let rows = site.store.rows(Timestamp::MIN..Timestamp::MAX, 10).unwrap();
    assert_eq!((rows[0].topic.as_deref(), rows[0].data.len()), (Some("doors/dock"), 2), "what is declared, alone");
    assert_eq!(site.journal.reported(), 3);
}

#[tokio::test]
async fn who_pushes_is_told_what_became_of_it_and_nothing_waits_without_bound() {
    let stream = stream(StreamSource::Http);
    let board = {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let journal = Journal::new(Arc::clone(&clock));
        StreamBoard::new(Arc::clone(&stream), SiteId::new("yard").unwrap(), clock, journal)
    };
    let lines = b"{\"door\": \"a\", \"open\": true}\n\n{\"door\": 7, \"open\": true}\n";
    let accepted = board.push(lines, true).unwrap();
    assert_eq!((accepted.accepted, accepted.refused), (1, 1));
    assert_eq!((accepted.refusals[0].index, accepted.refusals[0].reason), (1, "wrong_type"));
    for _ in 1..CAPACITY {
        board.push(br#"{"door": "a", "open": true}"#, false).unwrap();
    }
    assert_eq!(board.push(br#"{"door": "b", "open": true}"#, false), Err(TooFast), "nobody takes them");
    assert_eq!(board.status().refused["queue_full"], 1);
}

#[tokio::test]
async fn a_file_goes_on_where_it_was_also_after_a_restart() {
    let path = Path::new("/doors.jsonl");
    let stream = stream(StreamSource::File { path: path.to_owned(), from_beginning: true });
    let (store, lines) = (Arc::<MemoryStore>::default(), Arc::<MemoryLines>::default());
    let site = start(&stream, Arc::clone(&store), Arc::clone(&lines)).await;
    until_async("it says that the file is missing", PATIENCE, || site.board.status().away.is_some()).await;
    lines.append(path, "{\"door\": \"a\", \"open\": true}\n{\"door\": \"b\",");
    until_async("the whole line is taken", PATIENCE, || site.kept() == ["a"]).await;
    lines.append(path, " \"open\": true}\n");
    until_async("and the other once it is whole", PATIENCE, || site.kept() == ["a", "b"]).await;
    until_async("its place is kept", PATIENCE, || store.kept("stream/doors").unwrap().is_some()).await;
    site.root.shutdown(PATIENCE).await;
    lines.append(path, "{\"door\": \"c\", \"open\": true}\n");
    let again = start(&stream, store, Arc::clone(&site.lines)).await;
    until_async("it goes on", PATIENCE, || again.kept() == ["a", "b", "c"]).await;
    lines.replace(path, "{\"door\": \"d\", \"open\": true}\n");
    until_async("another file is read from its beginning", PATIENCE, || again.kept().len() == 4).await;
    drop(again.actor);
}
