//! From counters that only grow to rates, smoothed over a few seconds. Pure.

use std::time::Duration;

use crate::model::pool::Load;

/// What is older counts less and less: to a third after this long.
const MEMORY: Duration = Duration::from_secs(2);

/// What the machine decides by.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::model) struct Reading {
    /// Frames a second of normal and high priority that come within the declared rate.
    pub wanted: f64,
    /// Those of low priority.
    pub wanted_low: f64,
    /// Cameras.
    pub feeds: usize,
    /// The part of the frames meant for a slot that were replaced before one was free.
    pub missed: f64,
    /// Frames a second that the model's slots get through.
    pub per_second: f64,
    /// Frames a second that the lighter model's slots get through beside what it does for others.
    pub lighter_per_second: f64,
}

/// Sums of what was counted, each second worth less than the next.
#[derive(Debug, Default)]
pub(in crate::model) struct Meter {
    last: Option<(Duration, Load, Option<Load>)>,
    sums: Sums,
}

#[derive(Debug, Default)]
struct Sums {
    seconds: f64,
    wanted: f64,
    wanted_low: f64,
    passed: f64,
    taken: f64,
    missed: f64,
    lighter_wanted: f64,
    lighter_taken: f64,
    lighter_missed: f64,
}

impl Sums {
    fn fade(&mut self, by: f64) {
        for sum in [
            &mut self.seconds,
            &mut self.wanted,
            &mut self.wanted_low,
            &mut self.passed,
            &mut self.taken,
            &mut self.missed,
            &mut self.lighter_wanted,
            &mut self.lighter_taken,
            &mut self.lighter_missed,
        ] {
            *sum *= by;
        }
    }
}

impl Meter {
    /// What was counted until `now` by the model's pool, and by the lighter model's; `lighter_looks` while that one stands in.
    pub(in crate::model) fn read(
        &mut self,
        now: Duration,
        own: Load,
        lighter: Option<Load>,
        lighter_looks: bool,
    ) -> Reading {
        if let Some((then, before, lighter_before)) = self.last.replace((now, own, lighter)) {
            let passed = now.saturating_sub(then);
            self.sums.fade((-passed.as_secs_f64() / MEMORY.as_secs_f64()).exp());
            self.sums.seconds += passed.as_secs_f64();
            let (t, b, s) = (own.totals, before.totals, &mut self.sums);
            s.wanted += t.wanted.saturating_sub(b.wanted) as f64;
            s.wanted_low += t.wanted_low.saturating_sub(b.wanted_low) as f64;
            s.passed += t.passed_on.saturating_sub(b.passed_on) as f64;
            s.taken += t.taken.saturating_sub(b.taken) as f64;
            s.missed += t.missed.saturating_sub(b.missed) as f64;
            if let (Some(l), Some(b)) = (lighter.map(|l| l.totals), lighter_before.map(|l| l.totals)) {
                let wanted = l.wanted.saturating_sub(b.wanted) + l.wanted_low.saturating_sub(b.wanted_low);
                s.lighter_wanted += wanted as f64;
                s.lighter_taken += l.taken.saturating_sub(b.taken) as f64;
                s.lighter_missed += l.missed.saturating_sub(b.missed) as f64;
            }
        }
        self.reading(own, lighter, lighter_looks)
    }

    fn reading(&self, own: Load, lighter: Option<Load>, lighter_looks: bool) -> Reading {
        let s = &self.sums;
        let a_second = |sum: f64| if s.seconds > 0.0 { sum / s.seconds } else { 0.0 };
        let (taken, missed) = if lighter_looks { (s.lighter_taken, s.lighter_missed) } else { (s.taken, s.missed) };
        let others = (a_second(s.lighter_wanted) - a_second(s.passed)).max(0.0);
        Reading {
            wanted: a_second(s.wanted),
            wanted_low: a_second(s.wanted_low),
            feeds: own.feeds,
            missed: if missed > 0.0 { missed / (taken + missed) } else { 0.0 },
            per_second: own.per_second,
            lighter_per_second: lighter.map_or(0.0, |l| (l.per_second - others).max(0.0)),
        }
    }
}
