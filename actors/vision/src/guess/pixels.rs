//! How a model wants its pixels: what its file never shows, so that only its family tells.

use super::{
    Clues, Finding,
    layout::{Family, Found},
};
use crate::{
    detector::input_of,
    settings::{Channels, Overrides, Resize},
};

pub(super) struct Pixels {
    pub(super) channels: Channels,
    pub(super) scale: f32,
    pub(super) mean: [f32; 3],
    pub(super) std: [f32; 3],
    pub(super) resize: Resize,
    pub(super) pad: u8,
}

pub(super) fn find(clues: &Clues<'_>, named: &Overrides, found: &Found, findings: &mut Vec<Finding>) -> Pixels {
    let yolox = (Channels::Bgr, 1.0, Resize::Letterbox);
    let ultralytics = (Channels::Rgb, 1.0 / 255.0, Resize::LetterboxCentre);
    let ((channels, mut scale, resize), confidence, why) = match found.family {
        Family::Ultralytics if clues.ultralytics => {
            (ultralytics, 0.95, "what Ultralytics trains with; its exporter wrote the metadata")
        }
        Family::Ultralytics => {
            (ultralytics, 0.65, "what most models of this layout were trained with; the file doesn't show it")
        }
        Family::Yolox => (yolox, 0.85, "what YOLOX trains with since version 0.1.1; the file doesn't show it"),
        Family::PerhapsYolox => (
            yolox,
            0.65,
            "what YOLOX trains with, and the boxes are made as YOLOX makes them; the file doesn't show it",
        ),
    };
    let mut scale_confidence = confidence;
    let mut scale_why = why.to_owned();
    if scale != 1.0 {
        if input_of(clues.signature).is_ok_and(|input| input.bytes) {
            (scale, scale_confidence, scale_why) = (1.0, 1.0, "the model takes bytes".into());
        } else if let Some(op) = normalising_op(clues) {
            (scale, scale_confidence) = (1.0, 0.6);
            scale_why = format!("the graph begins with {op}, so it seems to scale by itself");
        }
    }
    let mut tell = |what, value: String, named: bool, confidence: f32, why: &str| {
        let (confidence, why) = if named { (1.0, "named") } else { (confidence, why) };
        findings.push(Finding { what, value, confidence, why: why.to_owned() });
    };
    let pixels = Pixels {
        channels: named.channels.unwrap_or(channels),
        scale: named.scale.unwrap_or(scale),
        mean: named.mean.unwrap_or([0.0; 3]),
        std: named.std.unwrap_or([1.0; 3]),
        resize: named.resize.unwrap_or(resize),
        pad: named.pad.unwrap_or(114),
    };
    tell("channels", pixels.channels.to_string(), named.channels.is_some(), confidence, why);
    let shown = if pixels.scale == 1.0 / 255.0 { "1/255".to_owned() } else { pixels.scale.to_string() };
    tell("scale", shown, named.scale.is_some(), scale_confidence, &scale_why);
    if named.mean.is_some() || named.std.is_some() {
        tell("mean, std", format!("{:?}, {:?}", pixels.mean, pixels.std), true, 1.0, "");
    }
    tell("resize", pixels.resize.to_string(), named.resize.is_some(), confidence, why);
    if pixels.resize != Resize::Stretch {
        tell("pad", pixels.pad.to_string(), named.pad.is_some(), confidence, why);
    }
    pixels
}

/// An operator on the input that changes its values.
fn normalising_op<'a>(clues: &'a Clues<'_>) -> Option<&'a str> {
    let head = &clues.summary?.head;
    ["Div", "Mul", "Sub", "Cast"].into_iter().find(|op| head.contains(*op))
}
