//! Each frame that is offered has exactly one fate, whatever happens to the pool.
#![allow(clippy::unwrap_used)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parapet_config::Priority;
use parapet_contracts::{CameraId, Clock, ModelId, Timestamp};
use proptest::prelude::*;

use super::{Feed, FeedCounters, ModelPool, Profile, Terms, overload::Plan, tests::frame};

/// A clock that stands until it is moved.
#[derive(Default)]
struct StandingClock(AtomicU64);

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// What the test does to the pool.
#[derive(Debug, Clone)]
enum Step {
    Offer(usize),
    Take,
    Answer,
    Break,
    Leave(usize),
    Join(usize, u8),
    Plan { keep: f64, lighter: bool, shed: bool },
    TakeLighter,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0_usize..4).prop_map(Step::Offer),
        6 => Just(Step::Take),
        3 => Just(Step::Answer),
        1 => Just(Step::Break),
        1 => (0_usize..4).prop_map(Step::Leave),
        2 => (0_usize..4, 0_u8..3).prop_map(|(camera, terms)| Step::Join(camera, terms)),
        2 => (0.1_f64..1.0, any::<bool>(), any::<bool>())
            .prop_map(|(keep, lighter, shed)| Step::Plan { keep, lighter, shed }),
        3 => Just(Step::TakeLighter),
    ]
}

fn terms(kind: u8) -> Terms {
    let priority = [Priority::Low, Priority::Normal, Priority::High][usize::from(kind % 3)];
    let max_fps = (kind == 1).then_some(10.0);
    Terms { max_fps, priority, seen_within: Duration::from_millis(50) }
}

fn fates(counters: &FeedCounters) -> u64 {
    counters.taken() + counters.passed_on() + counters.dropped().map(|(_, count)| count).sum::<u64>()
}

proptest! {
    #[test]
    fn offered_is_taken_or_passed_on_or_dropped_or_waits(steps in prop::collection::vec((step(), 0_u64..40), 1..200), close in any::<bool>()) {
        let clock = Arc::new(StandingClock::default());
        let pool = ModelPool::new(ModelId::new("people").unwrap(), Arc::clone(&clock) as Arc<dyn Clock>);
        let lighter = ModelPool::new(ModelId::new("small").unwrap(), Arc::clone(&clock) as Arc<dyn Clock>);
        let cameras: Vec<CameraId> = (0..4).map(|n| CameraId::new(&format!("c{n}")).unwrap()).collect();
        let mut feeds: Vec<Feed> = cameras.iter().map(|id| pool.join(id, terms(2))).collect();
        // Counters of feeds that are gone count on: what they had must add up, too.
        let mut all: Vec<Arc<FeedCounters>> = feeds.iter().map(|feed| Arc::clone(feed.counters())).collect();
        let (mut seat, mut lighter_seat) = (pool.seat("slot-0", Profile::unknown()), lighter.seat("slot-0", Profile::unknown()));
        let (mut offered, mut jobs) = (0, Vec::new());
        let steps = steps.into_iter().chain(close.then_some((Step::Close, 0))).chain([(Step::Offer(0), 1)]);
        for (step, later) in steps {
            clock.0.fetch_add(later, Ordering::SeqCst);
            match step {
                Step::Offer(n) => {
                    feeds[n].offer(frame(&cameras[n], 0));
                    offered += 1;
                }
                Step::Take => jobs.extend(seat.take(Duration::ZERO)),
                Step::TakeLighter => jobs.extend(lighter_seat.take(Duration::ZERO)),
                Step::Answer => jobs.pop().into_iter().for_each(|job| assert!(job.answered())),
                Step::Break => jobs.clear(),
                Step::Leave(n) => pool.leave(&cameras[n]),
                Step::Join(n, kind) => {
                    feeds[n] = pool.join(&cameras[n], terms(kind));
                    all.push(Arc::clone(feeds[n].counters()));
                }
                Step::Plan { keep, lighter: on, shed } => {
                    pool.follow(Plan { keep, lowest: 1.0, lighter: on, shed }, Some(&lighter));
                }
                Step::Close => pool.close(),
            }
            all.sort_by_key(Arc::as_ptr);
            all.dedup_by_key(|counters| Arc::as_ptr(counters));
            let sum = |of: fn(&FeedCounters) -> u64| all.iter().map(|counters| of(counters)).sum::<u64>();
            prop_assert_eq!(sum(FeedCounters::offered), offered);
            prop_assert_eq!(sum(FeedCounters::offered), sum(fates) + pool.waiting() as u64);
        }
        let passed: u64 = all.iter().map(|counters| counters.passed_on()).sum();
        let there: u64 = lighter.reports().iter().map(|report| report.counters.offered()).sum();
        prop_assert!(there <= passed, "what the lighter model was offered came from here");
        for report in lighter.reports() {
            let waits = report.counters.offered() - fates(&report.counters);
            prop_assert!(waits <= 1, "one frame waits at most");
        }
    }
}
