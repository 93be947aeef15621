//! Which layout a model's outputs have.

use parapet_contracts::ports::inference::TensorSpec;

use super::{Clues, Finding, GuessError, families};
use crate::{
    layout::{by_name, grid_cells, names, spec_matrix, whole_by_name},
    onnx::OnnxSummary,
    settings::{Overrides, SizePx},
};

/// A layout, and what its finding says about the family.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) family: Family,
}

/// Who trained the model: what tells how it wants its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Megvii's YOLOX.
    Yolox,
    /// YOLOX, by the number of its boxes alone.
    PerhapsYolox,
    /// Ultralytics' YOLOv5, v8 and later, and what follows their habits.
    Ultralytics,
    /// NanoDet and NanoDet-Plus.
    NanoDet,
    /// PaddleDetection's PicoDet.
    PicoDet,
    /// FastestDet.
    FastestDet,
    /// TensorFlow's Object Detection API.
    TensorFlow,
    /// RT-DETR, D-FINE, DEIM: neither mean nor deviation.
    RtDetr,
    /// DETR, and all that is fed as ImageNet's classifiers are, stretched.
    ImageNet,
    /// Ultra-Light face detectors and SSDs of the same school.
    Face,
    /// RetinaFace.
    RetinaFace,
    /// InsightFace's SCRFD.
    Scrfd,
    /// YuNet of OpenCV's zoo.
    YuNet,
    /// CenterNet.
    CenterNet,
    /// Darknet's YOLOv3 and v4.
    Darknet,
    /// Tiny YOLOv2 of Pascal VOC.
    TinyYoloV2,
    /// OpenVINO's and Caffe's SSDs.
    OpenVino,
    /// Small classifiers that are fed 0 to 1.
    Fraction,
}

/// What the end of the graph says of where boxes are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Not in the graph.
    Raw,
    /// In the graph.
    Decoded,
    /// In the graph, with sizes as exponentials: what YOLOX does, and neither YOLOv5 (squares) nor v8 (a softmax over distances).
    DecodedExp,
    Unknown,
}

pub(super) fn ending(summary: Option<&OnnxSummary>) -> Ending {
    let Some(summary) = summary else { return Ending::Unknown };
    let has = |op: &str| summary.tail.contains(op);
    if has("Exp") && !has("Softmax") {
        Ending::DecodedExp
    } else if has("Pow") || (has("Mul") && (has("Add") || has("Sub"))) {
        Ending::Decoded
    } else if summary.tail.is_empty() {
        Ending::Unknown
    } else {
        Ending::Raw
    }
}

/// The side of the square whose grids of strides 8, 16 and 32 have as many cells as the model has boxes, when there is one.
pub(super) fn square_of_cells(outputs: &[TensorSpec]) -> Option<SizePx> {
    let (rows, columns) = spec_matrix(outputs)?;
    let boxes = rows?.max(columns?);
    (1..=64u32).map(|n| SizePx { width: n * 32, height: n * 32 }).find(|size| {
        let cells = grid_cells(*size);
        boxes == cells || boxes == 3 * cells
    })
}

pub(super) fn find(
    clues: &Clues<'_>,
    named: &Overrides,
    size: SizePx,
    findings: &mut Vec<Finding>,
) -> Result<Found, GuessError> {
    let outputs = &clues.signature.outputs;
    let cells = grid_cells(size);
    let one_a_cell = spec_matrix(outputs).is_some_and(|(r, c)| r == Some(cells) || c == Some(cells));
    let mut tell = |name: &str, confidence: f32, why: String| {
        findings.push(Finding { what: "layout", value: name.to_owned(), confidence, why });
        name.to_owned()
    };
    if let Some(name) = &named.layout {
        if by_name(name).is_none() && whole_by_name(name).is_none() {
            return Err(GuessError(format!("layout `{name}` is none of {}", names())));
        }
        let ending = ending(clues.summary);
        let family = match &**name {
            "yolox" => Family::Yolox,
            name if families::of_layout(name).is_some() => {
                families::of_layout(name).map_or(Family::Ultralytics, |family| family)
            }
            _ if ending == Ending::DecodedExp => Family::PerhapsYolox,
            "yolov5" if one_a_cell && ending == Ending::Unknown && !clues.ultralytics => Family::PerhapsYolox,
            _ => Family::Ultralytics,
        };
        let (confidence, why) = match (&**name, ending) {
            ("yolox", Ending::Decoded | Ending::DecodedExp) => {
                (0.5, "named, but the graph decodes boxes already: `yolov5`?")
            }
            ("yolov5", Ending::Raw) if one_a_cell => (0.5, "named, but the graph doesn't decode boxes: `yolox`?"),
            _ => (1.0, "named"),
        };
        return Ok(Found { name: tell(name, confidence, why.into()), family });
    }
    if let Some(found) = families::find(clues, named, size) {
        let families::Match { layout, family, confidence, why } = found;
        return Ok(Found { name: tell(layout, confidence, why), family });
    }
    refuse_suppressed(clues)?;
    let Some((rows, columns)) = spec_matrix(outputs) else {
        return Err(GuessError(unknown(outputs, no_boxes(outputs))));
    };
    let classes = clues.names.as_ref().map(Vec::len).or(named.labels.as_ref().map(Vec::len));
    let boxes_last = match (rows, columns, classes) {
        (Some(rows), _, Some(c)) if rows == 4 + c => true,
        (_, Some(columns), Some(c)) if columns == 5 + c => false,
        (Some(rows), Some(columns), _) => rows < columns,
        (Some(_), None, _) => true,
        (None, Some(_), _) => false,
        (None, None, _) => {
            return Err(GuessError(unknown(outputs, "the shape is only known at run time: name the layout")));
        }
    };
    if boxes_last {
        let rows = rows.unwrap_or_default();
        if rows < 5 {
            return Err(GuessError(unknown(outputs, "no room for a box and a class")));
        }
        let (confidence, more) = match classes {
            Some(c) if c + 4 == rows => (0.98, format!("and {c} names fit")),
            Some(c) => return Err(GuessError(unknown(outputs, &named_but(c, rows - 4)))),
            None => (0.9, "a column a box".into()),
        };
        let why = format!("{rows} rows are 4 + {} classes, {more}", rows - 4);
        let exponential = ending(clues.summary) == Ending::DecodedExp && !clues.ultralytics;
        let family = if exponential { Family::PerhapsYolox } else { Family::Ultralytics };
        return Ok(Found { name: tell("yolov8", confidence, why), family });
    }
    let columns = columns.unwrap_or_default();
    if columns < 6 {
        return Err(GuessError(unknown(outputs, "no room for a box, an objectness and a class")));
    }
    if let Some(c) = classes.filter(|c| c + 5 != columns) {
        return Err(GuessError(unknown(outputs, &named_but(c, columns - 5))));
    }
    let shape = format!("{columns} columns are 5 + {} classes", columns - 5);
    Ok(match (rows, ending(clues.summary)) {
        (Some(rows), _) if rows == 3 * cells => {
            let why = format!("{shape}, {rows} boxes are 3 anchors on each of {cells} cells");
            Found { name: tell("yolov5", 0.97, why), family: Family::Ultralytics }
        }
        (Some(rows), Ending::Raw) if rows == cells => {
            let why = format!("{shape}, one box on each of {cells} cells, and the graph ends without decoding them");
            Found { name: tell("yolox", 0.93, why), family: Family::Yolox }
        }
        (Some(rows), Ending::DecodedExp) if rows == cells => {
            let why = format!("{shape}; one box on each of {cells} cells, and the graph decodes them as YOLOX does");
            Found { name: tell("yolov5", 0.9, why), family: Family::PerhapsYolox }
        }
        (Some(rows), Ending::Decoded) if rows == cells => {
            let why = format!("{shape}; one box on each of {cells} cells, and the graph decodes them");
            Found { name: tell("yolov5", 0.85, why), family: Family::Ultralytics }
        }
        (Some(rows), Ending::Unknown) if rows == cells => {
            let why = format!(
                "{shape}, one box on each of {cells} cells: raw YOLOX, or `yolov5` when the graph decodes them; the shape is the same"
            );
            Found { name: tell("yolox", 0.6, why), family: Family::Yolox }
        }
        (_, ending) => {
            let confidence = if ending == Ending::Raw { 0.5 } else { 0.75 };
            let why = format!("{shape}; the number of boxes is not that of grids of strides 8, 16 and 32");
            Found { name: tell("yolov5", confidence, why), family: Family::Ultralytics }
        }
    })
}

/// A model that suppresses doubles itself has outputs that look like YOLOv5's with one class, `[1, 300, 6]`.
fn refuse_suppressed(clues: &Clues<'_>) -> Result<(), GuessError> {
    if families::suppresses(clues) {
        return Err(GuessError(unknown(
            &clues.signature.outputs,
            "the model suppresses doubles itself, in a form that is not known; export it without (`nms=False`, `end2end=False`)",
        )));
    }
    Ok(())
}

/// What outputs look like that hold no boxes which could be read.
fn no_boxes(outputs: &[TensorSpec]) -> &'static str {
    // Masks are made of 32 prototypes.
    let prototypes = |o: &TensorSpec| matches!(o.shape[..], [_, Some(32), _, _]);
    if outputs.len() == 2 && outputs.iter().any(prototypes) {
        "it looks like a model that segments, and a detector is wanted"
    } else if outputs.len() == 1 {
        "no boxes, classes or vectors are known to come in this shape"
    } else {
        "these outputs together are no family's"
    }
}

fn named_but(named: usize, there: usize) -> String {
    format!("{named} classes are named, by hand or in the model's metadata, and the shape has room for {there}")
}

/// The reason first: the list of layouts is long.
fn unknown(outputs: &[TensorSpec], why: &str) -> String {
    let shown = |o: &TensorSpec| {
        let dims: Vec<_> = o.shape.iter().map(|d| d.map_or("?".into(), |d| d.to_string())).collect();
        format!("`{}` [{}]", o.name, dims.join(", "))
    };
    let all: Vec<_> = outputs.iter().map(shown).collect();
    let all = all.join(", ");
    format!(
        "its outputs {all} have no layout that is known: {why}; name the layout if it is one of these, or export the model anew: {}",
        names()
    )
}
