//! In which order children start and stop: pure functions of where each of them stands.

use crate::policy::Strategy;

/// Where a child stands, as far as its siblings are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Posture {
    Waiting,
    Starting,
    Running,
    Backoff,
    Stopping,
    Ended,
}

/// A child in the eyes of its siblings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stance {
    pub posture: Posture,
    /// Its first start is over, well or not.
    pub tried: bool,
    /// A sibling's failure wants it stopped.
    pub to_stop: bool,
    /// A predecessor with the same id is still there.
    pub held: bool,
}

/// The child that is to be stopped now: they stop in reverse order, one after the other.
pub(crate) fn next_to_stop(children: &[Stance]) -> Option<usize> {
    for (index, child) in children.iter().enumerate().rev() {
        if child.posture == Posture::Stopping {
            return None;
        }
        if child.to_stop {
            return Some(index);
        }
    }
    None
}

/// The children that are to be started now.
///
/// - One for one: a first start waits until those before it have been tried (unless `concurrent`); a restart waits for nobody.
/// - Rest for one: a start waits until all before it are up, and all after it that are to stop have stopped.
/// - One for all: a start waits, besides, while any child waits for its restart or is to stop.
pub(crate) fn to_start(strategy: Strategy, concurrent: bool, children: &[Stance]) -> Vec<usize> {
    let ending = |child: &Stance| child.to_stop || child.posture == Posture::Stopping;
    let last_ending = children.iter().rposition(ending);
    let hold_all = last_ending.is_some() || children.iter().any(|child| child.posture == Posture::Backoff);
    let mut open = true;
    let mut found = Vec::new();
    for (index, child) in children.iter().enumerate() {
        let waiting = child.posture == Posture::Waiting && !child.held;
        let start = waiting
            && match strategy {
                Strategy::OneForOne => concurrent || child.tried || open,
                Strategy::RestForOne => open && last_ending.is_none_or(|last| last < index),
                Strategy::OneForAll => open && !hold_all,
            };
        if start {
            found.push(index);
        }
        open &= match strategy {
            Strategy::OneForOne => child.tried || !matches!(child.posture, Posture::Waiting | Posture::Starting),
            Strategy::RestForOne | Strategy::OneForAll => matches!(child.posture, Posture::Running | Posture::Ended),
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use Posture::{Backoff, Ended, Running, Starting, Stopping, Waiting};

    fn stances(postures: &[Posture]) -> Vec<Stance> {
        postures.iter().map(|posture| Stance { posture: *posture, tried: false, to_stop: false, held: false }).collect()
    }

    fn starts(strategy: Strategy, postures: &[Posture]) -> Vec<usize> {
        to_start(strategy, false, &stances(postures))
    }

    #[test]
    fn first_starts_come_one_after_the_other() {
        for strategy in [Strategy::OneForOne, Strategy::RestForOne, Strategy::OneForAll] {
            assert_eq!(starts(strategy, &[Waiting, Waiting, Waiting]), [0], "{strategy:?}");
            assert_eq!(starts(strategy, &[Running, Starting, Waiting]), [0; 0], "{strategy:?}");
            assert_eq!(starts(strategy, &[Running, Ended, Waiting]), [2], "{strategy:?}");
        }
        assert_eq!(to_start(Strategy::OneForOne, true, &stances(&[Starting, Waiting, Waiting])), [1, 2]);
    }

    #[test]
    fn a_child_that_waits_for_its_restart_holds_up_only_those_who_need_it() {
        assert_eq!(starts(Strategy::OneForOne, &[Backoff, Waiting]), [1]);
        assert_eq!(starts(Strategy::RestForOne, &[Backoff, Waiting]), [0; 0]);
        assert_eq!(starts(Strategy::RestForOne, &[Waiting, Backoff]), [0]);
        assert_eq!(starts(Strategy::OneForAll, &[Waiting, Backoff]), [0; 0]);
    }

    #[test]
    fn nothing_starts_before_those_that_need_it_have_stopped() {
        assert_eq!(starts(Strategy::RestForOne, &[Waiting, Stopping]), [0; 0]);
        assert_eq!(starts(Strategy::OneForAll, &[Waiting, Stopping]), [0; 0]);
        assert_eq!(starts(Strategy::OneForOne, &[Waiting, Stopping]), [0]);
    }

    #[test]
    fn stops_go_in_reverse_one_at_a_time() {
        let mut children = stances(&[Running, Running, Running]);
        for child in &mut children {
            child.to_stop = true;
        }
        assert_eq!(next_to_stop(&children), Some(2));
        children[2] = Stance { posture: Stopping, to_stop: false, ..children[2] };
        assert_eq!(next_to_stop(&children), None);
        children[2].posture = Waiting;
        assert_eq!(next_to_stop(&children), Some(1));
    }
}
