//! Where the slots of a model sit: which of them are idle, and how fast each is. Pure but for the bells.
//!
//! It promises: a slot has one seat. When it is replaced, the seat of the one before it (which may hang for ever) is gone at once, and whatever that one
//! still does at its old seat changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Condvar;

use super::{profile::Profile, schedule::Pace};

/// A seat's number; never used twice in a pool.
pub(super) type SeatNumber = u64;

/// All slots of a model that live.
#[derive(Default)]
pub(super) struct Seats {
    seats: BTreeMap<SeatNumber, Seated>,
    /// Those that wait for work, the fastest first.
    idle: BTreeSet<(Duration, SeatNumber)>,
    given: SeatNumber,
}

struct Seated {
    slot: String,
    bell: Arc<Condvar>,
    /// What a view costs it in its best batch.
    per_view: Duration,
    /// What a look at one view takes.
    one: Duration,
}

impl Seats {
    /// A slot sits down, in the place of the one with the same name.
    pub(super) fn add(&mut self, slot: &str, profile: &Profile, bell: Arc<Condvar>) -> SeatNumber {
        let before = self.seats.iter().find(|(_, seated)| seated.slot == slot).map(|(seat, _)| *seat);
        if let Some(before) = before {
            self.remove(before);
        }
        self.given += 1;
        let seated = Seated { slot: slot.to_owned(), bell, per_view: profile.per_view(), one: profile.predict(1) };
        self.seats.insert(self.given, seated);
        self.given
    }

    /// A slot is gone.
    pub(super) fn remove(&mut self, seat: SeatNumber) {
        self.busy(seat);
        self.seats.remove(&seat);
    }

    /// What a slot has learnt of its pace. It does not wait meanwhile.
    pub(super) fn learnt(&mut self, seat: SeatNumber, profile: &Profile) {
        if let Some(seated) = self.seats.get_mut(&seat) {
            (seated.per_view, seated.one) = (profile.per_view(), profile.predict(1));
        }
    }

    /// A slot begins to wait.
    pub(super) fn idle(&mut self, seat: SeatNumber) {
        if let Some(seated) = self.seats.get(&seat) {
            self.idle.insert((seated.one, seat));
        }
    }

    /// A slot waits no more.
    pub(super) fn busy(&mut self, seat: SeatNumber) {
        if let Some(seated) = self.seats.get(&seat) {
            self.idle.remove(&(seated.one, seat));
        }
    }

    /// The fastest of those that wait, to be called by its bell; it counts as busy from now on.
    pub(super) fn call(&mut self) -> Option<Arc<Condvar>> {
        let (_, seat) = self.idle.pop_first()?;
        self.seats.get(&seat).map(|seated| Arc::clone(&seated.bell))
    }

    /// The bells of all.
    pub(super) fn bells(&self) -> impl Iterator<Item = &Arc<Condvar>> {
        self.seats.values().map(|seated| &seated.bell)
    }

    /// The pace of a slot next to the others; `None` when another has its place.
    pub(super) fn pace(&self, seat: SeatNumber) -> Option<Pace> {
        let own = self.seats.get(&seat)?.one;
        let fastest = self.fastest().unwrap_or(own);
        Some(Pace { own, fastest })
    }

    /// What a look at one view takes at the fastest.
    pub(super) fn fastest(&self) -> Option<Duration> {
        self.seats.values().map(|seated| seated.one).min()
    }

    /// Views a second that all slots together get through; infinite while nothing is known of one.
    pub(super) fn per_second(&self) -> f64 {
        self.seats.values().map(|seated| 1.0 / seated.per_view.as_secs_f64()).sum()
    }

    /// Single views a second that all slots together get through.
    pub(super) fn singles_per_second(&self) -> f64 {
        self.seats.values().map(|seated| 1.0 / seated.one.as_secs_f64()).sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn profile(millis: u64) -> Profile {
        let mut profile = Profile::unknown();
        profile.observe(1, Duration::from_millis(millis));
        profile
    }

    #[test]
    fn the_fastest_that_waits_is_called_first() {
        let mut seats = Seats::default();
        let slow = seats.add("cpu", &profile(50), Arc::default());
        let fast_bell = Arc::<Condvar>::default();
        let fast = seats.add("gpu", &profile(5), Arc::clone(&fast_bell));
        seats.idle(slow);
        seats.idle(fast);
        assert!(Arc::ptr_eq(&seats.call().unwrap(), &fast_bell));
        assert!(seats.call().is_some() && seats.call().is_none());
        assert!((seats.per_second() - 220.0).abs() < 1e-6);
        assert_eq!(seats.pace(slow).unwrap().fastest, Duration::from_millis(5));
    }

    #[test]
    fn who_was_replaced_counts_no_more_and_disturbs_nobody() {
        let mut seats = Seats::default();
        let hung = seats.add("slot-0", &profile(5), Arc::default());
        seats.idle(hung);
        let new = seats.add("slot-0", &profile(10), Arc::default());
        assert!((seats.per_second() - 100.0).abs() < 1e-6 && seats.call().is_none());
        seats.idle(hung);
        seats.learnt(hung, &profile(1));
        seats.remove(hung);
        assert!(seats.call().is_none() && seats.pace(hung).is_none());
        seats.idle(new);
        assert!(seats.call().is_some());
    }
}
