//! An outbox with its pump as a state machine, against a model: whatever is appended, answered, refused, answered out of order, and
//! however often the pump dies in between, each entry is taken or a dead letter in the end, none is invented, and none overtakes.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use parapet_contracts::{
    SystemClock,
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
use proptest::prelude::*;

use super::{
    Pump, PumpBoard, PumpSettings,
    tests::{Fixture, hurry, start_with},
};
use crate::worker::Stop;

const QUEUE: &str = "uploader/model";

/// What the other side makes of a call.
#[derive(Debug, Clone)]
enum Answer {
    /// Takes all.
    Take,
    /// Takes some, and fails at the next one.
    Some(usize),
    /// Takes all, and the answer is lost.
    Lose,
    /// Will never take the one at this place.
    Refuse(usize),
    /// Takes all but the first, which it wants again: the answers are out of order.
    Reorder,
}

#[derive(Debug, Clone)]
enum Step {
    /// This many, in one batch.
    Append(u64),
    /// What the next call meets.
    Meet(Answer),
    /// The pump dies where it stands, and another one begins.
    Crash,
    /// Time for it to work: until so much has been taken as was, or nothing waits.
    Work,
}

fn step() -> impl Strategy<Value = Step> {
    let answer = prop_oneof![
        Just(Answer::Take),
        (0..4_usize).prop_map(Answer::Some),
        Just(Answer::Lose),
        (0..4_usize).prop_map(Answer::Refuse),
        Just(Answer::Reorder),
    ];
    prop_oneof![
        4 => (1..7_u64).prop_map(Step::Append),
        5 => answer.prop_map(Step::Meet),
        2 => Just(Step::Crash),
        2 => Just(Step::Work),
    ]
}

#[derive(Default)]
struct Other {
    answers: Mutex<VecDeque<Answer>>,
    taken: Mutex<Vec<u64>>,
    refused: Mutex<BTreeSet<u64>>,
}

fn number(item: &OutboxItem) -> u64 {
    item.payload.parse().unwrap()
}

#[async_trait]
impl SinkPort for Other {
    async fn send(&self, items: &[OutboxItem]) -> Vec<Result<(), SinkError>> {
        // A place to die at, with the call under way.
        tokio::task::yield_now().await;
        let again = || Err(SinkError::retry("busy", "not now"));
        let take = |items: &[OutboxItem]| self.taken.lock().extend(items.iter().map(number));
        let answer = self.answers.lock().pop_front().unwrap_or(Answer::Take);
        let fates = match answer {
            Answer::Take => {
                take(items);
                items.iter().map(|_| Ok(())).collect()
            }
            Answer::Some(count) if count < items.len() => {
                take(&items[..count]);
                items.iter().take(count).map(|_| Ok(())).chain([again()]).collect()
            }
            Answer::Lose => {
                take(items);
                vec![again()]
            }
            Answer::Refuse(place) if place < items.len() => {
                let refused = number(&items[place]);
                self.refused.lock().insert(refused);
                let others: Vec<_> = items.iter().filter(|item| number(item) != refused).cloned().collect();
                take(&others);
                let fate =
                    |item| if number(item) == refused { Err(SinkError::reject("refused", "never")) } else { Ok(()) };
                items.iter().map(fate).collect()
            }
            Answer::Reorder => {
                take(&items[1..]);
                [again()].into_iter().chain(items[1..].iter().map(|_| Ok(()))).collect()
            }
            Answer::Some(_) | Answer::Refuse(_) => vec![again()],
        };
        tokio::task::yield_now().await;
        fates
    }

    async fn ready(&self) {}
}

fn begin(fixture: &Fixture, sink: &Arc<Other>) -> tokio::task::JoinHandle<()> {
    let pump = Pump {
        actor: "uploaders/model".to_owned(),
        store: fixture.handle.clone(),
        sink: Arc::clone(sink) as _,
        board: PumpBoard::new(QUEUE),
        journal: fixture.journal.clone(),
        clock: Arc::new(SystemClock::new()),
        settings: PumpSettings { batch: 5, ..PumpSettings::plain(QUEUE, hurry()) },
    };
    tokio::spawn(async move { drop(pump.run(Stop::default()).await) })
}

fn waiting(fixture: &Fixture) -> usize {
    fixture.store.outbox(QUEUE, usize::MAX).unwrap().len()
}

async fn play(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (sink, idle) = (Arc::new(Other::default()), Arc::new(Other::default()));
    // The fixture's own pump has another outbox; its store and writer are what is needed.
    let fixture = start_with(Arc::new(MemoryBus::new()), idle, PumpSettings::plain("idle", hurry())).await;
    let mut pump = begin(&fixture, &sink);
    let (mut appended, mut reordered) = (0, false);
    for step in steps {
        match step {
            Step::Append(count) => {
                let items = (appended..appended + count)
                    .map(|n| (QUEUE.to_owned(), OutboxItem::new(samples::id(n), "alert", "t", n.to_string())));
                fixture.handle.append(Vec::new(), items.collect()).await.unwrap();
                appended += count;
            }
            Step::Meet(answer) => {
                reordered |= matches!(answer, Answer::Reorder);
                sink.answers.lock().push_back(answer);
            }
            Step::Crash => {
                pump.abort();
                drop(pump.await);
                pump = begin(&fixture, &sink);
            }
            Step::Work => {
                let before = sink.taken.lock().len();
                let done = || sink.taken.lock().len() > before || waiting(&fixture) == 0;
                until_async("it works", PATIENCE, done).await;
            }
        }
    }
    until_async("nothing waits", PATIENCE, || waiting(&fixture) == 0).await;
    let taken = sink.taken.lock().clone();
    let dead = fixture.store.outbox(&format!("dead/{QUEUE}"), usize::MAX).unwrap();
    prop_assert!(dead.iter().all(|entry| entry.item.refused.as_ref().is_some_and(|refused| refused.code == "refused")));
    let dead: BTreeSet<u64> = dead.iter().map(|entry| number(&entry.item)).collect();
    prop_assert!(dead.is_subset(&sink.refused.lock()), "a dead letter that nobody refused");
    let came: BTreeSet<u64> = taken.iter().copied().chain(dead).collect();
    prop_assert_eq!(came, (0..appended).collect::<BTreeSet<u64>>(), "each is taken or dead, and no other");
    let mut seen = BTreeSet::new();
    let once: Vec<u64> = taken.into_iter().filter(|number| seen.insert(*number)).collect();
    let refused = sink.refused.lock().clone();
    let in_order = once.iter().filter(|number| !refused.contains(number)).collect::<Vec<_>>();
    prop_assert!(reordered || in_order.is_sorted(), "something overtook: {:?}", once);
    pump.abort();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn each_entry_is_taken_or_a_dead_letter_whatever_happens(steps in proptest::collection::vec(step(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(play(steps))?;
        runtime.shutdown_timeout(Duration::from_secs(1));
    }
}
