//! Films of one camera, one after the other, as one: without decoding or encoding anything.

use std::{fs, path::Path};

use gstreamer as gst;
use gstreamer::prelude::*;
use parapet_contracts::ports::media::MediaError;

use crate::errors;

/// The parsers of what segments may hold, in the order in which they are tried.
const PARSERS: [&str; 3] = ["h264parse", "h265parse", "av1parse"];

/// Puts the MP4 files of a folder, in the order of their names, into one MP4 that browsers play. Blocks for as long as that takes.
///
/// # Errors
/// `unsupported` when they can't be put together: another codec, or files that have nothing to do with each other; `internal` when GStreamer lacks something.
pub fn join(folder: &Path, out: &Path) -> Result<(), MediaError> {
    gst::init().map_err(|error| errors::fatal("internal", format!("GStreamer does not start: {error}")))?;
    let mut last = None;
    for parser in PARSERS {
        match run(folder, parser, out) {
            Ok(()) => return Ok(()),
            Err(error) => last = last.or(Some(error)),
        }
    }
    // What is left of the tries is no film.
    fs::remove_file(out).ok();
    Err(errors::reject("unsupported", format!("the recordings can't be put together: {}", last.unwrap_or_default())))
}

fn run(folder: &Path, parser: &str, out: &Path) -> Result<(), String> {
    let text = format!("splitmuxsrc name=source ! {parser} ! mp4mux faststart=true ! filesink name=sink");
    let pipeline = gst::parse::launch(&text).map_err(|error| error.to_string())?;
    let pipeline = pipeline.downcast::<gst::Pipeline>().map_err(|_| "no pipeline".to_owned())?;
    let (source, sink) = (pipeline.by_name("source"), pipeline.by_name("sink"));
    let (Some(source), Some(sink)) = (source, sink) else { return Err("no pipeline".to_owned()) };
    source.set_property("location", folder.join("*.mp4").to_string_lossy().as_ref());
    sink.set_property("location", out);
    let ended = play(&pipeline);
    let stopped = pipeline.set_state(gst::State::Null).map_err(|error| error.to_string());
    ended.and(stopped.map(drop))
}

/// Until the end, or an error.
fn play(pipeline: &gst::Pipeline) -> Result<(), String> {
    let bus = pipeline.bus().ok_or("no bus")?;
    pipeline.set_state(gst::State::Playing).map_err(|error| error.to_string())?;
    let wanted = [gst::MessageType::Eos, gst::MessageType::Error];
    match bus.timed_pop_filtered(gst::ClockTime::NONE, &wanted).as_deref().map(gst::MessageRef::view) {
        Some(gst::MessageView::Eos(_)) => Ok(()),
        Some(gst::MessageView::Error(error)) => Err(error.error().message().to_owned()),
        _ => Err("it ended without a word".to_owned()),
    }
}
