//! A bad network between a simulated camera and its clients: packets are lost, or arrive damaged.

use gstreamer as gst;
use gstreamer::prelude::*;
use parking_lot::Mutex;

use super::SimOptions;

/// RTP headers are 12 bytes long without extensions (RFC 3550, section 5.1); damage begins behind them.
const HEADER: usize = 12;

/// A small generator (SplitMix64): the same seed gives the same faults, on every machine.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// True in this share of all cases.
    fn hits(&mut self, share: f64) -> bool {
        share > 0.0 && (self.roll() >> 11) as f64 / ((1u64 << 53) as f64) < share
    }
}

/// Puts the faults of `options` behind a payloader.
pub(crate) fn inject(payloader: &gst::Element, options: &SimOptions) {
    let (loss, damage) = (options.loss, options.damage);
    if loss <= 0.0 && damage <= 0.0 {
        return;
    }
    let Some(pad) = payloader.static_pad("src") else { return };
    let dice = Mutex::new(Dice(options.seed));
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
        let mut dice = dice.lock();
        if let Some(buffer) = info.buffer_mut() {
            if dice.hits(loss) {
                return gst::PadProbeReturn::Handled;
            }
            if dice.hits(damage) {
                harm(buffer.make_mut(), &mut dice);
            }
        } else if let Some(list) = info.buffer_list_mut() {
            let kept: gst::BufferList = list
                .iter_owned()
                .filter_map(|mut buffer| {
                    let lost = dice.hits(loss);
                    if dice.hits(damage) {
                        harm(buffer.make_mut(), &mut dice);
                    }
                    (!lost).then_some(buffer)
                })
                .collect();
            if kept.is_empty() {
                return gst::PadProbeReturn::Handled;
            }
            *list = kept;
        }
        gst::PadProbeReturn::Ok
    });
}

/// Changes up to eight bytes of a packet's payload.
fn harm(packet: &mut gst::BufferRef, dice: &mut Dice) {
    let Ok(mut bytes) = packet.map_writable() else { return };
    let Some(payload) = bytes.get_mut(HEADER..).filter(|payload| !payload.is_empty()) else { return };
    for _ in 0..=dice.roll() % 8 {
        let at = dice.roll() as usize % payload.len();
        payload[at] ^= (dice.roll() % 255 + 1) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_hit_as_often_as_they_should_and_repeat() {
        let count = |seed, share| {
            let mut dice = Dice(seed);
            (0..100_000).filter(|_| dice.hits(share)).count()
        };
        assert!((4_700..5_300).contains(&count(7, 0.05)), "{}", count(7, 0.05));
        assert_eq!(count(7, 0.05), count(7, 0.05));
        assert_eq!((count(7, 0.0), count(7, 1.0)), (0, 100_000));
    }
}
