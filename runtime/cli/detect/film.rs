//! `parapet model try`: a video with what the model saw drawn in.

use std::path::Path;

use parapet_contracts::{
    Object,
    ports::{inference::InferencePort, media::MediaError},
};
use parapet_evidence_fs::draw::packed_with_boxes;
use parapet_inference_ort::OrtInference;
use parapet_media_gstreamer::{Film, GstMedia};

use super::{
    DetectArgs, Failure,
    answer::Refusals,
    frames::{self, Frames},
    model::{self, Trial},
    progress::Progress,
};
use crate::cli::tell;

/// Told to players; each picture has its own time.
const FPS: u32 = 25;

/// Writes the video.
pub(crate) fn film(args: &DetectArgs, out: &Path) -> Result<(), Failure> {
    let input = frames::examine(&args.input)?;
    let wanted = model::wanted(args)?;
    if same_file(out, &args.input) || same_file(out, wanted.file()) {
        return Err(Failure::Input(format!("out {}: it would overwrite what is read", out.display())));
    }
    let inference = OrtInference::new(args.onnxruntime.as_deref()).map_err(|error| Failure::Other(error.text))?;
    let mut trial = Trial::load(&inference as &dyn InferencePort, wanted, args)?;
    trial.tell_guesses();
    let media = || GstMedia::new().map_err(|error| Failure::Other(error.text));
    let mut frames = Frames::open(&input, args.every, media)?;
    let mut progress = Progress::new();
    let mut refusals = Refusals::default();
    let mut film: Option<(Film, (u32, u32))> = None;
    let (mut pictures, mut objects, mut other_size) = (0u64, 0usize, 0u64);
    while let Some(frame) = frames.next_frame()? {
        let answer = trial.look(&frame.picture)?;
        refusals.count(&answer);
        let seen: &[Object] = answer.as_ref().map_or(&[], |decoded| &decoded.objects);
        let size = (frame.picture.width, frame.picture.height);
        let (film, first) = match &mut film {
            Some(film) => film,
            none => none.insert((Film::create(out, size.0, size.1, FPS).map_err(unwritable)?, size)),
        };
        if size == *first {
            let boxes: Vec<_> = seen.iter().map(|o| (o.bbox, o.label.as_str(), o.score)).collect();
            film.add(&packed_with_boxes(&frame.picture, &boxes), frame.pts).map_err(unwritable)?;
            pictures += 1;
            objects += seen.len();
        } else {
            other_size += 1;
        }
        progress.frame(&frame);
    }
    progress.end();
    if let Some((film, _)) = film {
        film.finish().map_err(unwritable)?;
    }
    tell(&format!("{}: {pictures} pictures with {objects} objects", out.display()));
    if other_size > 0 {
        tell(&format!("warning: {other_size} pictures of another size than the first were left out"));
    }
    refusals.end()
}

fn unwritable(error: MediaError) -> Failure {
    match error.code {
        "not_writable" => Failure::Input(format!("out {}", error.text)),
        _ => Failure::Other(error.text),
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
