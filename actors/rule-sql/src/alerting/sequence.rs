//! One thing after another: `A THEN B WITHIN 30s`, `A THEN NOT B WITHIN 30s`, in any number of steps.
//!
//! A *partial* is a match that has come some way. Semantics:
//! - A row takes a partial one step further at most. Rows count in the order in which they come; two of the same time may be
//!   two steps.
//! - A step that must not come (`THEN NOT B WITHIN 30s`) is taken when its time has passed without it; if it comes, the
//!   partial is given up. Without a time of its own (`A THEN NOT B THEN C WITHIN 30s`) it must not come before the next step.
//! - Time runs out at the deadline itself: what comes just then is too late.
//! - A match by a row takes all partials of its key with it, and that row begins none: no event is used twice.
//! - Which partials are kept of a key is its [`Keep`]. Past [`MAX_PARTIALS`] of one key, those that began first go; past the
//!   limit of keys, the keys whose partials began first. Both are counted.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Key;
use super::timers::Timers;
pub use crate::ast::Keep;
use crate::error::EvalError;

/// How many partials one key may have.
pub const MAX_PARTIALS: usize = 100;

/// What a step waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage<C> {
    /// The condition.
    pub condition: C,
    /// It must not come.
    pub absent: bool,
    /// What must not come before.
    pub guards: Vec<C>,
    /// How long after the last step with a time of its own (or the first) it may come, in milliseconds; for one that must
    /// not come, how long after the step before.
    pub within: i64,
    /// Whether that time is its own.
    pub own_time: bool,
}

/// A match that has come some way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Partial<R> {
    /// The step that it waits for.
    stage: usize,
    began: i64,
    /// From when the time of its step runs.
    anchor: i64,
    /// The rows of the steps so far; none for steps that did not come.
    pub rows: Vec<Option<R>>,
}

/// All steps were taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Match<R> {
    /// Of which key.
    pub key: Key,
    /// When it began.
    pub since: i64,
    /// When its last step was taken.
    pub at: i64,
    /// The rows of its steps; none for steps that did not come.
    pub rows: Vec<Option<R>>,
}

/// See the module. `C` are conditions, `R` rows.
#[derive(Debug, Clone)]
pub struct Matcher<R> {
    /// No key is without partials.
    partials: HashMap<Key, Vec<Partial<R>>>,
    timers: Timers,
    dropped: u64,
}

/// The state of a [`Matcher`], written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedMatcher<R> {
    /// By key.
    pub partials: BTreeMap<Key, Vec<Partial<R>>>,
    dropped: u64,
}

impl<R> Default for Matcher<R> {
    fn default() -> Self {
        Self { partials: HashMap::new(), timers: Timers::default(), dropped: 0 }
    }
}

impl<R> Partial<R> {
    fn deadline<C>(&self, stages: &[Stage<C>]) -> i64 {
        stages.get(self.stage).map_or(i64::MAX, |stage| self.anchor.saturating_add(stage.within))
    }

    /// Takes its step at `at`.
    fn step<C>(&mut self, stages: &[Stage<C>], at: i64, row: Option<R>) {
        self.rows.push(row);
        let own = stages.get(self.stage).is_some_and(|stage| stage.own_time);
        // What must not come is waited for from the step before, whatever that was.
        let next_is_absent = stages.get(self.stage + 1).is_some_and(|stage| stage.absent);
        if own || next_is_absent {
            self.anchor = at;
        }
        self.stage += 1;
    }
}

impl<R: Clone> Matcher<R> {
    /// Whether a key has partials.
    pub fn waits(&self, key: &str) -> bool {
        self.partials.contains_key(key)
    }

    /// Whether there are partials at all.
    pub fn is_empty(&self) -> bool {
        self.partials.is_empty()
    }

    /// How many partials there are.
    pub fn len(&self) -> usize {
        self.partials.values().map(Vec::len).sum()
    }

    /// How many partials were given up because there were too many.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// A row of this key has come at a time; `row` gives it as the row of a step. `holds` says whether a condition holds
    /// for it, given the rows of the steps before.
    ///
    /// # Errors
    /// When a condition cannot be evaluated; partials not looked at yet stay as they are.
    pub fn row<C>(
        &mut self,
        stages: &[Stage<C>],
        keep: Keep,
        key: &str,
        (at, row): (i64, &impl Fn(usize) -> R),
        mut holds: impl FnMut(&C, &[Option<R>]) -> Result<bool, EvalError>,
    ) -> Result<Option<Match<R>>, EvalError> {
        let Some(open) = self.partials.get_mut(key) else {
            if begins(stages, &mut holds)? {
                self.put(stages, Arc::from(key), vec![begin(at, row(0))]);
            }
            return Ok(None);
        };
        let result = match go_on(open, stages, (at, row), &mut holds) {
            Ok(Some((since, rows))) => Ok(Some(Match { key: Arc::from(key), since, at, rows })),
            Ok(None) => {
                if keep != Keep::Each {
                    keep_one(open, keep);
                }
                begins(stages, &mut holds).map(|begins| {
                    if begins {
                        add(open, keep, begin(at, row(0)));
                    }
                    None
                })
            }
            Err(error) => Err(error),
        };
        if open.len() > MAX_PARTIALS {
            self.dropped += 1;
            open.remove(0);
        }
        match next_deadline(open, stages) {
            Some(next) if self.timers.wakes_by(key, next) => {}
            Some(next) => self.timers.wake(&Arc::from(key), next),
            None => {
                self.partials.remove(key);
                self.timers.forget(key);
            }
        }
        result
    }

    fn put<C>(&mut self, stages: &[Stage<C>], key: Key, open: Vec<Partial<R>>) {
        match next_deadline(&open, stages) {
            Some(next) => {
                self.timers.wake(&key, next);
                self.partials.insert(key, open);
            }
            None => self.timers.forget(&key),
        }
    }

    /// The time has come this far: takes one match that time alone has made, in the order of time.
    pub fn due<C>(&mut self, stages: &[Stage<C>], now: i64) -> Option<Match<R>> {
        while let Some(key) = self.timers.pop(now) {
            let mut open = self.partials.remove(&key).unwrap_or_default();
            // One deadline after the other: a step that was taken at one may have its next within the same `now`.
            while let Some((place, deadline)) = earliest(&open, stages).filter(|(_, deadline)| *deadline <= now) {
                let mut partial = open.remove(place);
                if !stages.get(partial.stage).is_some_and(|stage| stage.absent) {
                    continue;
                }
                partial.step(stages, deadline, None);
                if partial.stage < stages.len() {
                    open.push(partial);
                    continue;
                }
                self.put(stages, Arc::clone(&key), open);
                return Some(Match { key, since: partial.began, at: deadline, rows: partial.rows });
            }
            self.put(stages, key, open);
        }
        None
    }

    /// When time may make a match or end one next.
    pub fn next_timer(&self) -> Option<i64> {
        self.timers.next()
    }

    /// Past `limit` keys, gives up an eighth of them, those whose partials began first.
    pub fn bound(&mut self, limit: usize) {
        let limit = limit.max(1);
        if self.partials.len() <= limit {
            return;
        }
        let began = |open: &[Partial<R>]| open.iter().map(|partial| partial.began).min().unwrap_or(i64::MIN);
        let mut ages: Vec<(i64, Key)> = self.partials.iter().map(|(key, p)| (began(p), Arc::clone(key))).collect();
        ages.sort_unstable();
        let count = self.partials.len() - limit + limit / 8;
        for (_, key) in ages.into_iter().take(count) {
            self.dropped += self.partials.remove(&key).map_or(0, |open| open.len() as u64);
            self.timers.forget(&key);
        }
    }

    /// Writes the state down.
    pub fn save(&self) -> SavedMatcher<R> {
        let partials = self.partials.iter().map(|(key, open)| (Arc::clone(key), open.clone())).collect();
        SavedMatcher { partials, dropped: self.dropped }
    }

    /// Takes up a state. False: it is that of another sequence.
    #[must_use]
    pub fn restore<C>(&mut self, stages: &[Stage<C>], saved: SavedMatcher<R>) -> bool {
        let fits =
            |partial: &Partial<R>| (1..stages.len()).contains(&partial.stage) && partial.rows.len() == partial.stage;
        if !saved.partials.values().flatten().all(fits) {
            return false;
        }
        (self.timers, self.dropped) = (Timers::default(), saved.dropped);
        self.partials.clear();
        for (key, open) in saved.partials {
            self.put(stages, key, open);
        }
        true
    }
}

impl<R> SavedMatcher<R> {
    /// Whether all times lie within `limit` milliseconds of 1970.
    pub fn within(&self, limit: i64) -> bool {
        let inside = |t: i64| (-limit..=limit).contains(&t);
        self.partials.values().flatten().all(|partial| inside(partial.began) && inside(partial.anchor))
    }
}

fn begin<R>(at: i64, row: R) -> Partial<R> {
    Partial { stage: 1, began: at, anchor: at, rows: vec![Some(row)] }
}

/// Whether a row is the first step.
fn begins<R, C>(
    stages: &[Stage<C>],
    holds: &mut impl FnMut(&C, &[Option<R>]) -> Result<bool, EvalError>,
) -> Result<bool, EvalError> {
    stages.first().map_or(Ok(false), |first| holds(&first.condition, &[]))
}

/// Adds a partial that has just begun, where those that are kept leave room for it.
fn add<R>(open: &mut Vec<Partial<R>>, keep: Keep, partial: Partial<R>) {
    match keep {
        Keep::First if !open.is_empty() => {}
        Keep::Last => {
            open.retain(|other| other.stage != 1);
            open.push(partial);
        }
        _ => open.push(partial),
    }
}

/// When time may make a match of a key's partials or end one; none when there is no partial.
fn next_deadline<R, C>(open: &[Partial<R>], stages: &[Stage<C>]) -> Option<i64> {
    open.iter().map(|partial| partial.deadline(stages)).min()
}

fn earliest<R, C>(open: &[Partial<R>], stages: &[Stage<C>]) -> Option<(usize, i64)> {
    open.iter().enumerate().map(|(i, partial)| (i, partial.deadline(stages))).min_by_key(|(_, deadline)| *deadline)
}

type Done<R> = (i64, Vec<Option<R>>);

/// Takes the partials further, those that began last first. A match ends them all.
fn go_on<R, C>(
    open: &mut Vec<Partial<R>>,
    stages: &[Stage<C>],
    (at, row): (i64, &impl Fn(usize) -> R),
    holds: &mut impl FnMut(&C, &[Option<R>]) -> Result<bool, EvalError>,
) -> Result<Option<Done<R>>, EvalError> {
    let mut place = open.len();
    while place > 0 {
        place -= 1;
        let Some(partial) = open.get_mut(place) else { continue };
        let Some(stage) = stages.get(partial.stage) else { continue };
        let mut given_up = false;
        for guard in &stage.guards {
            given_up = given_up || holds(guard, &partial.rows)?;
        }
        if given_up {
            open.remove(place);
            continue;
        }
        if !holds(&stage.condition, &partial.rows)? {
            continue;
        }
        if stage.absent {
            open.remove(place);
            continue;
        }
        partial.step(stages, at, Some(row(partial.stage)));
        if partial.stage >= stages.len() {
            let partial = open.remove(place);
            open.clear();
            return Ok(Some((partial.began, partial.rows)));
        }
    }
    Ok(None)
}

/// Of partials that wait for the same step, one is kept: the one whose time runs out first or last.
fn keep_one<R>(open: &mut Vec<Partial<R>>, keep: Keep) {
    let before = |a: &Partial<R>, b: &Partial<R>| (a.anchor, a.began) < (b.anchor, b.began);
    let mut place = 0;
    while let Some(partial) = open.get(place) {
        let beaten = open.iter().enumerate().any(|(other_place, other)| {
            other.stage == partial.stage
                && other_place != place
                && match keep {
                    Keep::First => before(other, partial) || (!before(partial, other) && other_place < place),
                    _ => before(partial, other) || (!before(other, partial) && other_place > place),
                }
        });
        if beaten {
            open.remove(place);
        } else {
            place += 1;
        }
    }
}
