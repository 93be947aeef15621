//! Where the frames come from: a picture is read here, a video and a folder of pictures through the media port.

use std::{
    collections::VecDeque,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use parapet_contracts::{
    CaptureTime, Picture, PixelFormat, TimeSource,
    camera::{Location, Pace, SourceSpec},
    picture::Colorimetry,
    ports::media::{MediaError, MediaEvent, MediaFrame, MediaPort, MediaSink, MediaStream},
};

use super::Failure;

/// What was given as input.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Input {
    Picture(PathBuf),
    Video(PathBuf),
    Folder(PathBuf),
}

/// Looks at the input without decoding it.
pub(super) fn examine(path: &Path) -> Result<Input, Failure> {
    let failed = |why: String| Failure::Input(format!("input {}: {why}", path.display()));
    let metadata = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
    if metadata.is_dir() {
        return Ok(Input::Folder(path.to_owned()));
    }
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut head))
        .map_err(|error| failed(error.to_string()))?;
    if head.is_empty() {
        return Err(failed("the file is empty".into()));
    }
    Ok(match image::guess_format(&head) {
        Ok(image::ImageFormat::Jpeg | image::ImageFormat::Png) => Input::Picture(path.to_owned()),
        _ => Input::Video(path.to_owned()),
    })
}

/// The frames that are to be examined.
pub(super) struct Frames {
    path: PathBuf,
    kind: Kind,
    any: bool,
}

enum Kind {
    Ready(VecDeque<MediaFrame>),
    Stream {
        // Before the stream in this order: a sender that waits for room ends when the receiver goes, and only then can the
        // stream be closed.
        told: Receiver<Told>,
        _stream: Box<dyn MediaStream>,
    },
}

enum Told {
    Frame(MediaFrame),
    Ended,
    Failed(MediaError),
}

impl Frames {
    /// Opens the input; `media` starts what reads videos, when one is to be read.
    pub(super) fn open<M: MediaPort>(
        input: &Input,
        every: u64,
        media: impl FnOnce() -> Result<M, Failure>,
    ) -> Result<Self, Failure> {
        let (path, location) = match input {
            Input::Picture(path) => {
                let frames = VecDeque::from([read_picture(path)?]);
                return Ok(Self { path: path.clone(), kind: Kind::Ready(frames), any: false });
            }
            Input::Video(path) => (path, Location::File { path: path.clone(), pace: Pace::Fast, repeat: false }),
            Input::Folder(path) => {
                (path, Location::Images { path: path.clone(), fps: 1.0, pace: Pace::Fast, repeat: false })
            }
        };
        // Few, since each holds a buffer of the decoder's pool.
        let (sender, told) = sync_channel(2);
        let stream =
            media()?.open(&SourceSpec::new(location), Arc::new(Wanted { every, sender })).map_err(unusable(path))?;
        Ok(Self { path: path.clone(), kind: Kind::Stream { told, _stream: stream }, any: false })
    }

    /// The next frame that is to be examined; `None` after the last.
    pub(super) fn next_frame(&mut self) -> Result<Option<MediaFrame>, Failure> {
        let next = match &mut self.kind {
            Kind::Ready(frames) => frames.pop_front(),
            Kind::Stream { told, .. } => match told.recv() {
                Ok(Told::Frame(frame)) => Some(frame),
                Ok(Told::Failed(error)) => return Err(unusable(&self.path)(error)),
                Ok(Told::Ended) if self.any => None,
                Ok(Told::Ended) => {
                    return Err(Failure::Input(format!("input {}: it holds no frame of video", self.path.display())));
                }
                Err(_) => return Err(Failure::Other("the reader of the video ended without a word".into())),
            },
        };
        self.any |= next.is_some();
        Ok(next)
    }
}

fn unusable(path: &Path) -> impl Fn(MediaError) -> Failure + '_ {
    move |error| {
        // The adapter's text may name the file itself.
        let shown = path.display().to_string();
        let text = if error.text.contains(&shown) { error.text } else { format!("input {shown}: {}", error.text) };
        match error.code {
            "missing_element" | "internal" => Failure::Other(text),
            _ => Failure::Input(text),
        }
    }
}

/// Takes every Nth frame; with a file that is read as fast as possible, waiting here makes the file wait.
struct Wanted {
    every: u64,
    sender: SyncSender<Told>,
}

impl Wanted {
    fn tell(&self, told: Told) {
        // The one who reads has gone: the stream is about to be closed.
        if self.sender.send(told).is_err() {}
    }
}

impl MediaSink for Wanted {
    fn frame(&self, frame: MediaFrame) {
        if frame.index.is_multiple_of(self.every) {
            self.tell(Told::Frame(frame));
        }
    }

    fn event(&self, event: MediaEvent) {
        match event {
            MediaEvent::Ended => self.tell(Told::Ended),
            MediaEvent::Failed(error) => self.tell(Told::Failed(error)),
            MediaEvent::Warning(text) => crate::cli::tell(&format!("warning: {text}")),
            MediaEvent::Format(_) => {}
        }
    }
}

fn read_picture(path: &Path) -> Result<MediaFrame, Failure> {
    let failed = |why: String| Failure::Input(format!("input {}: {why}", path.display()));
    let reader = image::ImageReader::open(path).and_then(image::ImageReader::with_guessed_format);
    let image = reader.map_err(|error| failed(error.to_string()))?.decode();
    let image = image.map_err(|error| failed(format!("the picture can't be decoded: {error}")))?.into_rgb8();
    let (width, height) = image.dimensions();
    let plane = (image.into_raw(), width as usize * 3);
    let picture = Picture::from_vecs(width, height, PixelFormat::Rgb, Colorimetry::BT601, vec![plane])
        .map_err(|error| failed(error.to_string()))?;
    let capture = CaptureTime { at: jiff::Timestamp::now(), source: TimeSource::WallClock };
    Ok(MediaFrame { index: 0, pts: 0.0, capture, picture })
}
