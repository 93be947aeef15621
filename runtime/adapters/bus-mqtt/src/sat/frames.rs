//! A stream of bytes, cut into whole MQTT packets.

use bytes::{Bytes, BytesMut};

/// Bytes that came in, until they make a packet. It never holds more than one packet of `largest` bytes and what came with its end.
#[derive(Debug)]
pub(super) struct Frames {
    buffer: BytesMut,
    largest: usize,
}

impl Frames {
    /// For packets of at most `largest` bytes.
    pub(super) fn new(largest: usize) -> Self {
        Self { buffer: BytesMut::with_capacity(4096), largest }
    }

    /// Where what comes in is written to.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next whole packet; `None` when it is not all there.
    ///
    /// # Errors
    /// When no packet can begin so, or it is larger than allowed.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = frame_length(&self.buffer)? else { return Ok(None) };
        if length > self.largest {
            return Err(FrameError::TooLarge { length, largest: self.largest });
        }
        if self.buffer.len() < length {
            self.buffer.reserve(length - self.buffer.len());
            return Ok(None);
        }
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

/// The length of the packet that begins here, fixed header included (MQTT 5, 2.1); `None` when that is not known yet.
fn frame_length(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let mut remaining = 0;
    for (place, byte) in bytes.iter().skip(1).take(4).enumerate() {
        remaining |= usize::from(byte & 127) << (7 * place);
        if byte & 128 == 0 {
            return Ok(Some(1 + place + 1 + remaining));
        }
    }
    if bytes.len() >= 5 { Err(FrameError::Malformed) } else { Ok(None) }
}

/// Why a stream of bytes is no stream of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("it does not speak MQTT")]
    Malformed,
    #[error("it sent a packet of {length} bytes; the most is {largest}")]
    TooLarge { length: usize, largest: usize },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn packet(payload: usize) -> Vec<u8> {
        let mut packet = vec![0x30];
        let mut left = payload;
        loop {
            packet.push((left % 128) as u8 | if left >= 128 { 128 } else { 0 });
            left /= 128;
            if left == 0 {
                break;
            }
        }
        packet.extend(std::iter::repeat_n(7, payload));
        packet
    }

    proptest! {
        #[test]
        fn packets_come_out_whole_however_the_bytes_come_in(
            sizes in proptest::collection::vec(0_usize..40_000, 1..8),
            cuts in proptest::collection::vec(1_usize..30_000, 1..40),
        ) {
            let all: Vec<u8> = sizes.iter().flat_map(|size| packet(*size)).collect();
            let mut frames = Frames::new(50_000);
            let (mut found, mut from, mut cuts) = (vec![], 0, cuts.iter().cycle());
            while from < all.len() {
                let to = (from + cuts.next().unwrap()).min(all.len());
                frames.buffer().extend_from_slice(&all[from..to]);
                from = to;
                while let Some(one) = frames.next().unwrap() {
                    found.push(one.to_vec());
                }
            }
            prop_assert_eq!(found, sizes.iter().map(|size| packet(*size)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_no_packet_or_too_large_is_refused() {
        let mut frames = Frames::new(100);
        frames.buffer().extend_from_slice(&packet(99));
        assert_eq!(frames.next(), Err(FrameError::TooLarge { length: 101, largest: 100 }));
        let mut frames = Frames::new(100);
        frames.buffer().extend_from_slice(b"\x30\xFF\xFF\xFF");
        assert_eq!(frames.next(), Ok(None));
        frames.buffer().extend_from_slice(b"\xFF");
        assert_eq!(frames.next(), Err(FrameError::Malformed));
    }
}
