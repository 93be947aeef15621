//! How a pump sends: by priority, at a rate, not for ever, and what becomes of what is refused.
#![allow(clippy::unwrap_used)]

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use parapet_config::{Digest, Hold, UploadFormat};
use parapet_contracts::{
    Severity, Timestamp, UploaderId,
    ports::{
        sink::{SinkError, SinkPort},
        store::{OutboxItem, StorePort},
    },
};
use parapet_testkit::{
    MemoryBus,
    conformance::samples,
    wait::{PATIENCE, until_async},
};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{
    DeadLetters, Holding, PumpSettings, PumpState, backlogs,
    tests::{Fixture, hurry, start_with},
};

/// A sink that answers as it is told, and keeps what it took.
struct Scripted {
    open: watch::Sender<bool>,
    answers: Mutex<VecDeque<SinkError>>,
    /// Refuses payloads that contain this.
    refuses: Mutex<Option<&'static str>>,
    taken: Mutex<Vec<(Instant, OutboxItem)>>,
    calls: Mutex<Vec<usize>>,
}

impl Scripted {
    fn new(open: bool) -> Arc<Self> {
        let (answers, refuses, taken, calls) = Default::default();
        Arc::new(Self { open: watch::Sender::new(open), answers, refuses, taken, calls })
    }

    fn payloads(&self) -> Vec<String> {
        self.taken.lock().iter().map(|(_, item)| item.payload.clone()).collect()
    }
}

#[async_trait]
impl SinkPort for Scripted {
    async fn send(&self, items: &[OutboxItem]) -> Vec<Result<(), SinkError>> {
        self.calls.lock().push(items.len());
        if let Some(error) = self.answers.lock().pop_front() {
            return vec![Err(error)];
        }
        let take = |item: &OutboxItem| {
            if self.refuses.lock().is_some_and(|part| item.payload.contains(part)) {
                return Err(SinkError::reject("refused", "it is not wanted here"));
            }
            self.taken.lock().push((Instant::now(), item.clone()));
            Ok(())
        };
        items.iter().map(take).collect()
    }

    fn away(&self) -> Option<String> {
        (!*self.open.borrow()).then(|| "the link is down".to_owned())
    }

    async fn ready(&self) {
        drop(self.open.subscribe().wait_for(|open| *open).await);
    }
}

/// Three outboxes by priority, with the usual rest.
fn settings() -> PumpSettings {
    let queues = ["uploader/hub", "uploader/hub/events", "uploader/hub/evidence"].map(str::to_owned).to_vec();
    PumpSettings { queues, dead_letters: "dead/uploader/hub".to_owned(), batch: 4, ..PumpSettings::plain("x", hurry()) }
}

async fn start(sink: &Arc<Scripted>, settings: PumpSettings) -> Fixture {
    start_with(Arc::new(MemoryBus::new()), Arc::clone(sink) as _, settings).await
}

async fn append(fixture: &Fixture, queue: &str, numbers: std::ops::Range<u64>, at: Timestamp) {
    let kind = if queue.ends_with("events") { "event" } else { "alert" };
    let items = numbers.map(|n| {
        let item = OutboxItem::new(samples::id(n), kind, "t", format!("{}{n}", &kind[..1])).about(None, at);
        (queue.to_owned(), item)
    });
    fixture.handle.append(Vec::new(), items.collect()).await.unwrap();
}

async fn until_empty(fixture: &Fixture) {
    until_async("nothing waits", PATIENCE, || {
        fixture.store.outbox_lengths().unwrap().iter().all(|(queue, n)| queue.starts_with("dead/") || *n == 0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_alerts_go_before_events_whatever_came_first() {
    let sink = Scripted::new(false);
    let fixture = start(&sink, settings()).await;
    let now = Timestamp::now();
    append(&fixture, "uploader/hub/events", 0..10, now).await;
    until_async(
        "it says why it waits",
        PATIENCE,
        || matches!(fixture.board.status().state, PumpState::Waiting { why, .. } if why == "the link is down"),
    )
    .await;
    append(&fixture, "uploader/hub", 0..3, now).await;
    append(&fixture, "uploader/hub/events", 10..12, now).await;
    let backlog = backlogs(fixture.store.as_ref(), now).unwrap();
    assert_eq!((backlog["uploader/hub"].waiting, backlog["uploader/hub/events"].waiting), (3, 12));
    sink.open.send_replace(true);
    until_empty(&fixture).await;
    // The window that it had read when the link was down goes first.
    let sent = sink.payloads();
    assert_eq!(sent[..4], ["e0", "e1", "e2", "e3"]);
    assert_eq!(sent[4..7], ["a0", "a1", "a2"]);
    assert_eq!(sent[7..], (4..12).map(|n| format!("e{n}")).collect::<Vec<_>>());
    until_async("it is up to date", PATIENCE, || fixture.board.status().state == PumpState::UpToDate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_asks_for_patience_is_left_alone_for_so_long() {
    let sink = Scripted::new(true);
    let pause = Duration::from_millis(700);
    sink.answers.lock().push_back(SinkError::retry("throttled", "not so fast").after(Some(pause)));
    let fixture = start(&sink, settings()).await;
    let began = Instant::now();
    append(&fixture, "uploader/hub", 0..1, Timestamp::now()).await;
    until_async("it says until when it waits", PATIENCE, || {
        matches!(fixture.board.status().state, PumpState::Waiting { next_try: Some(_), .. })
    })
    .await;
    fixture.dry().await;
    until_empty(&fixture).await;
    assert!(sink.taken.lock()[0].0 - began >= pause, "longer than its own backoff");
    let status = fixture.board.status();
    assert_eq!((status.sent, status.retries, status.last_error.as_deref()), (1, 1, Some("not so fast")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thin_link_gets_no_more_than_its_bytes_a_second() {
    let sink = Scripted::new(true);
    let fixture = start(&sink, PumpSettings { rate_limit: Some(1_000), batch: 100, ..settings() }).await;
    let now = Timestamp::now();
    let items = (0..6).map(|n| {
        let item = OutboxItem::new(samples::id(n), "event", "t", "x".repeat(400)).about(None, now);
        ("uploader/hub/events".to_owned(), item)
    });
    fixture.handle.append(Vec::new(), items.collect()).await.unwrap();
    until_empty(&fixture).await;
    // 2,400 bytes: 800 at once, 800 after 0.8 s, 800 after 1.6 s. More time may pass, less may not.
    let taken = sink.taken.lock();
    assert!(taken[5].0 - taken[0].0 >= Duration::from_millis(1_500), "{:?}", taken[5].0 - taken[0].0);
    assert!(sink.calls.lock().iter().all(|items| *items == 2), "{:?}", sink.calls.lock());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_not_sent_but_counted() {
    let sink = Scripted::new(false);
    let fixture = start(&sink, PumpSettings { time_to_live: Some(Duration::from_secs(3_600)), ..settings() }).await;
    let now = Timestamp::now();
    append(&fixture, "uploader/hub", 0..7, now - jiff::SignedDuration::from_hours(2)).await;
    append(&fixture, "uploader/hub", 7..9, now).await;
    sink.open.send_replace(true);
    until_empty(&fixture).await;
    assert_eq!(sink.payloads(), ["a7", "a8"]);
    let status = fixture.board.status();
    assert_eq!((status.sent, status.expired, status.dead), (2, 7, 0));
    assert!(fixture.journal.reported() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_waits_for_others_no_longer_than_it_may() {
    let sink = Scripted::new(true);
    let fixture = start(&sink, PumpSettings { linger: Duration::from_secs(600), ..settings() }).await;
    append(&fixture, "uploader/hub", 0..2, Timestamp::now()).await;
    append(&fixture, "uploader/hub", 2..3, Timestamp::now()).await;
    append(&fixture, "uploader/hub", 3..5, Timestamp::now()).await;
    until_async("a full batch goes at once", PATIENCE, || !sink.calls.lock().is_empty()).await;
    assert_eq!(*sink.calls.lock(), [4], "they went together");

    let sink = Scripted::new(true);
    let linger = Duration::from_millis(300);
    let fixture = start(&sink, PumpSettings { linger, ..settings() }).await;
    let began = Instant::now();
    append(&fixture, "uploader/hub", 0..1, Timestamp::now()).await;
    until_empty(&fixture).await;
    assert!(sink.taken.lock()[0].0 - began >= linger - Duration::from_millis(50));
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_say_why_and_can_be_sent_again_dropped_and_are_bounded() {
    let sink = Scripted::new(true);
    *sink.refuses.lock() = Some("a");
    let fixture = start(&sink, PumpSettings { keep_dead: 5, ..settings() }).await;
    append(&fixture, "uploader/hub", 0..8, Timestamp::now()).await;
    append(&fixture, "uploader/hub/events", 0..2, Timestamp::now()).await;
    until_empty(&fixture).await;
    assert_eq!(sink.payloads(), ["e0", "e1"], "nothing waits behind what is refused");
    let letters = DeadLetters::new(fixture.handle.clone(), Some(UploaderId::new("hub").unwrap()));
    let mut dead = Vec::new();
    until_async("the oldest are forgotten", PATIENCE, || {
        fixture.store.outbox_lengths().unwrap().contains(&("dead/uploader/hub".to_owned(), 5))
    })
    .await;
    dead.extend(letters.list(0, 100, true).await.unwrap());
    let payloads: Vec<_> = dead.iter().map(|letter| letter.payload.clone().unwrap()).collect();
    assert_eq!(payloads, ["a3", "a4", "a5", "a6", "a7"]);
    let refused = dead[0].refused.as_ref().unwrap();
    assert_eq!((refused.code.as_str(), refused.text.as_str()), ("refused", "it is not wanted here"));
    assert_eq!(letters.list(dead[1].number, 2, false).await.unwrap()[0].number, dead[2].number);
    assert_eq!(fixture.board.status().dead, 8, "each was counted");

    *sink.refuses.lock() = None;
    assert_eq!(letters.retry(Some(&[dead[0].number, 999])).await.unwrap(), 1);
    until_async("it was sent again", PATIENCE, || sink.payloads().len() == 3).await;
    assert_eq!(sink.payloads()[2], "a3");
    assert_eq!(letters.forget(Some(&[dead[1].number])).await.unwrap(), 1);
    assert_eq!(letters.retry(None).await.unwrap(), 3);
    until_async("the others, too", PATIENCE, || sink.payloads().len() == 6).await;
    assert_eq!(sink.payloads()[3..], ["a5", "a6", "a7"]);
    assert!(letters.list(0, 100, false).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_forgets_what_waits_of_every_kind() {
    let sink = Scripted::new(false);
    let fixture = start(&sink, settings()).await;
    append(&fixture, "uploader/hub", 0..3, Timestamp::now()).await;
    append(&fixture, "uploader/hub/events", 0..700, Timestamp::now()).await;
    append(&fixture, "uploader/hub-2", 0..1, Timestamp::now()).await;
    let letters = DeadLetters::new(fixture.handle.clone(), Some(UploaderId::new("hub").unwrap()));
    assert_eq!(letters.purge().await.unwrap(), 703);
    let left = fixture.store.outbox_lengths().unwrap();
    assert!(left.iter().all(|(queue, n)| (queue == "uploader/hub-2") == (*n > 0)), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_alone_is_sent_where_nobody_knows_cloudevents() {
    let sink = Scripted::new(true);
    let fixture = start(&sink, PumpSettings { format: UploadFormat::Data, ..settings() }).await;
    let json = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t","data":{"n":1}}"#;
    let item = OutboxItem::new(samples::id(1), "alert", "t", json);
    fixture.handle.append(Vec::new(), vec![("uploader/hub".to_owned(), item)]).await.unwrap();
    until_empty(&fixture).await;
    assert_eq!(sink.payloads(), [r#"{"n":1}"#]);
}

fn severe(severity: &str, n: u64) -> OutboxItem {
    let payload = format!(r#"{{"specversion":"1.0","data":{{"severity":"{severity}","n":{n}}}}}"#);
    OutboxItem::new(samples::id(n), "alert", "t", payload)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_goes_at_once_and_what_is_urgent_goes_past_it() {
    let sink = Scripted::new(true);
    let digest = Some(Digest { within: Duration::from_secs(3_600), most: 3 });
    let hold = Hold { digest, quiet_hours: None, urgent: Some(Severity::Critical) };
    let hold = Some(Holding::new(&hold, jiff::tz::TimeZone::UTC));
    let fixture = start(&sink, PumpSettings { hold, ..settings() }).await;
    let queue = || "uploader/hub".to_owned();
    let now = Timestamp::now();
    // More than a page of them wait; what is urgent comes last, and is sent.
    let waiting = (0..5).map(|n| (queue(), severe("info", n).about(None, now)));
    fixture.handle.append(Vec::new(), waiting.collect()).await.unwrap();
    fixture.handle.append(Vec::new(), vec![(queue(), severe("critical", 5).about(None, now))]).await.unwrap();
    until_async("the urgent one is there", PATIENCE, || sink.taken.lock().len() == 1).await;
    assert!(sink.payloads()[0].contains("\"n\":5"));
    until_async("the others wait, and it says so", PATIENCE, || {
        matches!(fixture.board.status().state, PumpState::Waiting { next_try: Some(_), .. })
    })
    .await;
    assert_eq!(fixture.store.outbox("uploader/hub", 10).unwrap().len(), 5, "on the disk");
    // One that is older than an hour makes them due: at most three go together.
    let hour_ago = now - jiff::SignedDuration::from_hours(1);
    fixture.handle.append(Vec::new(), vec![(queue(), severe("info", 6).about(None, hour_ago))]).await.unwrap();
    until_async("it goes", PATIENCE, || !sink.payloads()[1..].is_empty()).await;
    assert!(sink.payloads().iter().any(|payload| payload.contains("\"n\":6")));
}
