//! Families that are known by the number, the names and the shapes of their outputs, and by what stands in the graph.

use super::{
    Clues,
    layout::{Ending, Family, ending},
};
use crate::{
    layout::{by_name, cells_with_64, grid_cells, head_length, pairs, spec_matrix},
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
        "picodet" => Family::PicoDet,
        "fastestdet" => Family::FastestDet,
        "tfod" => Family::TensorFlow,
        "rtdetr" => Family::RtDetr,
        "torchvision" => Family::RtDetr,
        "paddle" => Family::PicoDet,
        "detr" | "detr_sigmoid" | "classifier" | "embedding" | "mmdet" => Family::ImageNet,
        "face" => Family::Face,
        _ => return None,
    })
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
fn suppresses(clues: &Clues<'_>) -> bool {
    let told = ["end2end", "nms"].iter().any(|key| clues.metadata(key).is_some_and(|v| v.eq_ignore_ascii_case("true")))
        || clues.metadata("args").is_some_and(|args| args.contains("'nms': True"));
    told || clues.summary.is_some_and(|s| s.ops.contains_key("NonMaxSuppression") || s.tail.contains("TopK"))
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
    match clues.signature.outputs.len() {
        1 => one_output(clues, named, size),
        _ => several_outputs(clues, named, size),
    }
}

fn several_outputs(clues: &Clues<'_>, named: &Overrides, size: SizePx) -> Option<Match> {
    let outputs = &clues.signature.outputs;
    let fits = |name: &str| by_name(name).is_some_and(|layout| layout.classes(outputs).is_some());
    let called = |words: &[&str]| {
        outputs.iter().any(|output| words.iter().any(|word| output.name.to_lowercase().contains(word)))
    };
    if pairs(outputs, 3).is_some() {
        return found("nanodet", Family::NanoDet, 0.95, "scores and distances for each of three strides");
    }
    if pairs(outputs, 4).is_some() {
        return found("picodet", Family::PicoDet, 0.93, "scores and distances for each of four strides");
    }
    if fits("efficient_nms") && (called(&["det_"]) || called(&["num_dets"])) {
        let why = "a count, boxes, scores and classes, named as EfficientNMS names them";
        return found("efficient_nms", yolo_family(clues), 0.95, why);
    }
    if fits("mmdet") && !fits("tfod") {
        return found("mmdet", Family::ImageNet, 0.9, "boxes with their scores, and labels, as OpenMMLab has them");
    }
    if fits("torchvision") {
        return found(
            "torchvision",
            Family::RtDetr,
            0.85,
            "boxes, labels and scores without a batch, as torchvision has them",
        );
    }
    if fits("paddle") {
        return found("paddle", Family::PicoDet, 0.88, "rows of six and their count, as PaddleDetection has them");
    }
    if fits("rtdetr") && clues.signature.inputs.len() == 2 {
        return found("rtdetr", Family::RtDetr, 0.97, "labels, boxes and scores, and an input for the picture's size");
    }
    if fits("rtdetr") && called(&["label"]) && !called(&["num"]) {
        return found("rtdetr", Family::RtDetr, 0.8, "labels, boxes and scores, by name and shape");
    }
    if fits("tfod") {
        let (confidence, why) = if called(&["detection_boxes"]) {
            (0.97, "boxes, classes and scores, named as TensorFlow's Object Detection API names them")
        } else if outputs.len() == 4 {
            (0.85, "boxes, classes, scores and a count, as TensorFlow's Object Detection API has them")
        } else {
            (0.7, "boxes and two numbers for each: classes and scores, as TensorFlow's Object Detection API has them")
        };
        return found("tfod", Family::TensorFlow, confidence, why);
    }
    let boxes = outputs.iter().find_map(|o| match o.shape[..] {
        [None | Some(1), n, Some(4)] => Some(n),
        _ => None,
    })?;
    let few = boxes.is_some_and(|n| n <= 1000 && n != grid_cells(size));
    let detr_words = called(&["logit", "pred_boxes"]);
    if fits("face") && !few && !detr_words {
        return found("face", Family::Face, 0.88, "two scores (background and face) and a box for each anchor");
    }
    if fits("detr") && (few || detr_words) {
        let columns = by_name("detr_sigmoid").and_then(|l| l.classes(outputs)).flatten();
        let named = named_classes(clues, named);
        let why =
            |text: &str| format!("scores and boxes of {} queries; {text}", boxes.map_or("?".into(), |n| n.to_string()));
        return match (columns, named) {
            (Some(n), Some(c)) if n == c + 1 => found(
                "detr",
                Family::ImageNet,
                0.92,
                why("one more than the classes that are named: the last is nothing"),
            ),
            (Some(n), Some(c)) if n == c => {
                found("detr_sigmoid", Family::RtDetr, 0.9, why("as many as the classes that are named"))
            }
            (Some(92), _) => found("detr", Family::ImageNet, 0.9, why("92 are COCO's 91 numbers and nothing")),
            (Some(80 | 91 | 365), _) => {
                found("detr_sigmoid", Family::RtDetr, 0.8, why("as many as data sets have classes: a sigmoid for each"))
            }
            _ if boxes == Some(100) => found("detr", Family::ImageNet, 0.65, why("100 queries are DETR's")),
            _ => found("detr_sigmoid", Family::RtDetr, 0.55, why("with a sigmoid, as most of today have")),
        };
    }
    if fits("boxes_scores") {
        return found("boxes_scores", yolo_family(clues), 0.8, "boxes and scores apart, as YOLO-NAS has them");
    }
    None
}

fn one_output(clues: &Clues<'_>, named: &Overrides, size: SizePx) -> Option<Match> {
    let output = clues.signature.outputs.first()?;
    let classes = named_classes(clues, named);
    let counted = clues.signature.inputs.iter().any(|i| i.shape.len() == 4 && i.shape[0].is_some());
    match output.shape[..] {
        [n, Some(7)] if suppresses(clues) || (n.is_none() && counted && classes != Some(7)) => {
            let confidence = if suppresses(clues) { 0.96 } else { 0.85 };
            return found("n7", yolo_family(clues), confidence, "rows of seven, as many as are found");
        }
        [None | Some(1), _, Some(7)] if suppresses(clues) => {
            return found("n7", yolo_family(clues), 0.85, "rows of seven, and the graph suppresses doubles");
        }
        [None | Some(1), Some(channels), Some(rows), Some(columns)] if channels > 5 && rows > 1 && columns > 1 => {
            let stride = 16 * rows == size.height as usize && 16 * columns == size.width as usize;
            let confidence = if stride { 0.93 } else { 0.7 };
            let why = format!("one grid of {columns} × {rows} cells with 5 + {} numbers each", channels - 5);
            return found("fastestdet", Family::FastestDet, confidence, why);
        }
        _ => {}
    }
    if head_length(&clues.signature.outputs).is_some() {
        return whole(clues, classes);
    }
    let (rows, columns) = spec_matrix(&clues.signature.outputs)?;
    let several = rows.is_none_or(|n| n <= 1000);
    if columns == Some(6) && several {
        if suppresses(clues) {
            return found("end2end", yolo_family(clues), 0.95, "rows of six, and the model suppresses doubles itself");
        }
        if rows.is_some_and(|n| n % 100 == 0 && n != grid_cells(size)) && classes != Some(1) {
            return found(
                "end2end",
                yolo_family(clues),
                0.75,
                "rows of six, a round number of them: a box, its score and its class",
            );
        }
    }
    if rows.is_some_and(|n| n == cells_with_64(size))
        && columns.is_some_and(|n| n > 32)
        && classes.is_none_or(|c| Some(c + 32) == columns)
    {
        let why = "as many rows as cells of strides 8, 16, 32 and 64, classes and four sides of eight bins";
        return found("nanodet_plus", Family::NanoDet, 0.9, why);
    }
    match (rows, columns, classes) {
        (Some(rows), Some(columns), Some(c)) if columns == 4 + c && rows != 4 + c => found(
            "yolov8_rows",
            yolo_family(clues),
            0.95,
            format!("{columns} columns are 4 + {c} classes, a row a box"),
        ),
        (Some(rows), Some(84), None) if rows > 84 => {
            found("yolov8_rows", yolo_family(clues), 0.85, "84 columns are 4 + 80 classes, a row a box")
        }
        _ => None,
    }
}

/// A classifier or an embedding: both are one row of numbers.
fn whole(clues: &Clues<'_>, classes: Option<usize>) -> Option<Match> {
    let length = head_length(&clues.signature.outputs)?;
    let tail = |op: &str| clues.summary.is_some_and(|s| s.tail.contains(op));
    let shown = length.map_or("?".into(), |n| n.to_string());
    let family = if length == Some(1000) { Family::ImageNet } else { Family::Fraction };
    if clues.metadata("task") == Some("classify") {
        return found("classifier", Family::Fraction, 0.98, "the task that the metadata names");
    }
    if classes.is_some() && classes == length {
        return found("classifier", family, 0.97, format!("one number for each of the {shown} classes that are named"));
    }
    if tail("Softmax") {
        return found("classifier", family, 0.95, format!("{shown} numbers after a softmax"));
    }
    if tail("LpNormalization") || tail("ReduceL2") {
        return found(
            "embedding",
            Family::ImageNet,
            0.93,
            format!("{shown} numbers, brought to length 1 in the graph"),
        );
    }
    match length {
        Some(1) | None => None,
        Some(64 | 128 | 192 | 256 | 384 | 512 | 768 | 1024 | 1280 | 1536 | 2048) => found(
            "embedding",
            Family::ImageNet,
            0.8,
            format!("{shown} numbers without a softmax: a common length of vectors"),
        ),
        Some(1000) => found("classifier", family, 0.9, "1000 numbers: ImageNet's classes"),
        Some(_) => found(
            "classifier",
            family,
            0.6,
            format!("{shown} numbers: a score for each class, or a vector (`embedding`)"),
        ),
    }
}
