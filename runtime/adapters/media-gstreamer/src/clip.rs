//! The clip port: encoded frames into an MP4 that browsers play, without decoding or encoding anything.

use std::path::Path;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use parapet_contracts::ports::{
    clip::{Clip, ClipPort, LiveFilm},
    media::{EncodedFrame, MediaError},
};

use crate::{GstMedia, errors, live::FragmentedFilm, pipeline::make};

/// The muxer gets this long.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(30);
/// The codecs that go into an MP4, and the parser that brings their frames into its form.
const PARSERS: [(&str, &str); 3] =
    [("video/x-h264", "h264parse"), ("video/x-h265", "h265parse"), ("video/x-av1", "av1parse")];

impl ClipPort for GstMedia {
    fn clip(&self, frames: &[EncodedFrame]) -> Result<Clip, MediaError> {
        let Some(first) = frames.first() else { return Err(errors::reject("no_video", "a clip of no frames")) };
        let caps: gst::Caps =
            first.format.parse().map_err(|_| errors::fatal("internal", "the format of a clip can't be read"))?;
        let codec = caps.structure(0).map(|s| s.name().to_string()).unwrap_or_default();
        let Some((_, parser)) = PARSERS.iter().find(|(name, _)| *name == codec) else {
            let text = format!("{codec} can't be put into a clip that browsers play: set the camera to H.264");
            return Err(errors::reject("unsupported", text));
        };
        // The muxer puts its index in front only of a file: it goes back to where it began.
        let folder = tempfile::tempdir().map_err(|error| unwritten(&error.to_string()))?;
        let path = folder.path().join("clip.mp4");
        mux(frames, &caps, parser, &path)?;
        let bytes = std::fs::read(&path).map_err(|error| unwritten(&error.to_string()))?;
        Ok(Clip { media_type: "video/mp4", extension: "mp4", bytes })
    }

    fn film(&self, first: &EncodedFrame) -> Result<Box<dyn LiveFilm>, MediaError> {
        Ok(Box::new(FragmentedFilm::begin(first)?))
    }
}

fn mux(frames: &[EncodedFrame], caps: &gst::Caps, parser: &str, path: &Path) -> Result<(), MediaError> {
    let source = gst_app::AppSrc::builder().caps(caps).format(gst::Format::Time).build();
    // All frames are in memory already.
    source.set_max_bytes(0);
    let (parse, mux, file) = (make(parser)?, make("mp4mux")?, make("filesink")?);
    mux.set_property("faststart", true);
    file.set_property("location", path);
    let pipeline = Muxing(gst::Pipeline::new());
    let elements = [source.upcast_ref(), &parse, &mux, &file];
    pipeline.0.add_many(elements).map_err(|error| unwritten(&error.to_string()))?;
    gst::Element::link_many(elements).map_err(|error| unwritten(&error.to_string()))?;
    let started = pipeline.0.set_state(gst::State::Playing);
    started.map_err(|_| pipeline.trouble("the muxer does not start"))?;
    let times = times(frames);
    let first = times.iter().map(|(dts, _)| *dts).min().unwrap_or(0);
    for (frame, (dts, pts)) in frames.iter().zip(times) {
        let mut buffer = gst::Buffer::from_slice(frame.bytes.clone());
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_dts(gst::ClockTime::from_nseconds((dts - first).unsigned_abs()));
            buffer.set_pts(gst::ClockTime::from_nseconds((pts - first).unsigned_abs()));
            if !frame.keyframe {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        source.push_buffer(buffer).map_err(|_| pipeline.trouble("the muxer takes no more frames"))?;
    }
    source.end_of_stream().map_err(|_| pipeline.trouble("the muxer does not end"))?;
    match pipeline
        .0
        .bus()
        .and_then(|bus| bus.timed_pop_filtered(PATIENCE, &[gst::MessageType::Eos, gst::MessageType::Error]))
    {
        Some(message) if message.type_() == gst::MessageType::Eos => Ok(()),
        Some(message) => Err(told(&message)),
        None => Err(unwritten("the muxer does not end")),
    }
}

/// Decoding and presentation time of each frame. A stream that does not tell when its frames are decoded, as RTP does not, has them decoded in
/// the order in which they came, at the times of the presentation, shifted so that none is shown before it is decoded.
fn times(frames: &[EncodedFrame]) -> Vec<(i64, i64)> {
    if let Some(known) = frames.iter().map(|frame| Some((frame.dts?, frame.pts))).collect::<Option<Vec<_>>>()
        && known.is_sorted_by_key(|(dts, _)| *dts)
        && known.iter().all(|(dts, pts)| dts <= pts)
    {
        return known;
    }
    let mut shown: Vec<i64> = frames.iter().map(|frame| frame.pts).collect();
    shown.sort_unstable();
    let late = frames.iter().zip(&shown).map(|(frame, slot)| slot - frame.pts).max().unwrap_or(0).max(0);
    frames.iter().zip(shown).map(|(frame, slot)| (slot - late, frame.pts)).collect()
}

/// Takes its pipeline down, however muxing ends.
struct Muxing(gst::Pipeline);

impl Muxing {
    /// What the pipeline says is wrong, or else `otherwise`.
    fn trouble(&self, otherwise: &str) -> MediaError {
        let message = self
            .0
            .bus()
            .and_then(|bus| bus.timed_pop_filtered(gst::ClockTime::from_seconds(1), &[gst::MessageType::Error]));
        message.map_or_else(|| unwritten(otherwise), |message| told(&message))
    }
}

impl Drop for Muxing {
    fn drop(&mut self) {
        if let Err(error) = self.0.set_state(gst::State::Null) {
            tracing::debug!(%error, "a muxer did not stop");
        }
    }
}

fn told(message: &gst::Message) -> MediaError {
    match message.view() {
        gst::MessageView::Error(error) => unwritten(error.error().message()),
        _ => unwritten("the muxer failed without a word"),
    }
}

fn unwritten(why: &str) -> MediaError {
    errors::retry("internal", format!("a clip could not be made: {why}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn frame(pts: i64, dts: Option<i64>) -> EncodedFrame {
        let format = Arc::from("video/x-h264");
        EncodedFrame { at: Timestamp::UNIX_EPOCH, pts, dts, keyframe: false, format, bytes: Default::default() }
    }

    #[test]
    fn what_the_stream_tells_is_kept() {
        let frames = [frame(40, Some(0)), frame(120, Some(40)), frame(80, Some(80))];
        assert_eq!(times(&frames), [(0, 40), (40, 120), (80, 80)]);
    }

    #[test]
    fn frames_that_are_shown_in_another_order_get_times_to_be_decoded() {
        let frames = [frame(0, None), frame(120, None), frame(40, None), frame(80, None), frame(160, None)];
        assert_eq!(times(&frames), [(-40, 0), (0, 120), (40, 40), (80, 80), (120, 160)]);
    }

    proptest! {
        #[test]
        fn nothing_is_shown_before_it_is_decoded(pts in prop::collection::vec(0_i64..1_000, 1..50)) {
            let frames: Vec<_> = pts.iter().map(|pts| frame(*pts, None)).collect();
            let times = times(&frames);
            prop_assert!(times.is_sorted_by_key(|(dts, _)| *dts));
            prop_assert!(times.iter().all(|(dts, pts)| dts <= pts));
        }
    }

    #[test]
    fn what_no_browser_plays_is_refused_in_words() {
        let media = GstMedia::new().unwrap();
        let frames = [EncodedFrame { format: Arc::from("image/jpeg"), ..frame(0, None) }];
        let refused = media.clip(&frames).unwrap_err();
        assert_eq!(refused.code, "unsupported");
        assert!(refused.text.contains("image/jpeg") && refused.text.contains("H.264"), "{refused}");
        assert_eq!(media.clip(&[]).unwrap_err().code, "no_video");
    }
}
