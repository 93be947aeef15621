//! How long a stream may be silent. Pure.
//!
//! While only keyframes are decoded, and until the first keyframe after that, frames come as rarely as keyframes do. Silence is told from
//! a dead stream by its bytes then; a camera whose keyframes come too rarely to live on them is told as such.

use std::time::Duration;

use parapet_contracts::ports::media::Attention;

/// Keyframes that are farther apart can't stand for a stream: nobody would notice in time that something moves.
pub(super) const KEYFRAMES_APART: Duration = Duration::from_secs(12);

/// See the module. Times are monotonic.
#[derive(Debug)]
pub(super) struct Patience {
    stall_after: Duration,
    attention: Attention,
    /// Since when all frames are decoded again.
    all_since: Option<Duration>,
    bytes: u64,
    flowed: Duration,
}

/// What a silence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing.
    Fine,
    /// The stream is dead.
    Dead,
    /// The stream lives, and its keyframes are too far apart.
    KeyframesTooRare,
}

impl Patience {
    pub(super) fn new(stall_after: Duration) -> Self {
        Self { stall_after, attention: Attention::All, all_since: None, bytes: 0, flowed: Duration::ZERO }
    }

    /// Which frames are decoded from now on.
    pub(super) fn turn(&mut self, attention: Attention, now: Duration) {
        if self.attention == Attention::Keyframes && attention == Attention::All {
            self.all_since = Some(now);
        }
        self.attention = attention;
    }

    /// How many bytes of the stream have come.
    pub(super) fn received(&mut self, bytes: u64, now: Duration) {
        if bytes != self.bytes {
            (self.bytes, self.flowed) = (bytes, now);
        }
    }

    /// Judges a silence of `age`.
    pub(super) fn judge(&self, age: Duration, now: Duration) -> Silence {
        if age <= self.stall_after {
            return Silence::Fine;
        }
        let by_keyframes = self.attention == Attention::Keyframes
            || self.all_since.is_some_and(|since| now.saturating_sub(since) < KEYFRAMES_APART);
        let flows = now.saturating_sub(self.flowed) <= self.stall_after;
        match (by_keyframes && flows, age <= KEYFRAMES_APART.max(self.stall_after)) {
            (false, _) => Silence::Dead,
            (true, true) => Silence::Fine,
            (true, false) => Silence::KeyframesTooRare,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_stream_of_all_frames_may_be_silent_for_as_long_as_its_file_says() {
        let mut patience = Patience::new(s(4));
        patience.received(9, s(10));
        assert_eq!([patience.judge(s(4), s(14)), patience.judge(s(5), s(15))], [Silence::Fine, Silence::Dead]);
    }

    #[test]
    fn keyframes_may_be_far_apart_while_bytes_come_but_not_too_far() {
        let mut patience = Patience::new(s(4));
        patience.turn(Attention::Keyframes, s(0));
        patience.received(9, s(10));
        assert_eq!(patience.judge(s(10), s(12)), Silence::Fine);
        assert_eq!(patience.judge(s(13), s(13)), Silence::KeyframesTooRare);
        assert_eq!(patience.judge(s(10), s(15)), Silence::Dead, "no byte has come for five seconds");
    }

    #[test]
    fn back_from_keyframes_the_next_one_is_waited_for() {
        let mut patience = Patience::new(s(4));
        patience.turn(Attention::Keyframes, s(0));
        patience.turn(Attention::All, s(20));
        patience.received(9, s(27));
        assert_eq!(patience.judge(s(9), s(28)), Silence::Fine);
        patience.received(99, s(40));
        assert_eq!(patience.judge(s(5), s(40)), Silence::Dead, "all frames should come long since");
    }
}
