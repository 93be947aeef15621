//! Writes pictures into an MP4 file with H.264, for people to look at.
//!
//! The file is whole when [`Film::finish`] returned without an error; dropped before, it is left as it is and can't be played.

use std::path::Path;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use parapet_contracts::ports::media::MediaError;

use crate::errors;

/// Pictures that may wait for the encoder; one who adds more waits.
const WAITING: u64 = 2;
/// The encoder gets this long to end.
const END: gst::ClockTime = gst::ClockTime::from_seconds(60);

/// An MP4 file that is being written.
#[derive(Debug)]
pub struct Film {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    info: gst_video::VideoInfo,
    shown: String,
}

impl Film {
    /// Begins a file for pictures of this size in pixels; `fps` is told to players, times are the pictures' own.
    ///
    /// # Errors
    /// When the encoder is not installed, the size is none, or the file can't be written.
    pub fn create(path: &Path, width: u32, height: u32, fps: u32) -> Result<Self, MediaError> {
        gst::init().map_err(|error| errors::fatal("internal", format!("GStreamer does not start: {error}")))?;
        let shown = path.display().to_string();
        // GStreamer tells of a file that can't be written late, and in its own words.
        std::fs::File::create(path).map_err(|error| errors::reject("not_writable", format!("{shown}: {error}")))?;
        let failed = |error: gst::glib::BoolError| errors::fatal("internal", format!("{shown}: {error}"));
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, width, height)
            .fps(gst::Fraction::new(i32::try_from(fps.clamp(1, 240)).unwrap_or(25), 1))
            .build()
            .map_err(failed)?;
        let caps = info.to_caps().map_err(failed)?;
        let source = gst_app::AppSrc::builder().caps(&caps).format(gst::Format::Time).block(true).build();
        source.set_max_buffers(WAITING);
        let make = |name: &str| gst::ElementFactory::make(name).build().map_err(|_| errors::missing_element(name));
        let encoder = make("x264enc")?;
        encoder.set_property_from_str("speed-preset", "veryfast");
        let file = make("filesink")?;
        file.set_property("location", &shown);
        // 4:2:0, as all players want; x264 would take 4:4:4 from RGB. Odd sides end at the pixel before.
        let planes = make("capsfilter")?;
        planes.set_property("caps", gst::Caps::builder("video/x-raw").field("format", "I420").build());
        let (convert, parse, mux) = (make("videoconvert")?, make("h264parse")?, make("mp4mux")?);
        let pipeline = gst::Pipeline::new();
        let elements = [source.upcast_ref(), &convert, &planes, &encoder, &parse, &mux, &file];
        pipeline.add_many(elements).map_err(failed)?;
        gst::Element::link_many(elements).map_err(failed)?;
        let film = Self { pipeline, source, info, shown };
        film.pipeline.set_state(gst::State::Playing).map_err(|_| film.trouble("the encoder does not start"))?;
        Ok(film)
    }

    /// Adds a picture of packed RGB that is shown from `pts` seconds on; times must grow. Waits for room.
    ///
    /// # Errors
    /// When the picture has another size, or the encoder or the disk failed.
    pub fn add(&mut self, rgb: &[u8], pts: f64) -> Result<(), MediaError> {
        let (width, height) = (self.info.width() as usize, self.info.height() as usize);
        if rgb.len() != width * height * 3 {
            let text = format!("{}: a picture of {} bytes is not {width} × {height}", self.shown, rgb.len());
            return Err(errors::reject("bad_size", text));
        }
        // Rows of GStreamer's RGB begin at multiples of four bytes.
        let stride = usize::try_from(self.info.stride()[0]).unwrap_or(width * 3);
        let mut bytes = vec![0; stride * height];
        for (to, from) in bytes.chunks_exact_mut(stride).zip(rgb.chunks_exact(width * 3)) {
            to[..width * 3].copy_from_slice(from);
        }
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds((pts.max(0.0) * 1e9) as u64));
        }
        self.source.push_buffer(buffer).map_err(|_| self.trouble("the encoder takes no more pictures"))?;
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When the encoder or the disk failed, or did not end within a minute.
    pub fn finish(self) -> Result<(), MediaError> {
        self.source.end_of_stream().map_err(|_| self.trouble("the encoder does not end"))?;
        let Some(bus) = self.pipeline.bus() else { return Err(self.trouble("the encoder is gone")) };
        match bus.timed_pop_filtered(END, &[gst::MessageType::Eos, gst::MessageType::Error]) {
            Some(message) if message.type_() == gst::MessageType::Eos => Ok(()),
            Some(message) => Err(self.told(&message)),
            None => Err(self.trouble("the encoder does not end")),
        }
    }

    /// What the pipeline says is wrong, or else `otherwise`.
    fn trouble(&self, otherwise: &str) -> MediaError {
        let message = self
            .pipeline
            .bus()
            .and_then(|bus| bus.timed_pop_filtered(gst::ClockTime::from_seconds(1), &[gst::MessageType::Error]));
        match message {
            Some(message) => self.told(&message),
            None => errors::fatal("internal", format!("{}: {otherwise}", self.shown)),
        }
    }

    fn told(&self, message: &gst::Message) -> MediaError {
        let text = match message.view() {
            gst::MessageView::Error(error) => error.error().message().to_owned(),
            _ => "the encoder failed without a word".to_owned(),
        };
        errors::fatal("internal", format!("{}: {text}", self.shown))
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::debug!(film = self.shown, %error, "the encoder did not stop");
        }
    }
}
