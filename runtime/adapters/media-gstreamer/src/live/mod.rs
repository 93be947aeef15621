//! Live video for browsers: H.264 as the camera sends it, in fragments of MP4 (ISO/IEC 14496-12, 14496-15), one for each frame.
//!
//! What it promises: no byte of the pictures is changed but the marks between their units; a piece is whole and can be played as soon as it is
//! given; time begins with 0 at the first frame.

mod boxes;
mod h264;

use std::sync::Arc;

use bytes::Bytes;
use gstreamer as gst;
use parapet_contracts::ports::{
    clip::{Discontinued, LiveFilm},
    media::{EncodedFrame, MediaError},
};

use self::{
    boxes::{Sample, TIMESCALE},
    h264::{Config, Units},
};
use crate::errors;

/// A frame that comes so much later than the one before is of another stream: players would wait for what is between.
const LONGEST_GAP_NS: i64 = 5_000_000_000;

/// H.264 in fragments.
#[derive(Debug)]
pub(crate) struct FragmentedFilm {
    format: Arc<str>,
    units: Units,
    media_type: String,
    head: Bytes,
    sequence: u32,
    /// The time of the first frame, in nanoseconds of the stream.
    began: i64,
    /// The frame that waits for the next one, and when it is decoded, in nanoseconds since the beginning.
    waits: Option<(i64, EncodedFrame)>,
}

impl FragmentedFilm {
    /// Begins with a keyframe.
    pub(crate) fn begin(first: &EncodedFrame) -> Result<Self, MediaError> {
        let unreadable = || errors::fatal("internal", "the format of a stream can't be read");
        let caps: gst::Caps = first.format.parse().map_err(|_| unreadable())?;
        let structure = caps.structure(0).ok_or_else(unreadable)?;
        if structure.name() != "video/x-h264" {
            let text =
                format!("{} can't be shown live in a browser as it comes: set the camera to H.264", structure.name());
            return Err(errors::reject("unsupported", text));
        }
        let codec_data = structure.get::<gst::Buffer>("codec_data").ok();
        let codec_data = codec_data.as_ref().and_then(|buffer| buffer.map_readable().ok());
        let (config, units) = match &codec_data {
            Some(record) => Config::from_record(record),
            None => Config::from_stream(&first.bytes),
        }
        .ok_or_else(|| {
            errors::reject("unsupported", "the stream does not tell how to decode it before its first frame")
        })?;
        let side = |name| structure.get::<i32>(name).ok().and_then(|side| u16::try_from(side).ok());
        let size = (side("width").unwrap_or_default(), side("height").unwrap_or_default());
        Ok(Self {
            format: Arc::clone(&first.format),
            units,
            media_type: format!("video/mp4; codecs=\"{}\"", config.codec()),
            head: boxes::head(size, config.record()).into(),
            sequence: 0,
            began: first.dts.unwrap_or(first.pts),
            waits: None,
        })
    }

    fn piece(&mut self, (decoded, frame): (i64, EncodedFrame), shown_for: i64) -> Bytes {
        self.sequence += 1;
        let ticks = |ns: i64| (i128::from(ns) * i128::from(TIMESCALE) / 1_000_000_000) as i64;
        let sample = Sample {
            decoded: ticks(decoded).unsigned_abs(),
            // Both ends are rounded alike, so that no gap grows.
            lasts: u32::try_from(ticks(decoded + shown_for) - ticks(decoded)).unwrap_or(u32::MAX),
            shown_after: i32::try_from(ticks(frame.pts - self.began - decoded)).unwrap_or_default(),
            keyframe: frame.keyframe,
        };
        boxes::fragment(self.sequence, &sample, &self.units.with_lengths(&frame.bytes)).into()
    }
}

impl LiveFilm for FragmentedFilm {
    fn media_type(&self) -> &str {
        &self.media_type
    }

    fn head(&self) -> Bytes {
        self.head.clone()
    }

    fn add(&mut self, frame: &EncodedFrame) -> Result<Option<Bytes>, Discontinued> {
        if frame.format != self.format {
            return Err(Discontinued);
        }
        let mut decoded = frame.dts.unwrap_or(frame.pts) - self.began;
        let Some((before, waits)) = self.waits.take() else {
            self.waits = Some((decoded.max(0), frame.clone()));
            return Ok(None);
        };
        if frame.dts.is_none() && decoded <= before && waits.pts - frame.pts < LONGEST_GAP_NS {
            // Frames that are shown in another order and don't tell when they are decoded: one after the other.
            decoded = before + 1_000_000;
        }
        let lasts = decoded - before;
        if !(1..=LONGEST_GAP_NS).contains(&lasts) {
            return Err(Discontinued);
        }
        let piece = self.piece((before, waits), lasts);
        self.waits = Some((decoded, frame.clone()));
        Ok(Some(piece))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;

    use super::*;

    const FORMAT: &str =
        "video/x-h264, stream-format=(string)byte-stream, alignment=(string)au, width=(int)64, height=(int)48";
    /// Parameter sets and the beginning of a picture.
    const KEYFRAME: &[u8] =
        &[0, 0, 0, 1, 0x67, 0x42, 0xC0, 0x1E, 0xD9, 0, 0, 0, 1, 0x68, 0xCE, 0x3C, 0x80, 0, 0, 1, 0x65, 0x88, 0x84];

    fn frame(ms: i64, format: &str, bytes: &'static [u8]) -> EncodedFrame {
        gst::init().unwrap();
        EncodedFrame {
            at: Timestamp::UNIX_EPOCH,
            pts: ms * 1_000_000,
            dts: None,
            keyframe: bytes.starts_with(KEYFRAME),
            format: Arc::from(format),
            bytes: Bytes::from_static(bytes),
        }
    }

    #[test]
    fn a_piece_comes_with_the_next_frame_and_lasts_until_it() {
        let first = frame(7_000, FORMAT, KEYFRAME);
        let mut film = FragmentedFilm::begin(&first).unwrap();
        assert_eq!(film.media_type(), "video/mp4; codecs=\"avc1.42C01E\"");
        assert_eq!(&film.head()[4..8], b"ftyp");
        assert_eq!(film.add(&first), Ok(None));
        let piece = film.add(&frame(7_040, FORMAT, &[0, 0, 0, 1, 0x41, 0x9A])).unwrap().unwrap();
        assert_eq!(&piece[4..8], b"moof");
        assert!(piece.ends_with(&[0, 0, 0, 3, 0x65, 0x88, 0x84]), "the picture alone, with its length: {piece:?}");
    }

    #[test]
    fn another_stream_is_noticed() {
        let first = frame(7_000, FORMAT, KEYFRAME);
        for other in [
            frame(7_040, "video/x-h264, width=(int)32", KEYFRAME),
            frame(60_000, FORMAT, KEYFRAME),
            frame(0, FORMAT, KEYFRAME),
        ] {
            let mut film = FragmentedFilm::begin(&first).unwrap();
            assert_eq!(film.add(&first), Ok(None));
            assert_eq!(film.add(&other), Err(Discontinued), "{other:?}");
        }
    }

    #[test]
    fn what_browsers_do_not_play_is_refused_in_words() {
        let refused = FragmentedFilm::begin(&frame(0, "video/x-h265", KEYFRAME)).unwrap_err();
        assert!(refused.code == "unsupported" && refused.text.contains("H.264"), "{refused}");
        let refused = FragmentedFilm::begin(&frame(0, FORMAT, &[0, 0, 0, 1, 0x41])).unwrap_err();
        assert_eq!(refused.code, "unsupported");
    }
}
