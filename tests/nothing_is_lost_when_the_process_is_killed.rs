//! Fault 4: `kill -9` of a whole site, over and over: at random moments, while it starts, and at each fail point on the way of an alert
//! (append → sync → send → acknowledge → delete). Nothing that was acknowledged as durable is lost on any way out, nothing is invented,
//! all comes in order; what comes twice is counted.
//!
//! `PARAPET_CYCLES` says how often (30; `script/soak kills` takes 1,000); `PARAPET_SEED` has a run again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "support/proof.rs"]
mod proof;
mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use parapet_testkit::{Dice, RunningSite};
use proof::{Oracle, Starts, in_ms};

/// Where the process can end itself, in the order in which an alert passes.
const POINTS: [&str; 7] = [
    "outbox::append",
    "outbox::synced",
    "outbox::send",
    "outbox::sent",
    "outbox::delete",
    "outbox::deleted",
    "outbox::bury",
];

/// How a life of the site ends.
#[derive(Debug)]
enum Blow {
    /// By itself, when it comes to this point for the nth time.
    At(&'static str, usize),
    /// After some time of work.
    Working(usize),
    /// Before it is ready, it may be.
    Starting(usize),
}

impl Blow {
    /// Each point comes once in two rounds of them; in between the moment is random.
    fn of(cycle: usize, dice: &mut Dice) -> Self {
        match cycle % 4 {
            0 | 2 => Self::At(POINTS[cycle / 2 % POINTS.len()], dice.below(12)),
            1 => Self::Working(dice.below(800)),
            _ if dice.below(2) == 0 => Self::Starting(dice.below(500)),
            _ => Self::Working(dice.below(200)),
        }
    }
}

#[test]
fn kills_at_any_moment_lose_nothing_that_was_acknowledged() {
    let cycles: usize = std::env::var("PARAPET_CYCLES").map_or(30, |text| text.parse().expect("PARAPET_CYCLES"));
    let seed = Dice::seed();
    println!("{cycles} kills; again with PARAPET_SEED={seed}");
    let mut dice = Dice::new(seed);
    let (mut oracle, mut starts) = (Oracle::new(""), Starts::default());
    let (mut kills, mut random) = (BTreeMap::<&str, usize>::new(), 0);
    let mut cycle = 0;
    // A point that was not reached is tried until it is.
    while cycle < cycles || POINTS.iter().any(|point| !kills.contains_key(point)) {
        assert!(cycle < cycles + 100, "points are never reached: only {kills:?}");
        let blow = Blow::of(cycle, &mut dice);
        cycle += 1;
        let mut command = oracle.command();
        if let Blow::At(point, passes) = blow {
            command.env("PARAPET_KILL_AT", format!("{point}={passes}"));
        }
        let mut site = RunningSite::launch(&mut command, oracle.folder.http());
        let over = match blow {
            Blow::Starting(wait) => {
                std::thread::sleep(Duration::from_millis(wait as u64));
                site.has_ended().then(|| panic!("it ends by itself:\n{}", site.log()));
                Instant::now()
            }
            // It may come to its point before it is ready.
            Blow::At(..) => {
                site.gets_ready();
                in_ms(8_000)
            }
            Blow::Working(wait) => {
                assert!(site.gets_ready(), "it ends by itself:\n{}", site.log());
                starts.took(&site);
                in_ms(wait)
            }
        };
        oracle.feed(&mut site, || Instant::now() >= over);
        match blow {
            Blow::At(point, _) if site.has_ended() => *kills.entry(point).or_default() += 1,
            _ => random += 1,
        }
        let log = site.kill().err;
        oracle.account(&log);
    }
    oracle.finish();
    let (usual, longest) = starts.figures();
    let what = format!(
        "{cycle} kills, {random} of them at a random moment, {kills:?}; ready after {usual:.2?}, at most {longest:.2?}"
    );
    oracle.assert_balanced(&what);
    assert!(usual <= Duration::from_secs(5), "it is ready within 5 s: {what}");
}
