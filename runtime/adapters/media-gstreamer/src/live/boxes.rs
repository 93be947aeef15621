//! The boxes of a fragmented MP4 with one track of H.264 (ISO/IEC 14496-12, chapter 8; 14496-15, 5.4.2).

/// Ticks of a second.
pub(super) const TIMESCALE: u32 = 90_000;
/// The one track.
const TRACK: u32 = 1;
/// Of a sample that is no keyframe: it depends on others, and can't be begun with (8.8.3.1).
const DEPENDS: u32 = 0x0101_0000;
/// Of a keyframe.
const BEGINS: u32 = 0x0200_0000;
/// No rotation, no stretching (8.2.2.2).
const UNCHANGED: [u32; 9] = [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000];

/// When a frame is decoded and shown, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) decoded: u64,
    pub(super) lasts: u32,
    /// May be negative.
    pub(super) shown_after: i32,
    pub(super) keyframe: bool,
}

/// A box that is being written; its size is filled in at the end.
fn wrap(out: &mut Vec<u8>, kind: &[u8; 4], fill: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend([0; 4]);
    out.extend(kind);
    fill(out);
    let size = u32::try_from(out.len() - begin).unwrap_or(u32::MAX);
    out[begin..begin + 4].copy_from_slice(&size.to_be_bytes());
}

/// A box with a version and flags.
fn full(out: &mut Vec<u8>, kind: &[u8; 4], version: u8, flags: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    wrap(out, kind, |out| {
        put(out, &[u32::from(version) << 24 | flags]);
        fill(out);
    });
}

fn put(out: &mut Vec<u8>, words: &[u32]) {
    words.iter().for_each(|word| out.extend(word.to_be_bytes()));
}

/// What a player must have first: a film without samples, which come in fragments. `record` is the decoder's configuration.
pub(super) fn head((width, height): (u16, u16), record: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(700);
    wrap(&mut out, b"ftyp", |out| out.extend(b"iso5\0\0\0\x01iso5iso6mp41"));
    wrap(&mut out, b"moov", |out| {
        full(out, b"mvhd", 0, 0, |out| {
            put(out, &[0, 0, TIMESCALE, 0, 0x0001_0000, 0x0100_0000, 0, 0]);
            put(out, &UNCHANGED);
            put(out, &[0, 0, 0, 0, 0, 0, TRACK + 1]);
        });
        wrap(out, b"trak", |out| {
            // Enabled, and in the film.
            full(out, b"tkhd", 0, 3, |out| {
                put(out, &[0, 0, TRACK, 0, 0, 0, 0, 0, 0]);
                put(out, &UNCHANGED);
                put(out, &[u32::from(width) << 16, u32::from(height) << 16]);
            });
            wrap(out, b"mdia", |out| {
                // The language is undetermined.
                full(out, b"mdhd", 0, 0, |out| put(out, &[0, 0, TIMESCALE, 0, 0x55C4_0000]));
                full(out, b"hdlr", 0, 0, |out| {
                    put(out, &[0]);
                    out.extend(b"vide");
                    put(out, &[0, 0, 0]);
                    out.push(0);
                });
                wrap(out, b"minf", |out| {
                    full(out, b"vmhd", 0, 1, |out| put(out, &[0, 0]));
                    wrap(out, b"dinf", |out| {
                        full(out, b"dref", 0, 0, |out| {
                            put(out, &[1]);
                            full(out, b"url ", 0, 1, |_| {});
                        });
                    });
                    wrap(out, b"stbl", |out| {
                        full(out, b"stsd", 0, 0, |out| {
                            put(out, &[1]);
                            sample_entry(out, width, height, record);
                        });
                        full(out, b"stts", 0, 0, |out| put(out, &[0]));
                        full(out, b"stsc", 0, 0, |out| put(out, &[0]));
                        full(out, b"stsz", 0, 0, |out| put(out, &[0, 0]));
                        full(out, b"stco", 0, 0, |out| put(out, &[0]));
                    });
                });
            });
        });
        wrap(out, b"mvex", |out| full(out, b"trex", 0, 0, |out| put(out, &[TRACK, 1, 0, 0, DEPENDS])));
    });
    out
}

fn sample_entry(out: &mut Vec<u8>, width: u16, height: u16, record: &[u8]) {
    wrap(out, b"avc1", |out| {
        put(out, &[0, 1, 0, 0, 0, 0, u32::from(width) << 16 | u32::from(height)]);
        // 72 dots an inch, one frame a sample, no name, 24 bits of colour.
        put(out, &[0x0048_0000, 0x0048_0000, 0, 0x0001_0000, 0, 0, 0, 0, 0, 0, 0]);
        put(out, &[0x0000_0018]);
        out.extend([0xFF, 0xFF]);
        wrap(out, b"avcC", |out| out.extend(record));
    });
}

/// One sample with its data, whose units have lengths of four bytes.
pub(super) fn fragment(sequence: u32, sample: &Sample, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 120);
    let mut offset = 0;
    wrap(&mut out, b"moof", |out| {
        full(out, b"mfhd", 0, 0, |out| put(out, &[sequence]));
        wrap(out, b"traf", |out| {
            // Offsets count from this fragment.
            full(out, b"tfhd", 0, 0x02_0000, |out| put(out, &[TRACK]));
            full(out, b"tfdt", 1, 0, |out| out.extend(sample.decoded.to_be_bytes()));
            // With an offset of the data, and for the sample its length in time, its size, its flags and its offset in time.
            full(out, b"trun", 1, 0xF01, |out| {
                put(out, &[1]);
                offset = out.len();
                let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
                put(out, &[0, sample.lasts, size, if sample.keyframe { BEGINS } else { DEPENDS }]);
                out.extend(sample.shown_after.to_be_bytes());
            });
        });
    });
    let data_at = u32::try_from(out.len() + 8).unwrap_or(u32::MAX);
    out[offset..offset + 4].copy_from_slice(&data_at.to_be_bytes());
    wrap(&mut out, b"mdat", |out| out.extend(data));
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The boxes within `bytes`, by their paths.
    fn paths(bytes: &[u8], above: &str, found: &mut Vec<(String, usize)>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let size = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let path = format!("{above}/{}", String::from_utf8_lossy(&rest[4..8]));
            let inner = &rest[8..size];
            found.push((path.clone(), size));
            if ["moov", "trak", "mdia", "minf", "dinf", "stbl", "mvex", "moof", "traf"]
                .iter()
                .any(|c| path.ends_with(c))
            {
                paths(inner, &path, found);
            }
            rest = &rest[size..];
        }
    }

    fn sizes(bytes: &[u8]) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        paths(bytes, "", &mut found);
        found
    }

    #[test]
    fn boxes_have_the_sizes_that_the_standard_gives_them() {
        let head = sizes(&head((640, 480), &[1, 2, 3]));
        let size = |name: &str| head.iter().find(|(path, _)| path.ends_with(name)).unwrap().1;
        let expected =
            [("mvhd", 108), ("tkhd", 92), ("mdhd", 32), ("hdlr", 33), ("vmhd", 20), ("dref", 28), ("trex", 32)];
        for (name, bytes) in expected {
            assert_eq!(size(name), bytes, "{name}");
        }
        // The head of the list, the entry of 86 bytes, and the configuration.
        assert_eq!(size("stsd"), 16 + 86 + 8 + 3);
    }

    #[test]
    fn a_fragment_points_at_its_data() {
        let sample = Sample { decoded: 1 << 40, lasts: 3_600, shown_after: -90, keyframe: true };
        let fragment = fragment(7, &sample, b"picture");
        let names: Vec<_> = sizes(&fragment).into_iter().map(|(path, _)| path).collect();
        assert_eq!(
            names,
            ["/moof", "/moof/mfhd", "/moof/traf", "/moof/traf/tfhd", "/moof/traf/tfdt", "/moof/traf/trun", "/mdat"]
        );
        let run = fragment.windows(4).position(|word| word == b"trun").unwrap() + 4;
        let word = |at: usize| u32::from_be_bytes(fragment[run + at..run + at + 4].try_into().unwrap());
        assert_eq!((word(4), word(12), word(16), word(20) as i32), (1, 3_600, 7, BEGINS as i32));
        assert_eq!(word(24) as i32, -90);
        assert_eq!(&fragment[word(8) as usize..], b"picture");
    }
}
