//! When a frame was taken: the camera's clock (RTCP), else the stream's timestamps mapped to UTC, else the wall clock.

use gstreamer as gst;
use jiff::Timestamp;
use parapet_contracts::{CaptureTime, TimeSource};
use parking_lot::Mutex;

/// Seconds between the epochs of NTP (1900) and Unix (1970), RFC 5905, section 6.
const NTP_TO_UNIX: i64 = 2_208_988_800;
/// A camera clock further off than this is no clock: it counts from the camera's start, or was never set.
const PLAUSIBLE: i64 = 24 * 3600 * 1_000_000_000;

#[derive(Debug, Default)]
struct Known {
    /// UTC in nanoseconds of running time 0.
    anchor: Option<i64>,
    /// UTC minus buffer timestamp in nanoseconds, from the newest sender report.
    rtcp: Option<i64>,
    implausible: bool,
}

/// Maps timestamps of one stream to UTC.
#[derive(Debug, Default)]
pub(crate) struct CaptureClock {
    known: Mutex<Known>,
}

/// What became of a sender report's time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// It counts.
    Taken,
    /// It is off by more than a day; told the first time only.
    Implausible,
    /// It is off again.
    ImplausibleAgain,
}

impl CaptureClock {
    /// Forgets what was known: a new round of the stream begins.
    pub(crate) fn reset(&self) {
        *self.known.lock() = Known::default();
    }

    /// Running time 0 was at `utc`, unless that is known already.
    pub(crate) fn anchor(&self, utc: impl FnOnce() -> i64) {
        let mut known = self.known.lock();
        if known.anchor.is_none() {
            known.anchor = Some(utc());
        }
    }

    /// A sender report says that the buffer with timestamp `pts` was taken at `ntp`, nanoseconds since 1900.
    pub(crate) fn report(&self, pts: gst::ClockTime, ntp: gst::ClockTime, now: i64) -> Report {
        let utc =
            i64::try_from(i128::from(ntp.nseconds()) - i128::from(NTP_TO_UNIX) * 1_000_000_000).unwrap_or(i64::MIN);
        let mut known = self.known.lock();
        if (i128::from(utc) - i128::from(now)).abs() > i128::from(PLAUSIBLE) {
            known.rtcp = None;
            let again = std::mem::replace(&mut known.implausible, true);
            return if again { Report::ImplausibleAgain } else { Report::Implausible };
        }
        known.rtcp = i64::try_from(i128::from(utc) - i128::from(pts.nseconds())).ok();
        Report::Taken
    }

    /// When the frame with this timestamp and running time was taken; `now` serves where neither is known.
    pub(crate) fn at(&self, pts: Option<gst::ClockTime>, running: Option<gst::ClockTime>, now: i64) -> CaptureTime {
        let known = self.known.lock();
        let (utc, source) = match (known.rtcp, known.anchor, pts, running) {
            (Some(offset), _, Some(pts), _) => (i128::from(offset) + i128::from(pts.nseconds()), TimeSource::Rtcp),
            (_, Some(anchor), _, Some(running)) => {
                (i128::from(anchor) + i128::from(running.nseconds()), TimeSource::Pts)
            }
            _ => (i128::from(now), TimeSource::WallClock),
        };
        let (at, source) = Timestamp::from_nanosecond(utc)
            .map_or_else(|_| (Timestamp::now(), TimeSource::WallClock), |timestamp| (timestamp, source));
        CaptureTime { at, source }
    }
}

/// The wall clock, nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000_000_000;

    fn ntp(utc: i64) -> gst::ClockTime {
        gst::ClockTime::from_nseconds((utc + NTP_TO_UNIX * 1_000_000_000) as u64)
    }

    #[test]
    fn the_best_clock_wins() {
        let clock = CaptureClock::default();
        let second = Some(gst::ClockTime::SECOND);
        assert_eq!(clock.at(second, second, NOW).source, TimeSource::WallClock);
        clock.anchor(|| NOW);
        clock.anchor(|| 0);
        let by_pts = clock.at(second, second, NOW);
        assert_eq!((by_pts.source, by_pts.at.as_nanosecond()), (TimeSource::Pts, i128::from(NOW) + 1_000_000_000));
        assert_eq!(clock.report(gst::ClockTime::from_seconds(3), ntp(NOW - 5), NOW), Report::Taken);
        let by_report = clock.at(Some(gst::ClockTime::from_seconds(4)), second, NOW);
        assert_eq!(
            (by_report.source, by_report.at.as_nanosecond()),
            (TimeSource::Rtcp, i128::from(NOW) - 5 + 1_000_000_000)
        );
    }

    #[test]
    fn a_camera_whose_clock_was_never_set_is_not_believed() {
        let clock = CaptureClock::default();
        clock.anchor(|| NOW);
        assert_eq!(clock.report(gst::ClockTime::ZERO, ntp(0), NOW), Report::Implausible);
        assert_eq!(clock.report(gst::ClockTime::ZERO, gst::ClockTime::ZERO, NOW), Report::ImplausibleAgain);
        assert_eq!(clock.at(None, Some(gst::ClockTime::ZERO), NOW).source, TimeSource::Pts);
    }
}
