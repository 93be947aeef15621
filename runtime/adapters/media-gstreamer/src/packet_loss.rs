//! Packets that never came, by the gaps between their sequence numbers.

use std::sync::Arc;

use gstreamer as gst;
use gstreamer::prelude::*;
use parking_lot::Mutex;

use crate::flow::Flow;

/// A larger gap is no loss: the camera began to count anew (`MAX_DROPOUT` in RFC 3550, appendix A.1).
const DROPOUT: u16 = 3000;

/// Follows the numbers of packets that are in order, as they are behind the jitter buffer.
#[derive(Debug, Default)]
struct Sequence(Option<u16>);

impl Sequence {
    /// How many are missing before this one.
    fn missing(&mut self, number: u16) -> u64 {
        let step = self.0.replace(number).map_or(1, |last| number.wrapping_sub(last));
        if (1..DROPOUT).contains(&step) { u64::from(step - 1) } else { 0 }
    }
}

/// Counts what is lost of the packets that pass through `pad`.
pub(crate) fn count(pad: &gst::Pad, flow: &Arc<Flow>) {
    let (flow, sequence) = (Arc::clone(flow), Mutex::new(Sequence::default()));
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        // Two bytes of flags and payload type, two of the sequence number (RFC 3550, section 5.1).
        let mut header = [0; 4];
        if info.buffer().is_some_and(|packet| packet.copy_to_slice(0, &mut header).is_ok()) {
            let missing = sequence.lock().missing(u16::from_be_bytes([header[2], header[3]]));
            flow.counters.packets_lost(missing);
        }
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_counted_over_the_end_of_the_numbers_and_a_new_beginning_is_none() {
        let mut sequence = Sequence::default();
        let missing: Vec<u64> =
            [65_533, 65_534, 1, 2, 2, 5, 40_000, 40_001].into_iter().map(|number| sequence.missing(number)).collect();
        assert_eq!(missing, [0, 0, 2, 0, 0, 2, 0, 0]);
    }
}
