//! How a model wants its pixels: what its file never shows, so that only its family tells.

use super::{
    Clues, Finding,
    layout::{Family, Found},
};
use crate::{
    inputs::input_of,
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
    let mut habit = habit_of(found.family, clues);
    let (confidence, why) = (habit.confidence, habit.why);
    let mut scale_confidence = confidence;
    let mut scale_why = why.to_owned();
    if input_of(clues.signature).is_ok_and(|input| input.bytes) {
        (habit.scale, habit.mean, habit.std) = (1.0, [0.0; 3], [1.0; 3]);
        (scale_confidence, scale_why) = (1.0, "the model takes bytes".into());
    } else if habit.scale != 1.0
        && let Some(op) = normalising_op(clues)
    {
        (habit.scale, scale_confidence) = (1.0, 0.6);
        scale_why = format!("the graph begins with {op}, so it seems to scale by itself");
    }
    let mut tell = |what, value: String, named: bool, confidence: f32, why: &str| {
        let (confidence, why) = if named { (1.0, "named") } else { (confidence, why) };
        findings.push(Finding { what, value, confidence, why: why.to_owned() });
    };
    let pixels = Pixels {
        channels: named.channels.unwrap_or(habit.channels),
        scale: named.scale.unwrap_or(habit.scale),
        mean: named.mean.unwrap_or(habit.mean),
        std: named.std.unwrap_or(habit.std),
        resize: named.resize.unwrap_or(habit.resize),
        pad: named.pad.unwrap_or(habit.pad),
    };
    tell("channels", pixels.channels.to_string(), named.channels.is_some(), confidence, why);
    let shown = if pixels.scale == 1.0 / 255.0 { "1/255".to_owned() } else { pixels.scale.to_string() };
    tell("scale", shown, named.scale.is_some(), scale_confidence, &scale_why);
    let is_named = named.mean.is_some() || named.std.is_some();
    if is_named || pixels.mean != [0.0; 3] || pixels.std != [1.0; 3] {
        tell("mean, std", format!("{:?}, {:?}", pixels.mean, pixels.std), is_named, confidence, why);
    }
    tell("resize", pixels.resize.to_string(), named.resize.is_some(), confidence, why);
    if pixels.resize != Resize::Stretch {
        tell("pad", pixels.pad.to_string(), named.pad.is_some(), confidence, why);
    }
    pixels
}

/// How a family feeds its models.
struct Habit {
    channels: Channels,
    scale: f32,
    mean: [f32; 3],
    std: [f32; 3],
    resize: Resize,
    pad: u8,
    confidence: f32,
    why: &'static str,
}

/// Mean and deviation of ImageNet's pixels, red first, of values 0 to 1.
const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

fn habit_of(family: Family, clues: &Clues<'_>) -> Habit {
    let habit = |channels, scale, resize, confidence, why| Habit {
        channels,
        scale,
        mean: [0.0; 3],
        std: [1.0; 3],
        resize,
        pad: 114,
        confidence,
        why,
    };
    let imagenet = |confidence, why| {
        let (mean, std) = IMAGENET;
        Habit { mean, std, ..habit(Channels::Rgb, 1.0 / 255.0, Resize::Stretch, confidence, why) }
    };
    match family {
        Family::Ultralytics if clues.ultralytics => habit(
            Channels::Rgb,
            1.0 / 255.0,
            Resize::LetterboxCentre,
            0.95,
            "what Ultralytics trains with; its exporter wrote the metadata",
        ),
        Family::Ultralytics => habit(
            Channels::Rgb,
            1.0 / 255.0,
            Resize::LetterboxCentre,
            0.65,
            "what most models of this layout were trained with; the file doesn't show it",
        ),
        Family::Yolox => habit(
            Channels::Bgr,
            1.0,
            Resize::Letterbox,
            0.85,
            "what YOLOX trains with since version 0.1.1; the file doesn't show it",
        ),
        Family::PerhapsYolox => habit(
            Channels::Bgr,
            1.0,
            Resize::Letterbox,
            0.65,
            "what YOLOX trains with, and the boxes are made as YOLOX makes them; the file doesn't show it",
        ),
        Family::NanoDet => Habit {
            mean: [103.53, 116.28, 123.675],
            std: [57.375, 57.12, 58.395],
            ..habit(Channels::Bgr, 1.0, Resize::Stretch, 0.85, "what NanoDet trains with; the file doesn't show it")
        },
        Family::PicoDet => imagenet(0.85, "what PaddleDetection trains PicoDet with; the file doesn't show it"),
        Family::FastestDet => habit(
            Channels::Bgr,
            1.0 / 255.0,
            Resize::Stretch,
            0.85,
            "what FastestDet trains with; the file doesn't show it",
        ),
        Family::TensorFlow if super::families::begins_as_yolox(clues) => habit(
            Channels::Rgb,
            1.0,
            Resize::Letterbox,
            0.7,
            "what TensorFlow's exporter takes; the graph begins as YOLOX does, which letterboxes",
        ),
        Family::TensorFlow => habit(
            Channels::Rgb,
            1.0,
            Resize::Stretch,
            0.75,
            "what models of TensorFlow's Object Detection API take; the file doesn't show it",
        ),
        Family::RtDetr => habit(
            Channels::Rgb,
            1.0 / 255.0,
            Resize::Stretch,
            0.85,
            "what RT-DETR and its kin train with; the file doesn't show it",
        ),
        Family::ImageNet => imagenet(0.65, "what most such models are trained with; the file doesn't show it"),
        Family::Face => Habit {
            mean: [127.0; 3],
            std: [128.0; 3],
            ..habit(
                Channels::Rgb,
                1.0,
                Resize::Stretch,
                0.8,
                "what Ultra-Light face detectors take; the file doesn't show it",
            )
        },
        Family::RetinaFace => Habit {
            mean: [104.0, 117.0, 123.0],
            pad: 0,
            ..habit(
                Channels::Bgr,
                1.0,
                Resize::Letterbox,
                0.75,
                "what RetinaFace trains with; the file doesn't show it",
            )
        },
        Family::Scrfd => Habit {
            mean: [127.5; 3],
            std: [128.0; 3],
            pad: 0,
            ..habit(
                Channels::Rgb,
                1.0,
                Resize::Letterbox,
                0.85,
                "what InsightFace feeds SCRFD; the file doesn't show it",
            )
        },
        Family::YuNet => Habit {
            pad: 0,
            ..habit(Channels::Bgr, 1.0, Resize::Letterbox, 0.85, "what OpenCV feeds YuNet; the file doesn't show it")
        },
        Family::CenterNet => Habit {
            mean: [0.408, 0.447, 0.470],
            std: [0.289, 0.274, 0.278],
            pad: 0,
            ..habit(
                Channels::Bgr,
                1.0 / 255.0,
                Resize::LetterboxCentre,
                0.75,
                "what CenterNet trains with; the file doesn't show it",
            )
        },
        Family::Darknet => Habit {
            pad: 128,
            ..habit(
                Channels::Rgb,
                1.0 / 255.0,
                Resize::LetterboxCentre,
                0.7,
                "what Darknet feeds its models; the file doesn't show it",
            )
        },
        Family::TinyYoloV2 => habit(
            Channels::Rgb,
            1.0,
            Resize::Stretch,
            0.7,
            "what the tiny YOLOv2 of ONNX's zoo takes; the file doesn't show it",
        ),
        Family::OpenVino => {
            habit(Channels::Bgr, 1.0, Resize::Stretch, 0.75, "what OpenVINO's detectors take; the file doesn't show it")
        }
        Family::Fraction => habit(
            Channels::Rgb,
            1.0 / 255.0,
            Resize::Stretch,
            0.6,
            "what most small classifiers are trained with; the file doesn't show it",
        ),
    }
}

/// An operator on the input that changes its values.
fn normalising_op<'a>(clues: &'a Clues<'_>) -> Option<&'a str> {
    let head = &clues.summary?.head;
    ["Div", "Mul", "Sub", "Cast"].into_iter().find(|op| head.contains(*op))
}
