//! Video files: MP4, Matroska, AVI, MPEG-TS, pictures in a row, and whatever else parsebin knows.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use gstreamer as gst;
use gstreamer::prelude::*;
use parapet_contracts::{camera::Pace, ports::media::MediaError};

use super::{chain, decode_first_video, make, tail};
use crate::{errors, stream::Build};

/// Finds out at once whether the file is there and may be read.
pub(crate) fn check(path: &Path) -> Result<(), MediaError> {
    let shown = path.display();
    let wrong = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => errors::reject("not_found", format!("there is no file {shown}")),
        std::io::ErrorKind::PermissionDenied => {
            errors::reject("not_found", format!("{shown} may not be read: check its permissions"))
        }
        _ => errors::retry("not_found", format!("{shown} can't be opened: {error}")),
    };
    let meta = std::fs::metadata(path).map_err(|error| wrong(&error))?;
    if meta.is_dir() {
        return Err(errors::reject("no_video", format!("{shown} is a folder, not a video file")));
    }
    // Opening a pipe would wait for its writer, for ever if need be.
    if !meta.is_file() {
        return Err(errors::reject("no_video", format!("{shown} is no regular file")));
    }
    File::open(path).map_err(|error| wrong(&error))?;
    if meta.len() == 0 {
        return Err(errors::reject("no_video", format!("{shown} is empty")));
    }
    Ok(())
}

/// A pipeline that plays the file once.
pub(crate) fn build(path: &Path, pace: Pace) -> Build {
    let path: PathBuf = path.to_owned();
    Box::new(move |flow| {
        let pipeline = gst::Pipeline::new();
        let source = make("filesrc")?;
        source.set_property("location", &path);
        let parse = make("parsebin")?;
        let (end, _) = tail::add(&pipeline, flow, pace == Pace::RealTime)?;
        chain(&pipeline, &[&source, &parse])?;
        decode_first_video(&pipeline, &parse, &end, flow);
        Ok(pipeline)
    })
}
