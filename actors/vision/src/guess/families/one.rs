//! One output of boxes.

use super::{Clues, Family, Match, found, named_classes, suppresses, yolo_family};
use crate::{
    layout::{by_name, cells_with_64, grid_cells, spec_matrix},
    settings::{Overrides, SizePx},
};

pub(super) fn find(clues: &Clues<'_>, named: &Overrides, size: SizePx) -> Option<Match> {
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
        [None | Some(1), None | Some(1), _, Some(7)] => {
            let why = "rows of seven behind two dimensions of 1, as OpenVINO's and Caffe's DetectionOutput has them";
            return found("detection_output", Family::OpenVino, 0.9, why);
        }
        [None | Some(1), Some(channels), Some(rows), Some(columns)] if channels > 5 && rows > 1 && columns > 1 => {
            return Some(one_grid(clues, size, [channels, rows, columns]));
        }
        _ => {}
    }
    let (rows, columns) = spec_matrix(&clues.signature.outputs)?;
    let several = rows.is_none_or(|n| n <= 1000);
    let round = rows.is_some_and(|n| n % 100 == 0 && n <= 1000 && n != grid_cells(size));
    let is_rtdetr = clues.metadata("description").is_some_and(|text| text.to_lowercase().contains("rtdetr"));
    let as_queries =
        columns.is_some() && columns == classes.map(|c| c + 4) || (columns == Some(84) && classes.is_none());
    if is_rtdetr || (round && as_queries && columns != Some(6)) {
        let confidence = if is_rtdetr { 0.96 } else { 0.82 };
        let shown = rows.map_or("?".into(), |n| n.to_string());
        let why = format!("{shown} rows of a box and its classes, far fewer than a grid has: the queries of RT-DETR");
        return found("rtdetr_rows", Family::RtDetr, confidence, why);
    }
    if columns == Some(6) && several {
        if suppresses(clues) {
            return found("end2end", yolo_family(clues), 0.95, "rows of six, and the model suppresses doubles itself");
        }
        if round && classes != Some(1) {
            let why = "rows of six, a round number of them: a box, its score and its class";
            return found("end2end", yolo_family(clues), 0.75, why);
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
        (Some(rows), Some(columns), Some(c)) if columns == 4 + c && rows != 4 + c => {
            let why = format!("{columns} columns are 4 + {c} classes, a row a box");
            found("yolov8_rows", yolo_family(clues), 0.95, why)
        }
        (Some(rows), Some(84), None) if rows > 84 => {
            found("yolov8_rows", yolo_family(clues), 0.85, "84 columns are 4 + 80 classes, a row a box")
        }
        _ => None,
    }
}

/// One grid of cells: its stride tells FastestDet from tiny YOLOv2.
fn one_grid(clues: &Clues<'_>, size: SizePx, [channels, rows, columns]: [usize; 3]) -> Match {
    let of_stride = |s: usize| s * rows == size.height as usize && s * columns == size.width as usize;
    let anchored = by_name("yolov2").and_then(|l| l.classes(&clues.signature.outputs)).flatten();
    if let Some(classes) = anchored.filter(|_| of_stride(32)) {
        let confidence = if classes == 20 { 0.88 } else { 0.6 };
        let why = format!("one grid of stride 32 with five anchors of 5 + {classes} numbers each");
        return Match { layout: "yolov2", family: Family::TinyYoloV2, confidence, why };
    }
    let confidence = if of_stride(16) { 0.93 } else { 0.7 };
    let why = format!("one grid of {columns} × {rows} cells with 5 + {} numbers each", channels - 5);
    Match { layout: "fastestdet", family: Family::FastestDet, confidence, why }
}
