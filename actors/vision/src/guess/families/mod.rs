//! Families that are known by the number, the names and the shapes of their outputs, and by what stands in the graph: outputs that hold
//! what the graph has [`found`], [`raw`] ones, [`one`] alone, and one for the [`whole`] picture.

mod found;
mod one;
mod raw;
mod whole;

use super::{
    Clues,
    layout::{Ending, Family, ending},
};
use crate::{
    layout::by_name,
    settings::{Overrides, SizePx},
};

/// A layout that fits, and how sure that is.
pub(super) struct Match {
    pub(super) layout: &'static str,
    pub(super) family: Family,
    pub(super) confidence: f32,
    pub(super) why: String,
}

fn found(layout: &'static str, family: Family, confidence: f32, why: impl Into<String>) -> Option<Match> {
    Some(Match { layout, family, confidence, why: why.into() })
}

/// The family of a layout that one family alone has.
pub(super) fn of_layout(name: &str) -> Option<Family> {
    Some(match name {
        "nanodet" | "nanodet_plus" => Family::NanoDet,
        "picodet" | "paddle" => Family::PicoDet,
        "fastestdet" => Family::FastestDet,
        "tfod" => Family::TensorFlow,
        "rtdetr" | "rtdetr_rows" | "torchvision" => Family::RtDetr,
        "detr" | "detr_sigmoid" | "classifier" | "embedding" | "mmdet" => Family::ImageNet,
        "face" | "ssd" => Family::Face,
        "retinaface" => Family::RetinaFace,
        "scrfd" => Family::Scrfd,
        "yunet" => Family::YuNet,
        "centernet" => Family::CenterNet,
        "yolox_heads" => Family::Yolox,
        "yolov3_heads" | "yolov3_tiny_heads" => Family::Darknet,
        "yolov2" => Family::TinyYoloV2,
        "detection_output" => Family::OpenVino,
        _ => return None,
    })
}

/// True for layouts of faces alone.
pub(super) fn is_of_faces(layout: &str) -> bool {
    matches!(layout, "face" | "retinaface" | "scrfd" | "yunet")
}

/// True when the graph begins by cutting the picture into four and stacking them ("focus"), as YOLOX does.
pub(super) fn begins_as_yolox(clues: &Clues<'_>) -> bool {
    clues.summary.is_some_and(|s| s.stem.contains("Slice") && s.stem.contains("Concat"))
}

/// How many classes somebody or the metadata names.
fn named_classes(clues: &Clues<'_>, named: &Overrides) -> Option<usize> {
    named.labels.as_ref().or(clues.names.as_ref()).map(Vec::len)
}

/// True when the graph or the metadata says that doubles are suppressed.
pub(super) fn suppresses(clues: &Clues<'_>) -> bool {
    let told = ["end2end", "nms"].iter().any(|key| clues.metadata(key).is_some_and(|v| v.eq_ignore_ascii_case("true")))
        || clues.metadata("args").is_some_and(|args| args.contains("'nms': True"));
    told || has_op(clues, "NonMaxSuppression") || clues.summary.is_some_and(|s| s.tail.contains("TopK"))
}

fn has_op(clues: &Clues<'_>, op: &str) -> bool {
    clues.summary.is_some_and(|s| s.ops.contains_key(op))
}

/// True for what a converter from TensorFlow wrote, or what takes its pictures as TensorFlow does: channels last.
fn is_of_tensorflow(clues: &Clues<'_>) -> bool {
    let converter = clues.summary.is_some_and(|s| ["tf2onnx", "keras2onnx"].iter().any(|t| s.producer.starts_with(t)));
    let last = |input: &super::TensorSpec| matches!(input.shape[..], [_, height, _, Some(3)] if height != Some(3));
    converter || clues.signature.inputs.iter().any(last)
}

/// True when an output's name holds one of `words`.
fn called(clues: &Clues<'_>, words: &[&str]) -> bool {
    let holds = |name: &str| words.iter().any(|word| name.to_lowercase().contains(word));
    clues.signature.outputs.iter().any(|output| holds(&output.name))
}

/// True when the outputs may be of a layout.
fn fits(clues: &Clues<'_>, layout: &str) -> bool {
    by_name(layout).is_some_and(|layout| layout.classes(&clues.signature.outputs).is_some())
}

/// YOLOX by its beginning, YOLOX by how it makes boxes, or what most follow.
fn yolo_family(clues: &Clues<'_>) -> Family {
    let exponential = ending(clues.summary) == Ending::DecodedExp;
    if !clues.ultralytics && (exponential || begins_as_yolox(clues)) {
        Family::PerhapsYolox
    } else {
        Family::Ultralytics
    }
}

pub(super) fn find(clues: &Clues<'_>, named: &Overrides, size: SizePx) -> Option<Match> {
    let mut one = match clues.signature.outputs.len() {
        1 => one::find(clues, named, size).or_else(|| whole::find(clues, named)),
        _ => raw::heads(clues, named)
            .or_else(|| raw::faces(clues, size))
            .or_else(|| found::find(clues))
            .or_else(|| raw::boxes(clues, named, size)),
    }?;
    // How a graph begins says more of who trained it than how an exporter ends it.
    let tells_itself = matches!(one.family, Family::TensorFlow | Family::Ultralytics | Family::Yolox);
    if !tells_itself && by_name(one.layout).is_some() && begins_as_yolox(clues) && !clues.ultralytics {
        one.family = Family::PerhapsYolox;
    }
    if by_name(one.layout).is_some_and(crate::layout::Layout::may_be_fractions) {
        one.why.push_str("; boxes that all lie within 0 to 1 are taken as fractions");
    }
    Some(one)
}
