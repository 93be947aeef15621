//! What MP4 must know of an H.264 stream: its decoder configuration record (ISO/IEC 14496-15, 5.3.3.1), and units with lengths in front
//! instead of the marks between them (ITU-T H.264, annex B).

/// Types of units (ITU-T H.264, table 7-1).
const SEQUENCE: u8 = 7;
const PICTURE: u8 = 8;
const DELIMITER: u8 = 9;

/// How to decode a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config(Vec<u8>);

/// How a stream's units are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Units {
    /// By a length of so many bytes in front.
    Lengths(usize),
    /// By marks between them.
    Marks,
}

impl Config {
    /// From a record that the stream brings along.
    pub(super) fn from_record(record: &[u8]) -> Option<(Self, Units)> {
        let (1, size) = (*record.first()?, usize::from(*record.get(4)? & 3) + 1) else { return None };
        let mut record = record.to_vec();
        // What is given on has lengths of four bytes.
        record[4] |= 3;
        Some((Self(record), Units::Lengths(size)))
    }

    /// From the parameter sets in front of the first picture.
    pub(super) fn from_stream(keyframe: &[u8]) -> Option<(Self, Units)> {
        let units = marked(keyframe);
        let first = |kind| units.iter().find(|unit| unit.first().is_some_and(|byte| byte & 0x1F == kind)).copied();
        let (sequence, picture) = (first(SEQUENCE).filter(|unit| unit.len() >= 4)?, first(PICTURE)?);
        let length = |unit: &[u8]| u16::try_from(unit.len()).ok().map(u16::to_be_bytes);
        let mut record = vec![1, sequence[1], sequence[2], sequence[3], 0xFF, 0xE1];
        record.extend(length(sequence)?);
        record.extend(sequence);
        record.push(1);
        record.extend(length(picture)?);
        record.extend(picture);
        Some((Self(record), Units::Marks))
    }

    pub(super) fn record(&self) -> &[u8] {
        &self.0
    }

    /// As browsers name it (RFC 6381): profile, constraints and level.
    pub(super) fn codec(&self) -> String {
        self.0[1..4].iter().fold("avc1.".to_owned(), |text, byte| text + &format!("{byte:02X}"))
    }
}

impl Units {
    /// The frame with a length of four bytes in front of each unit. What only tells how to decode is left out where it is in the record.
    pub(super) fn with_lengths(self, frame: &[u8]) -> Vec<u8> {
        let units = match self {
            Self::Lengths(4) => return frame.to_vec(),
            Self::Lengths(size) => measured(frame, size),
            Self::Marks => marked(frame),
        };
        let mut bytes = Vec::with_capacity(frame.len() + units.len() * 4);
        for unit in units {
            let kind = unit.first().map_or(DELIMITER, |byte| byte & 0x1F);
            if self == Self::Marks && [SEQUENCE, PICTURE, DELIMITER].contains(&kind) {
                continue;
            }
            bytes.extend(u32::try_from(unit.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend(unit);
        }
        bytes
    }
}

fn measured(frame: &[u8], size: usize) -> Vec<&[u8]> {
    let (mut units, mut rest) = (Vec::new(), frame);
    while let Some((length, after)) = rest.split_at_checked(size) {
        let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let Some((unit, after)) = after.split_at_checked(length) else { break };
        units.push(unit);
        rest = after;
    }
    units
}

/// The units between marks of two or three zeros and a one. Zeros at the end of a unit belong to the next mark.
fn marked(frame: &[u8]) -> Vec<&[u8]> {
    let mut begins = Vec::new();
    let mut at = 0;
    while let Some(mark) = frame.get(at..at + 3) {
        if mark == [0, 0, 1] {
            begins.push(at + 3);
            at += 3;
        } else {
            at += 1;
        }
    }
    let ends = begins.iter().skip(1).map(|begin| begin - 3).chain([frame.len()]);
    let unit = |(begin, end): (&usize, usize)| {
        let unit = &frame[*begin..end.max(*begin)];
        &unit[..unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)]
    };
    begins.iter().zip(ends).map(unit).filter(|unit| !unit.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const STREAM: &[u8] =
        &[0, 0, 0, 1, 9, 0xF0, 0, 0, 0, 1, 0x67, 0x64, 0, 0x1F, 0xAC, 0, 0, 0, 1, 0x68, 0xEE, 0, 0, 1, 0x65, 1, 2, 3];

    #[test]
    fn a_stream_with_marks_tells_how_to_decode_it() {
        let (config, units) = Config::from_stream(STREAM).unwrap();
        assert_eq!((config.codec().as_str(), units), ("avc1.64001F", Units::Marks));
        assert_eq!(
            config.record(),
            [1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0, 5, 0x67, 0x64, 0, 0x1F, 0xAC, 1, 0, 2, 0x68, 0xEE]
        );
        assert_eq!(units.with_lengths(STREAM), [0, 0, 0, 4, 0x65, 1, 2, 3]);
        assert!(Config::from_stream(&STREAM[..15]).is_none() && Config::from_stream(&[]).is_none());
    }

    #[test]
    fn short_lengths_become_long_ones() {
        let (config, units) = Config::from_record(&[1, 0x42, 0xC0, 0x1E, 0xFD, 0xE0]).unwrap();
        assert_eq!((config.codec().as_str(), units), ("avc1.42C01E", Units::Lengths(2)));
        assert_eq!(config.record()[4], 0xFF);
        assert_eq!(units.with_lengths(&[0, 2, 0x65, 7, 0, 1, 0x41]), [0, 0, 0, 2, 0x65, 7, 0, 0, 0, 1, 0x41]);
        assert!(Config::from_record(&[1, 2]).is_none() && Config::from_record(&[0, 1, 2, 3, 4]).is_none());
    }

    proptest! {
        #[test]
        fn no_frame_makes_it_panic_and_lengths_always_fit(frame in prop::collection::vec(0_u8..4, 0..200), size in 1_usize..5) {
            drop(Config::from_stream(&frame));
            drop(Config::from_record(&frame));
            for units in [Units::Marks, Units::Lengths(size)] {
                let bytes = units.with_lengths(&frame);
                if units != Units::Lengths(4) {
                    let sum: usize = measured(&bytes, 4).iter().map(|unit| unit.len() + 4).sum();
                    prop_assert_eq!(sum, bytes.len());
                }
            }
        }
    }
}
