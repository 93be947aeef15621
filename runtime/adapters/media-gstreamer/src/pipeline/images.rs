//! A folder of JPEG and PNG pictures, or a single one: decoded here, picture by picture, since each may be of another size.
//!
//! A picture that is missing or damaged is told, counted, and passed over.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use parapet_contracts::{
    Picture, PixelFormat,
    camera::{Pace, SourceSpec},
    picture::Colorimetry,
    ports::media::{MediaError, MediaEvent, MediaSink, MediaStream},
    stats::DropReason,
};
use parking_lot::{Condvar, Mutex};

use crate::{
    errors::{self, Context},
    flow::Flow,
    gate::Gate,
    stream::Running,
    timing::{Decoding, Timing},
};

/// Wider or higher pictures are refused, as are files beyond [`LARGEST_FILE`]: a small file may unfold into gigabytes.
const LARGEST_SIDE: u32 = 16_384;
const LARGEST_FILE: u64 = 128 << 20;

/// What is shown, and how.
pub(crate) struct Show {
    pub(crate) pictures: Vec<PathBuf>,
    pub(crate) fps: f64,
    pub(crate) pace: Pace,
    pub(crate) repeat: bool,
}

/// The pictures of a folder in the order of their names.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>, MediaError> {
    let shown = folder.display();
    let entries = fs::read_dir(folder).map_err(|error| {
        errors::reject("not_found", format!("the folder of pictures {shown} can't be read: {error}"))
    })?;
    let mut pictures: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| format_by_name(path).is_some())
        .collect();
    pictures.sort();
    if pictures.is_empty() {
        return Err(errors::reject("no_video", format!("the folder {shown} holds no .jpg, .jpeg or .png picture")));
    }
    Ok(pictures)
}

fn format_by_name(path: &Path) -> Option<ImageFormat> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => Some(ImageFormat::Jpeg),
        "png" => Some(ImageFormat::Png),
        _ => None,
    }
}

/// True for a single picture; a row of JPEG pictures in one file (`.mjpeg`) is a video.
pub(crate) fn is_picture(path: &Path) -> bool {
    let mut head = [0; 8];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut head)).unwrap_or(0);
    let by_content = head[..read].starts_with(&[0xff, 0xd8, 0xff]) || head[..read].starts_with(b"\x89PNG");
    by_content && format_by_name(path).is_some()
}

/// Wakes the thread that shows pictures.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl Bell {
    /// Waits; true when it rang before `until`.
    fn wait(&self, until: Instant) -> bool {
        let mut rung = self.rung.lock();
        while !*rung {
            if self.ring.wait_until(&mut rung, until).timed_out() {
                break;
            }
        }
        *rung
    }
}

/// Shows pictures on a thread of its own.
pub(crate) fn play(
    spec: &SourceSpec,
    context: Context,
    sink: Arc<dyn MediaSink>,
    show: Show,
) -> Result<Box<dyn MediaStream>, MediaError> {
    if !(show.fps.is_finite() && show.fps > 0.0 && show.fps <= 1000.0) {
        let text = format!("{}: {} is no rate between 0 and 1000 pictures a second", context.shown, show.fps);
        return Err(errors::reject("unsupported", text));
    }
    let timing = if show.pace == Pace::Fast { Timing::Recorded } else { Timing::Clocked { live: false } };
    let flow = Arc::new(Flow::new(spec, context, Gate::new(sink), timing));
    let bell = Arc::new(Bell::default());
    let wake = {
        let bell = Arc::clone(&bell);
        Box::new(move || {
            *bell.rung.lock() = true;
            bell.ring.notify_all();
        })
    };
    let shower = Arc::clone(&flow);
    Ok(Box::new(Running::start(flow, wake, move || run(&shower, &show, &bell))?))
}

fn run(flow: &Flow, show: &Show, bell: &Bell) {
    loop {
        flow.begin_round();
        let began = Instant::now();
        let mut shown = 0;
        for (number, path) in show.pictures.iter().enumerate() {
            let at = Duration::from_secs_f64(number as f64 / show.fps);
            if show.pace == Pace::RealTime && bell.wait(began + at) || flow.gate.is_closed() {
                return;
            }
            match show_one(flow, path, at, show.pace) {
                Ok(()) => shown += 1,
                Err(why) => {
                    flow.counters.dropped(DropReason::Corrupt, 1);
                    flow.warn(format!("the picture {} is passed over: {why}", path.display()));
                }
            }
        }
        if shown == 0 {
            let text = format!("{} holds no picture that can be decoded", flow.context.shown);
            return flow.gate.last(MediaEvent::Failed(errors::reject("no_video", text)));
        }
        if !show.repeat {
            return flow.gate.last(MediaEvent::Ended);
        }
        // The last picture is shown as long as the others before the first comes again.
        let whole = Duration::from_secs_f64(show.pictures.len() as f64 / show.fps);
        if show.pace == Pace::RealTime && bell.wait(began + whole) {
            return;
        }
    }
}

fn show_one(flow: &Flow, path: &Path, at: Duration, pace: Pace) -> Result<(), String> {
    let at = i64::try_from(at.as_nanos()).unwrap_or(i64::MAX);
    let bytes = read(path)?;
    flow.counters.bytes(bytes.len());
    let began = Instant::now();
    let (picture, decoding) = decode(&bytes)?;
    flow.counters.decoding_took(began.elapsed());
    let Some(index) = flow.numbered(at) else { return Ok(()) };
    flow.tell_format(picture.width, picture.height, &decoding);
    flow.hand_over(index, flow.seconds(at), flow.captured(at, pace == Pace::RealTime), picture);
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LARGEST_FILE {
        return Err(format!("it has {size} bytes, more than {LARGEST_FILE}"));
    }
    fs::read(path).map_err(|error| error.to_string())
}

fn decode(bytes: &[u8]) -> Result<(Picture, Decoding), String> {
    let mut reader = ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    let codec = match reader.format() {
        Some(ImageFormat::Jpeg) => "JPEG",
        Some(ImageFormat::Png) => "PNG",
        _ => return Err("it is neither JPEG nor PNG".into()),
    };
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let orientation = decoder.orientation().map_err(|e| e.to_string())?;
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
    decoded.apply_orientation(orientation);
    let decoding =
        Decoding { codec: codec.into(), decoder: "image".into(), hardware: false, memory: "SystemMemory".into() };
    Ok((pixels(decoded)?, decoding))
}

fn pixels(decoded: DynamicImage) -> Result<Picture, String> {
    let (width, height) = (decoded.width(), decoded.height());
    let (format, bytes, stride) = match decoded {
        DynamicImage::ImageLuma8(grey) => (PixelFormat::Grey, grey.into_raw(), width as usize),
        other => (PixelFormat::Rgb, other.into_rgb8().into_raw(), width as usize * 3),
    };
    Picture::from_vecs(width, height, format, Colorimetry::BT601, vec![(bytes, stride)]).map_err(|e| e.to_string())
}
