//! Several outputs that hold what a graph with suppression has found.

use super::{
    Clues, Family, Match, begins_as_yolox, called, fits, found, has_op, is_of_tensorflow, suppresses, yolo_family,
};

pub(super) fn find(clues: &Clues<'_>) -> Option<Match> {
    if fits(clues, "nms_indices") {
        let why = "indices of what was chosen, and what it was chosen from, as ONNX's NonMaxSuppression has them";
        return found("nms_indices", yolo_family(clues), 0.93, why);
    }
    if fits(clues, "tfod") && called(clues, &["detection_boxes"]) {
        let why = "boxes, classes and scores, named as TensorFlow's Object Detection API names them";
        return found("tfod", Family::TensorFlow, 0.97, why);
    }
    if fits(clues, "efficient_nms") {
        return counted(clues);
    }
    if fits(clues, "mmdet") {
        let why = "boxes with their scores, and labels, as OpenMMLab has them";
        return found("mmdet", Family::ImageNet, 0.9, why);
    }
    if fits(clues, "paddle") {
        // RT-DETR takes the shape of the picture, too, and neither mean nor deviation.
        let family = if clues.signature.inputs.len() > 2 { Family::RtDetr } else { Family::PicoDet };
        return found("paddle", family, 0.88, "rows of six and their count, as PaddleDetection has them");
    }
    if fits(clues, "rtdetr") {
        if all_of_a_grid(clues) {
            let why = "a box, its best class and its score for each of many cells: before suppression, which would leave fewer";
            return found("best_class", yolo_family(clues), 0.88, why);
        }
        return labelled(clues);
    }
    None
}

/// True for more boxes than a suppression leaves, in a graph without one.
fn all_of_a_grid(clues: &Clues<'_>) -> bool {
    let many = clues.signature.outputs.iter().any(|o| matches!(o.shape[..], [_, Some(n), Some(4)] if n > 1000));
    many && !suppresses(clues)
}

/// Boxes, scores, classes and a count.
fn counted(clues: &Clues<'_>) -> Option<Match> {
    if called(clues, &["det_", "num_dets", "nmsed", "pred_boxes"]) {
        let why = "a count, boxes, scores and classes, named as EfficientNMS and its kin name them";
        return found("efficient_nms", yolo_family(clues), 0.95, why);
    }
    if is_of_tensorflow(clues) {
        let why = "boxes, classes, scores and a count, as TensorFlow's Object Detection API has them";
        return found("tfod", Family::TensorFlow, 0.85, why);
    }
    let confidence = if clues.ultralytics || begins_as_yolox(clues) { 0.85 } else { 0.7 };
    let why = "a count, boxes, scores and classes; TensorFlow's (`tfod`) would count classes from 1 and begin boxes at the top";
    found("efficient_nms", yolo_family(clues), confidence, why)
}

/// Boxes, labels and scores: whether labels are counted from 0 or from 1 shows in no file.
fn labelled(clues: &Clues<'_>) -> Option<Match> {
    let from_0 = |confidence, why: &str| found("rtdetr", Family::RtDetr, confidence, why);
    let inputs = &clues.signature.inputs;
    if inputs.len() == 2 {
        return from_0(0.97, "labels, boxes and scores, and an input for the picture's size");
    }
    if is_of_tensorflow(clues) {
        let why = "boxes and two numbers for each: classes and scores, as TensorFlow's Object Detection API has them";
        return found("tfod", Family::TensorFlow, 0.75, why);
    }
    if clues.ultralytics || begins_as_yolox(clues) {
        let mut one = from_0(0.85, "boxes, scores and labels of a YOLO, which counts them from 0")?;
        one.family = yolo_family(clues);
        return Some(one);
    }
    let background = clues.names.as_ref().and_then(|names| names.first()).is_some_and(|name| {
        let name = name.to_lowercase();
        name.contains("background")
    });
    if background {
        return from_0(0.9, "boxes, labels and scores, and the names in the metadata begin with the background");
    }
    if called(clues, &["class"]) {
        return from_0(
            0.75,
            "boxes, classes and scores; most that call them classes count them from 0, not from 1 (`torchvision`)",
        );
    }
    let flat = clues.signature.outputs.iter().any(|o| o.shape.len() == 1);
    if flat || has_op(clues, "NonMaxSuppression") {
        let (confidence, why) = if flat {
            (
                0.85,
                "boxes, labels and scores without a batch, as torchvision has them, with labels from 1 (from 0: `rtdetr`)",
            )
        } else {
            (
                0.75,
                "boxes, labels and scores behind a suppression, as SSDs have them, with labels from 1 (from 0: `rtdetr`)",
            )
        };
        return found("torchvision", Family::RtDetr, confidence, why);
    }
    let confidence = if called(clues, &["label"]) { 0.8 } else { 0.65 };
    from_0(confidence, "labels, boxes and scores, as RT-DETR has them, with labels from 0 (from 1: `torchvision`)")
}
