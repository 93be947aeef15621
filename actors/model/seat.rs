//! Where the slots of a model sit: which of them are idle, and how fast each is. Pure but for the bells.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use parking_lot::Condvar;

use super::{profile::Profile, schedule::Pace};

/// A slot's number in its pool.
pub(super) type SeatIndex = usize;

/// All slots of a model that live.
#[derive(Default)]
pub(super) struct Seats {
    seats: Vec<Option<Seated>>,
    /// Those that wait for work, the fastest first.
    idle: BTreeSet<(Duration, SeatIndex)>,
}

struct Seated {
    bell: Arc<Condvar>,
    /// What a view costs it in its best batch.
    per_view: Duration,
    /// What a look at one view takes.
    one: Duration,
}

impl Seats {
    /// A slot sits down.
    pub(super) fn add(&mut self, profile: &Profile, bell: Arc<Condvar>) -> SeatIndex {
        let seated = Seated { bell, per_view: profile.per_view(), one: profile.predict(1) };
        match self.seats.iter().position(Option::is_none) {
            Some(free) => {
                self.seats[free] = Some(seated);
                free
            }
            None => {
                self.seats.push(Some(seated));
                self.seats.len() - 1
            }
        }
    }

    /// A slot is gone.
    pub(super) fn remove(&mut self, seat: SeatIndex) {
        self.busy(seat);
        self.seats[seat] = None;
    }

    /// What a slot has learnt of its pace.
    pub(super) fn learnt(&mut self, seat: SeatIndex, profile: &Profile) {
        if let Some(seated) = &mut self.seats[seat] {
            (seated.per_view, seated.one) = (profile.per_view(), profile.predict(1));
        }
    }

    /// A slot begins to wait.
    pub(super) fn idle(&mut self, seat: SeatIndex) {
        if let Some(seated) = &self.seats[seat] {
            self.idle.insert((seated.one, seat));
        }
    }

    /// A slot waits no more.
    pub(super) fn busy(&mut self, seat: SeatIndex) {
        if let Some(seated) = &self.seats[seat] {
            self.idle.remove(&(seated.one, seat));
        }
    }

    /// The fastest of those that wait, to be called by its bell; it counts as busy from now on.
    pub(super) fn call(&mut self) -> Option<Arc<Condvar>> {
        let (_, seat) = self.idle.pop_first()?;
        self.seats[seat].as_ref().map(|seated| Arc::clone(&seated.bell))
    }

    /// The bells of all.
    pub(super) fn bells(&self) -> impl Iterator<Item = &Arc<Condvar>> {
        self.seats.iter().flatten().map(|seated| &seated.bell)
    }

    /// The pace of a slot next to the others.
    pub(super) fn pace(&self, seat: SeatIndex) -> Pace {
        let own = self.seats[seat].as_ref().map_or(Duration::ZERO, |seated| seated.one);
        let fastest = self.seats.iter().flatten().map(|seated| seated.one).min().unwrap_or(own);
        Pace { own, fastest }
    }

    /// Views a second that all slots together get through; infinite while nothing is known of one.
    pub(super) fn per_second(&self) -> f64 {
        self.seats.iter().flatten().map(|seated| 1.0 / seated.per_view.as_secs_f64()).sum()
    }

    /// Single views a second that all slots together get through.
    pub(super) fn singles_per_second(&self) -> f64 {
        self.seats.iter().flatten().map(|seated| 1.0 / seated.one.as_secs_f64()).sum()
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
        let slow = seats.add(&profile(50), Arc::default());
        let fast_bell = Arc::<Condvar>::default();
        let fast = seats.add(&profile(5), Arc::clone(&fast_bell));
        seats.idle(slow);
        seats.idle(fast);
        assert!(Arc::ptr_eq(&seats.call().unwrap(), &fast_bell));
        assert!(seats.call().is_some() && seats.call().is_none());
        assert!((seats.per_second() - 220.0).abs() < 1e-6);
        assert_eq!(seats.pace(slow).fastest, Duration::from_millis(5));
    }

    #[test]
    fn a_place_is_taken_again_and_who_left_is_not_called() {
        let mut seats = Seats::default();
        let first = seats.add(&profile(5), Arc::default());
        seats.idle(first);
        seats.remove(first);
        assert!(seats.call().is_none() && seats.per_second() == 0.0);
        assert_eq!(seats.add(&profile(5), Arc::default()), first);
    }
}
