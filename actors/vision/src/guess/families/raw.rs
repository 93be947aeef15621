//! Several outputs before suppression: heads of grids, boxes and scores apart, queries.

use parapet_contracts::ports::inference::TensorSpec;

use super::{Clues, Family, Match, begins_as_yolox, called, fits, found, has_op, named_classes, yolo_family};
use crate::{
    layout::{by_name, grid_cells, pairs, priors},
    settings::{Overrides, SizePx},
};

/// Heads that stand as outputs of their own for each grid.
pub(super) fn heads(clues: &Clues<'_>, named: &Overrides) -> Option<Match> {
    let outputs = &clues.signature.outputs;
    if pairs(outputs, 3).is_some() {
        return found("nanodet", Family::NanoDet, 0.95, "scores and distances for each of three strides");
    }
    if pairs(outputs, 4).is_some() {
        return found("picodet", Family::PicoDet, 0.93, "scores and distances for each of four strides");
    }
    if fits(clues, "centernet") && (called(clues, &["hm", "heat"]) || outputs.iter().all(|o| o.shape.len() == 4)) {
        let confidence = if called(clues, &["hm", "heat"]) { 0.92 } else { 0.65 };
        return found("centernet", Family::CenterNet, confidence, "a heat map, sizes and offsets on one grid");
    }
    let fitting = ["yolov5_heads", "yolox_heads", "yolov8_heads", "yolov3_tiny_heads"];
    let classes = |layout: &str| by_name(layout).and_then(|l| l.classes(outputs)).flatten();
    let mut fitting: Vec<_> = fitting.iter().filter_map(|layout| classes(layout).map(|n| (*layout, n))).collect();
    if let Some(named) = named_classes(clues, named) {
        fitting.retain(|(_, classes)| *classes == named);
        let sure = if fitting.len() == 1 { 0.93 } else { 0.75 };
        return fitting.first().and_then(|(layout, n)| head(clues, layout, *n, sure));
    }
    // As many classes as data sets have; else an export with heads apart leaves no doubt, and one with all in one does.
    let usual = |(_, n): &&(&str, usize)| matches!(n, 20 | 80 | 365);
    if let Some((layout, n)) = fitting.iter().find(usual) {
        return head(clues, layout, *n, 0.9);
    }
    let sure = if outputs.len() > 3 && fitting.len() == 1 { 0.9 } else { 0.55 };
    fitting.first().and_then(|(layout, n)| head(clues, layout, *n, sure))
}

/// A layout of heads with `classes`: the anchors and who trained it show in the graph at best.
fn head(clues: &Clues<'_>, layout: &str, classes: usize, confidence: f32) -> Option<Match> {
    // Darknet's models have leaky units; those of PyTorch have smooth ones.
    let darknet = has_op(clues, "LeakyRelu");
    match layout {
        "yolov5_heads" if darknet => {
            let why = format!(
                "heads on three anchors with {classes} classes, and leaky units as Darknet's YOLOv3 and v4 have"
            );
            found("yolov3_heads", Family::Darknet, confidence.min(0.75), why)
        }
        "yolov5_heads" => {
            let why = format!(
                "raw heads on three anchors with {classes} classes; the anchors don't show: YOLOv5's, YOLOv7's (`yolov7_heads`) or its own"
            );
            found("yolov5_heads", Family::Ultralytics, confidence.min(0.7), why)
        }
        "yolov3_tiny_heads" => {
            let why = format!("raw heads on three anchors of two grids with {classes} classes, as tiny YOLOv3 has");
            found("yolov3_tiny_heads", Family::Darknet, confidence.min(0.75), why)
        }
        "yolov8_heads" => {
            let why = format!("for each stride distances in 16 bins and {classes} classes, as YOLOv8 without its end");
            found("yolov8_heads", Family::Ultralytics, confidence, why)
        }
        _ => {
            let why = format!("for each stride a box, an objectness and {classes} classes, as YOLOX has them");
            let family = if begins_as_yolox(clues) { Family::Yolox } else { Family::PerhapsYolox };
            found("yolox_heads", family, confidence, why)
        }
    }
}

/// Face detectors.
pub(super) fn faces(clues: &Clues<'_>, size: SizePx) -> Option<Match> {
    if fits(clues, "yunet") {
        let why = "for each of three strides two scores, a box and landmarks";
        return found("yunet", Family::YuNet, 0.93, why);
    }
    if fits(clues, "scrfd") {
        return found("scrfd", Family::Scrfd, 0.92, "for each stride scores, four distances, perhaps landmarks");
    }
    if !fits(clues, "retinaface") {
        return None;
    }
    let outputs = &clues.signature.outputs;
    let boxes = outputs.iter().find_map(|o| match o.shape[..] {
        [_, n, Some(4)] => Some(n),
        _ => None,
    })?;
    let landmarks = outputs.len() > 2;
    // Ultra-Light detectors have other priors, and their boxes decoded.
    match boxes {
        Some(n) if n == priors(size) => {
            let why = format!("boxes and scores on {n} priors, two a cell of strides 8, 16 and 32");
            found("retinaface", Family::RetinaFace, if landmarks { 0.92 } else { 0.75 }, why)
        }
        None if landmarks => {
            found("retinaface", Family::RetinaFace, 0.8, "boxes, scores of background and face, and landmarks")
        }
        _ => None,
    }
}

/// Boxes and scores apart, or queries and their logits.
pub(super) fn boxes(clues: &Clues<'_>, named: &Overrides, size: SizePx) -> Option<Match> {
    let outputs = &clues.signature.outputs;
    let boxes = outputs.iter().find_map(|o| match o.shape[..] {
        [None | Some(1), n, Some(4)] | [None | Some(1), n, Some(1), Some(4)] => Some(n),
        _ => None,
    })?;
    let few = boxes.is_some_and(|n| n <= 1000 && n != grid_cells(size));
    let detr_words = called(clues, &["logit", "pred_boxes"]);
    if fits(clues, "face") && !few && !detr_words {
        return found("face", Family::Face, 0.88, "two scores (background and face) and a box for each anchor");
    }
    if fits(clues, "detr") && (few || detr_words) {
        return queries(clues, named, boxes);
    }
    // Scores after a softmax have a class for nothing; boxes after one are a mean of bins.
    let has_four = |o: &TensorSpec| o.shape.last() == Some(&Some(4));
    let tails = clues.summary.iter().flat_map(|s| outputs.iter().zip(&s.tails));
    let softmax = tails.filter(|(output, _)| !has_four(output)).any(|(_, tail)| tail.contains("Softmax"));
    let columns = by_name("ssd").and_then(|l| l.classes(outputs)).flatten();
    let one_more = columns.is_some() && columns == named_classes(clues, named);
    if fits(clues, "ssd") && (one_more || (softmax && outputs.len() == 2 && named_classes(clues, named).is_none())) {
        let (confidence, why) = if one_more {
            (0.9, "boxes, and scores of one more than the classes that are named: the first is the background")
        } else {
            (0.75, "boxes, and scores after a softmax, whose first is the background, as SSD has them")
        };
        return found("ssd", Family::Face, confidence, why);
    }
    if fits(clues, "boxes_scores") {
        return found(
            "boxes_scores",
            yolo_family(clues),
            0.8,
            "boxes and scores apart, as YOLO-NAS has them, before suppression",
        );
    }
    None
}

/// A DETR without its post-processing.
fn queries(clues: &Clues<'_>, named: &Overrides, boxes: Option<usize>) -> Option<Match> {
    let columns = by_name("detr_sigmoid").and_then(|l| l.classes(&clues.signature.outputs)).flatten();
    let shown = boxes.map_or("?".into(), |n| n.to_string());
    let why = |text: &str| format!("scores and boxes of {shown} queries; {text}");
    match (columns, named_classes(clues, named)) {
        (Some(n), Some(c)) if n == c + 1 => {
            found("detr", Family::ImageNet, 0.92, why("one more than the classes that are named: the last is nothing"))
        }
        (Some(n), Some(c)) if n == c => {
            found("detr_sigmoid", Family::RtDetr, 0.9, why("as many as the classes that are named"))
        }
        (Some(92), _) => found("detr", Family::ImageNet, 0.9, why("92 are COCO's 91 numbers and nothing")),
        (Some(80 | 91 | 365), _) => {
            found("detr_sigmoid", Family::RtDetr, 0.8, why("as many as data sets have classes: a sigmoid for each"))
        }
        _ if boxes == Some(100) => found("detr", Family::ImageNet, 0.65, why("100 queries are DETR's")),
        _ => found("detr_sigmoid", Family::RtDetr, 0.55, why("with a sigmoid, as most of today have")),
    }
}
