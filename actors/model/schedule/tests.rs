//! Who is looked at, in virtual time.

use proptest::prelude::*;

use super::*;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const SAME: Pace = Pace { own: ms(10), fastest: ms(10) };

/// A camera of the simulation.
#[derive(Debug, Clone)]
struct Source {
    priority: Priority,
    /// When it has a frame.
    frames: Vec<Duration>,
}

fn steady(fps: u64, seconds: u64) -> Source {
    let frames = (0..fps * seconds).map(|n| Duration::from_nanos(n * 1_000_000_000 / fps));
    Source { priority: Priority::Normal, frames: frames.collect() }
}

/// Nothing for a second, then as many frames as five seconds should have, within the next.
fn bursty(seconds: u64) -> Source {
    let frames = (0..seconds).step_by(2).flat_map(|second| (0..25).map(move |n| ms(second * 1000 + n * 40)));
    Source { priority: Priority::Normal, frames: frames.collect() }
}

/// How often each source was looked at in each second, and how long a frame of it waited at most, newer ones in its place included.
struct Outcome {
    seconds: Vec<Vec<f64>>,
    /// How many frames each source had for a slot in each second: those that came, and one that still waited from before.
    wanted: Vec<Vec<f64>>,
    gaps: Vec<Duration>,
}

impl Outcome {
    fn looks(&self, source: usize) -> f64 {
        self.seconds.iter().map(|second| second[source]).sum()
    }
}

/// Runs one slot that takes `each` a look until all frames are gone.
fn simulate(sources: &[Source], each: Duration, target: Duration) -> Outcome {
    let mut schedule = Schedule::default();
    for (index, source) in sources.iter().enumerate() {
        schedule.set(index, source.priority);
    }
    let mut events: Vec<(Duration, usize)> =
        sources.iter().enumerate().flat_map(|(i, s)| s.frames.iter().map(move |at| (*at, i))).collect();
    events.sort();
    let end = events.last().map_or(Duration::ZERO, |(at, _)| *at);
    let seconds = vec![vec![0.0; sources.len()]; end.as_secs() as usize + 1];
    let mut outcome = Outcome { wanted: seconds.clone(), seconds, gaps: vec![Duration::ZERO; sources.len()] };
    let mut since: Vec<Option<Duration>> = vec![None; sources.len()];
    let mut newest = vec![Duration::ZERO; sources.len()];
    let (mut now, mut next) = (Duration::ZERO, 0);
    while now <= end {
        while let Some(&(at, index)) = events.get(next).filter(|(at, _)| *at <= now) {
            schedule.wait(index, at + target);
            since[index].get_or_insert(at);
            newest[index] = at;
            outcome.wanted[at.as_secs() as usize][index] += 1.0;
            next += 1;
        }
        match schedule.choose(now, SAME) {
            Choice::Take(index) => {
                schedule.taken(index);
                let second = now.as_secs() as usize;
                outcome.seconds[second][index] += 1.0;
                if newest[index].as_secs() < now.as_secs() {
                    outcome.wanted[second][index] += 1.0;
                }
                let waited = since[index].take().map_or(Duration::ZERO, |since| now.saturating_sub(since));
                outcome.gaps[index] = outcome.gaps[index].max(waited);
                now += each;
            }
            _ => now = events.get(next).map_or(end + ms(1), |(at, _)| *at),
        }
    }
    outcome
}

/// Jain's index: 1 when all are equal, 1 ÷ n when one has everything.
fn jain(shares: &[f64]) -> f64 {
    let (sum, squares) = shares.iter().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    sum * sum / (shares.len() as f64 * squares)
}

/// What each may get: weighted max–min. Nobody gets more than it wants, and what is left goes to the others by their weight.
fn fair(wants: &[f64], weights: &[f64], total: f64) -> Vec<f64> {
    let (mut low, mut high) = (0.0, total);
    for _ in 0..100 {
        let level = (low + high) / 2.0;
        let given: f64 = wants.iter().zip(weights).map(|(want, weight)| want.min(level * weight)).sum();
        if given > total { high = level } else { low = level }
    }
    wants.iter().zip(weights).map(|(want, weight)| want.min(low * weight)).collect()
}

#[test]
fn in_saturation_everyone_gets_what_it_may() {
    // One of 30 fps, nine of 5 fps, one bursty; 11 ms a look would do for all, 40 ms does not.
    let seconds = 120;
    for each in [ms(25), ms(40), ms(90)] {
        let mut sources = vec![steady(30, seconds)];
        sources.extend(std::iter::repeat_n(steady(5, seconds), 9));
        sources.push(bursty(seconds));
        let outcome = simulate(&sources, each, ms(500));
        let mut may = [0.0; 11];
        // Second by second: nobody can be shown a frame that is not there yet, or was replaced in a second before.
        for (wants, looks) in outcome.wanted.iter().zip(&outcome.seconds) {
            for (sum, part) in may.iter_mut().zip(fair(wants, &[1.0; 11], looks.iter().sum())) {
                *sum += part;
            }
        }
        let shares: Vec<f64> = may.iter().enumerate().map(|(source, may)| outcome.looks(source) / may).collect();
        assert!(jain(&shares) > 0.99, "{each:?}: {shares:?}");
        let longest = outcome.gaps.iter().max();
        assert!(longest.is_some_and(|gap| *gap <= each * 33), "{longest:?}");
    }
}

#[test]
fn below_saturation_the_earliest_deadline_goes_first() {
    let mut schedule = Schedule::default();
    for index in 0..4 {
        schedule.set(index, Priority::Normal);
    }
    for (index, deadline) in [(0, 300), (1, 100), (2, 400), (3, 200)] {
        schedule.wait(index, ms(deadline));
    }
    let mut order = Vec::new();
    while let Choice::Take(index) = schedule.choose(ms(0), SAME) {
        schedule.taken(index);
        order.push(index);
    }
    assert_eq!(order, [1, 3, 0, 2]);
    assert_eq!(schedule.choose(ms(0), SAME), Choice::Idle);
}

#[test]
fn a_newer_frame_moves_the_deadline_and_one_that_is_withdrawn_is_gone() {
    let mut schedule = Schedule::default();
    schedule.set(0, Priority::Normal);
    schedule.wait(0, ms(10));
    schedule.wait(0, ms(20));
    assert_eq!((schedule.len(), schedule.choose(ms(0), SAME)), (1, Choice::Take(0)));
    schedule.withdraw(0);
    assert_eq!((schedule.len(), schedule.choose(ms(0), SAME)), (0, Choice::Idle));
}

#[test]
fn priorities_weigh_four_to_one_and_none_starves() {
    let source = |priority| Source { priority, ..steady(30, 200) };
    let sources = [source(Priority::High), source(Priority::Normal), source(Priority::Low)];
    let outcome = simulate(&sources, ms(100), ms(500));
    let [high, normal, low] = [0, 1, 2].map(|source| outcome.looks(source));
    assert!(low > 90.0, "{low}");
    assert!((normal / low - 4.0).abs() < 0.2 && (high / low - 16.0).abs() < 0.5, "{high} {normal} {low}");
}

#[test]
fn who_was_away_saves_no_turns_up() {
    let mut late = steady(30, 60);
    late.frames.retain(|at| *at > Duration::from_secs(30));
    let outcome = simulate(&[steady(30, 60), late], ms(100), ms(500));
    assert!(outcome.looks(1) <= 151.0, "{}", outcome.looks(1));
}

#[test]
fn a_slow_slot_leaves_what_only_a_fast_one_can_do_in_time() {
    let slow = Pace { own: ms(300), fastest: ms(10) };
    let mut schedule = Schedule::default();
    for index in 0..60 {
        schedule.set(index, Priority::Normal);
    }
    schedule.wait(0, ms(100));
    assert_eq!(schedule.choose(ms(0), slow), Choice::Leave(ms(90)));
    assert_eq!(schedule.choose(ms(90), slow), Choice::Take(0), "the fast one seems to be away");
    schedule.wait(1, ms(500));
    assert_eq!(schedule.choose(ms(0), slow), Choice::Take(1), "that one it can do");
    schedule.withdraw(1);
    for index in 0..60 {
        schedule.wait(index, ms(100));
    }
    assert_eq!(schedule.choose(ms(0), slow), Choice::Take(0), "more waits than the fast ones can do");
}

proptest! {
    /// Work is never left lying; the sets agree with each other; whatever comes and goes, a feed that keeps waiting is passed a bounded number of times.
    #[test]
    fn nobody_waits_for_ever_and_no_slot_is_idle(
        priorities in prop::collection::vec(0_u8..3, 1..12),
        steps in prop::collection::vec((0_usize..12, 0_u64..500, 0_u8..6), 1..400),
    ) {
        let priority = |n: usize| [Priority::Low, Priority::Normal, Priority::High][usize::from(priorities[n])];
        let feeds = priorities.len();
        let mut schedule = Schedule::default();
        for index in 0..feeds {
            schedule.set(index, priority(index));
        }
        let mut waits = vec![false; feeds];
        // How often each other feed was taken since this one began to wait.
        let mut passed = vec![vec![0_u64; feeds]; feeds];
        for (n, (index, within, what)) in steps.into_iter().enumerate() {
            let (now, index) = (ms(n as u64 * 10), index % feeds);
            match what {
                0 => {
                    schedule.withdraw(index);
                    waits[index] = false;
                }
                1 | 2 => {
                    schedule.wait(index, now + ms(within));
                    if !std::mem::replace(&mut waits[index], true) {
                        passed[index].fill(0);
                    }
                }
                _ => match schedule.choose(now, SAME) {
                    Choice::Take(taken) => {
                        prop_assert!(waits[taken]);
                        schedule.taken(taken);
                        waits[taken] = false;
                        for waiting in (0..feeds).filter(|w| waits[*w]) {
                            passed[waiting][taken] += 1;
                            let bound = (2 * ROUND + cost(priority(waiting))) / cost(priority(taken)) + 1;
                            prop_assert!(passed[waiting][taken] <= bound, "{} passed {} times", taken, passed[waiting][taken]);
                        }
                    }
                    other => {
                        prop_assert_eq!(other, Choice::Idle);
                        prop_assert!(waits.iter().all(|waits| !waits));
                    }
                },
            }
            prop_assert_eq!(schedule.len(), waits.iter().filter(|w| **w).count());
            prop_assert_eq!(schedule.len(), schedule.eligible.len() + schedule.ahead.len());
        }
    }
}
