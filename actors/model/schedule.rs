//! Which frame a slot takes next: pure, so that it can be tested without threads.
//!
//! Each camera has a wanted rate. Its next frame is due one period after the last one was taken, and the frame that has
//! been due for the longest goes first: earliest deadline first. A camera that offers more often than it may gets no more than
//! its rate; under overload every camera waits for its turn, since taking a frame moves its deadline behind the others'.

use std::time::Duration;

/// What the schedule knows of one camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The monotonic time since which a frame of it has waited; `None` when none waits. A newer frame that takes the place of an older
    /// one does not begin the wait anew, or a busy slot would never get to a camera that it has not served yet.
    pub waiting_since: Option<Duration>,
    /// The monotonic time at which its last frame was taken.
    pub last_taken: Option<Duration>,
    /// The shortest time between two frames of it.
    pub period: Duration,
}

impl Candidate {
    /// When its waiting frame is due.
    fn due(&self) -> Option<Duration> {
        let since = self.waiting_since?;
        Some(self.last_taken.map_or(since, |last| last + self.period))
    }
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Take the frame of this candidate.
    Take(usize),
    /// Nothing is due before then.
    WaitUntil(Duration),
    /// No frame waits at all.
    Idle,
}

/// Chooses among the candidates at monotonic time `now`. Ties go to who has waited longest.
pub fn choose(candidates: impl Iterator<Item = Candidate>, now: Duration) -> Choice {
    let mut best: Option<(Duration, Duration, usize)> = None;
    for (index, candidate) in candidates.enumerate() {
        if let (Some(due), Some(since)) = (candidate.due(), candidate.waiting_since) {
            let key = (due, since, index);
            if best.is_none_or(|b| key < b) {
                best = Some(key);
            }
        }
    }
    match best {
        Some((due, _, index)) if due <= now => Choice::Take(index),
        Some((due, _, _)) => Choice::WaitUntil(due),
        None => Choice::Idle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn candidate(since: Option<u64>, last: Option<u64>, period: u64) -> Candidate {
        Candidate { waiting_since: since.map(ms), last_taken: last.map(ms), period: ms(period) }
    }

    #[test]
    fn without_frames_it_is_idle() {
        assert_eq!(choose([candidate(None, Some(1), 5)].into_iter(), ms(10)), Choice::Idle);
    }

    #[test]
    fn the_frame_that_has_been_due_longest_goes_first() {
        let candidates = [candidate(Some(90), Some(0), 100), candidate(Some(95), Some(0), 50)];
        assert_eq!(choose(candidates.into_iter(), ms(100)), Choice::Take(1));
    }

    #[test]
    fn a_camera_that_offers_too_often_waits_for_its_period() {
        assert_eq!(choose([candidate(Some(10), Some(5), 100)].into_iter(), ms(20)), Choice::WaitUntil(ms(105)));
    }

    #[test]
    fn under_overload_everyone_gets_a_turn() {
        let mut last = [None; 5];
        let mut taken = [0_u32; 5];
        // One camera at 30 fps, four at 5 fps, a slot that manages 10 frames a second: it can't serve all.
        let period = [33, 200, 200, 200, 200];
        for step in 0..1000_u64 {
            let now = step * 100;
            let candidates = (0..5).map(|i| candidate(Some(last[i].unwrap_or(0)), last[i], period[i]));
            if let Choice::Take(i) = choose(candidates, ms(now)) {
                last[i] = Some(now);
                taken[i] += 1;
            }
        }
        assert!(taken.iter().all(|&n| n > 100), "{taken:?}");
    }
}
