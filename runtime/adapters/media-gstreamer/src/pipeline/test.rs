//! `test://PATTERN`: pictures that the machine makes, live.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;
use parapet_contracts::ports::media::MediaError;

use super::{chain, make, tail};
use crate::{errors, stream::Build};

/// A pipeline that makes the pattern.
pub(crate) fn build(pattern: &str, width: u32, height: u32, fps: f64) -> Result<Build, MediaError> {
    let size = |v: u32| i32::try_from(v).ok().filter(|v| (1..=16384).contains(v));
    let (Some(width), Some(height)) = (size(width), size(height)) else {
        return Err(errors::reject(
            "unsupported",
            format!("test://{pattern}: {width}×{height} is no size from 1 to 16384"),
        ));
    };
    let rate = gst::Fraction::approximate_f64(fps).filter(|_| fps > 0.0 && fps <= 1000.0).ok_or_else(|| {
        errors::reject("unsupported", format!("test://{pattern}: {fps} is no rate between 0 and 1000 frames a second"))
    })?;
    let known = patterns()?;
    if !known.iter().any(|known| known == pattern) {
        let text = format!("test://{pattern}: there is no such pattern; there are {}", known.join(", "));
        return Err(errors::reject("unsupported", text));
    }
    let pattern = pattern.to_owned();
    Ok(Box::new(move |flow| {
        let pipeline = gst::Pipeline::new();
        let source = make("videotestsrc")?;
        source.set_property("is-live", true);
        source.set_property_from_str("pattern", &pattern);
        let filter = make("capsfilter")?;
        let caps = gst_video::VideoCapsBuilder::new()
            .format(gst_video::VideoFormat::I420)
            .width(width)
            .height(height)
            .framerate(rate)
            .build();
        filter.set_property("caps", caps);
        let (end, _) = tail::add(&pipeline, flow, false)?;
        chain(&pipeline, &[&source, &filter])?;
        filter.link(&end).map_err(|error| errors::retry("internal", error.to_string()))?;
        Ok(pipeline)
    }))
}

/// The names of all patterns.
fn patterns() -> Result<Vec<String>, MediaError> {
    let source = make("videotestsrc")?;
    let class = source.find_property("pattern").and_then(|p| gst::glib::EnumClass::with_type(p.value_type()));
    Ok(class.map(|class| class.values().iter().map(|value| value.nick().to_owned()).collect()).unwrap_or_default())
}
