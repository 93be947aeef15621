//! When a child is restarted: the rules, and the record that they are applied to.
//!
//! Pure: no actor, no clock, no random number of its own. The promise, property-tested below: as long as a child's budget
//! lasts, no span of `within` holds more than `max_restarts` of its restarts.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;

/// Who else is restarted when a child fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Nobody.
    #[default]
    OneForOne,
    /// All children: stopped in reverse order, then started in order.
    OneForAll,
    /// The children that come after it, in the same manner.
    RestForOne,
}

impl Strategy {
    /// Whether the failure of the child at position `failed` restarts its sibling at `other`.
    #[must_use]
    pub fn affects(self, failed: u64, other: u64) -> bool {
        match self {
            Self::OneForOne => false,
            Self::OneForAll => other != failed,
            Self::RestForOne => other > failed,
        }
    }
}

/// Which ends of a child lead to a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Every end, also a normal one.
    #[default]
    Permanent,
    /// Only a failure. A child that ended normally stays ended, and stays visible.
    Transient,
    /// None: however it ends, the child is forgotten, and its end restarts no sibling.
    Temporary,
}

/// How many restarts a child may have in a sliding span of time. Each child has a budget of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Restarts allowed within any span of `within`.
    pub max_restarts: u32,
    /// Length of the span. A child that ran this long without a failure is healthy again.
    pub within: Duration,
}

impl Default for Budget {
    /// 5 restarts in 60 s.
    fn default() -> Self {
        Self { max_restarts: 5, within: Duration::from_secs(60) }
    }
}

impl Budget {
    /// A budget that is never spent; the backoff alone paces the restarts.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { max_restarts: u32::MAX, ..Self::default() }
    }
}

/// What follows when a child's budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenSpent {
    /// The supervisor stops its children and fails; its own parent decides.
    #[default]
    Escalate,
    /// The child is FAILED and is tried again at this pace, until it has run for [`Budget::within`].
    RetrySlowly {
        /// Time from a failure to the next try.
        every: Duration,
    },
}

/// A child's rules for restarts, together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RestartRule {
    /// How often.
    pub budget: Budget,
    /// How soon.
    pub backoff: Backoff,
    /// And then.
    pub when_spent: WhenSpent,
}

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Start the child again after this wait.
    Retry {
        /// The wait, from now.
        after: Duration,
        /// The budget is spent: this is one of the slow tries.
        slow: bool,
        /// This very failure spent the budget.
        just_spent: bool,
    },
    /// The budget is spent, and the supervisor fails.
    Escalate,
}

/// Planned restarts kept at most; bounds memory for a child without limit or delay.
const WINDOW_LIMIT: usize = 4096;

/// What the rules need to know of a child's past.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// When the restarts of the last `within` were due, oldest first.
    window: VecDeque<Instant>,
    attempt: u32,
    slow: bool,
}

impl History {
    /// A child failed at `now` after it had run for `ran` (zero when it did not start): what follows?
    /// `unit` is a random number in `0.0..1.0`, for the jitter.
    pub fn on_failure(&mut self, rule: &RestartRule, now: Instant, ran: Duration, unit: f64) -> Verdict {
        if ran >= rule.budget.within {
            self.slow = false;
            self.attempt = 0;
        }
        let after = rule.backoff.delay(self.attempt, unit);
        self.attempt = self.attempt.saturating_add(1);
        if !self.slow {
            let due = now + after;
            self.forget_before(due, rule.budget.within);
            if self.window.len() < usize::try_from(rule.budget.max_restarts).unwrap_or(usize::MAX) {
                self.record(due);
                return Verdict::Retry { after, slow: false, just_spent: false };
            }
        }
        match rule.when_spent {
            WhenSpent::Escalate => Verdict::Escalate,
            WhenSpent::RetrySlowly { every } => {
                let just_spent = !self.slow;
                self.slow = true;
                self.record(now + every);
                Verdict::Retry { after: every, slow: true, just_spent }
            }
        }
    }

    /// Restarts that were due within the last `within`.
    #[must_use]
    pub fn in_window(&self, within: Duration, now: Instant) -> u32 {
        let count = self.window.iter().filter(|due| **due <= now && now.duration_since(**due) < within).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// A deliberate restart begins with a clean record.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn record(&mut self, due: Instant) {
        if self.window.len() >= WINDOW_LIMIT {
            self.window.pop_front();
        }
        self.window.push_back(due);
    }

    fn forget_before(&mut self, due: Instant, within: Duration) {
        while self.window.front().is_some_and(|oldest| due.saturating_duration_since(*oldest) >= within) {
            self.window.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn rule(max_restarts: u32, when_spent: WhenSpent) -> RestartRule {
        RestartRule { budget: Budget { max_restarts, within: MINUTE }, backoff: Backoff::default(), when_spent }
    }

    #[test]
    fn the_failure_after_the_last_allowed_restart_escalates() {
        let rule = rule(2, WhenSpent::Escalate);
        let mut history = History::default();
        let now = Instant::now();
        assert!(matches!(history.on_failure(&rule, now, Duration::ZERO, 0.5), Verdict::Retry { slow: false, .. }));
        assert!(matches!(history.on_failure(&rule, now, Duration::ZERO, 0.5), Verdict::Retry { slow: false, .. }));
        assert_eq!(history.on_failure(&rule, now, Duration::ZERO, 0.5), Verdict::Escalate);
    }

    #[test]
    fn no_restart_allowed_means_that_the_first_failure_escalates() {
        let mut history = History::default();
        let verdict = history.on_failure(&rule(0, WhenSpent::Escalate), Instant::now(), MINUTE, 0.5);
        assert_eq!(verdict, Verdict::Escalate);
    }

    #[test]
    fn slow_tries_stay_slow_until_the_child_has_run_for_the_span() {
        let every = Duration::from_secs(60);
        let rule = rule(1, WhenSpent::RetrySlowly { every });
        let mut history = History::default();
        let now = Instant::now();
        history.on_failure(&rule, now, Duration::ZERO, 0.5);
        let spent = history.on_failure(&rule, now, Duration::ZERO, 0.5);
        assert_eq!(spent, Verdict::Retry { after: every, slow: true, just_spent: true });
        let later = now + 10 * MINUTE;
        let again = history.on_failure(&rule, later, MINUTE - Duration::from_millis(1), 0.5);
        assert_eq!(again, Verdict::Retry { after: every, slow: true, just_spent: false });
        let healthy = history.on_failure(&rule, later + 10 * MINUTE, MINUTE, 0.5);
        assert_eq!(healthy, Verdict::Retry { after: Duration::from_millis(100), slow: false, just_spent: false });
    }

    #[test]
    fn a_deliberate_restart_refills_the_budget() {
        let rule = rule(1, WhenSpent::Escalate);
        let mut history = History::default();
        let now = Instant::now();
        history.on_failure(&rule, now, Duration::ZERO, 0.5);
        history.reset();
        assert!(matches!(history.on_failure(&rule, now, Duration::ZERO, 0.5), Verdict::Retry { .. }));
    }

    proptest! {
        #[test]
        fn no_span_holds_more_restarts_than_the_budget(
            max in 0u32..6, gaps in prop::collection::vec(0u64..30_000, 1..80), unit in 0.0f64..1.0, jitter in 0.0f64..1.0,
        ) {
            let rule = RestartRule { backoff: Backoff { jitter, ..Backoff::default() }, ..rule(max, WhenSpent::Escalate) };
            let mut history = History::default();
            let mut now = Instant::now();
            let mut restarts = Vec::new();
            for gap in gaps {
                let ran = Duration::from_millis(gap);
                now += ran;
                let Verdict::Retry { after, .. } = history.on_failure(&rule, now, ran, unit) else { break };
                now += after;
                restarts.push(now);
            }
            for (index, last) in restarts.iter().enumerate() {
                let held = restarts[..=index].iter().filter(|at| last.duration_since(**at) < MINUTE).count();
                prop_assert!(held <= max as usize, "{held} restarts within a minute, {max} allowed");
            }
        }

        #[test]
        fn a_child_slower_than_its_budget_never_spends_it(max in 1u32..6, failures in 1usize..50) {
            let rule = rule(max, WhenSpent::Escalate);
            let mut history = History::default();
            let mut now = Instant::now();
            for _ in 0..failures {
                let ran = MINUTE / max + Duration::from_millis(1);
                now += ran;
                match history.on_failure(&rule, now, ran, 0.5) {
                    Verdict::Retry { after, slow, .. } => { prop_assert!(!slow); now += after; }
                    Verdict::Escalate => prop_assert!(false, "escalated"),
                }
            }
        }
    }
}
