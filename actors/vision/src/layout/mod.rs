//! How families of models lay out their outputs: one file a family.
//!
//! A layout reads boxes in pixels of the INPUT and hands them to [`Candidates`], which judges them all by the same rules.
//! Mapping to the picture and suppression of doubles come after it, the same for all.

mod anchors;
mod best_class;
mod boxes_scores;
mod candidates;
mod centernet;
mod classifier;
mod darknet;
mod detection_output;
mod detr;
mod efficient_nms;
mod embedding;
mod end2end;
mod face;
mod fastestdet;
mod form;
mod found;
mod heads;
mod levels;
mod mmdet;
mod n7;
mod nanodet;
mod nanodet_plus;
mod nms_indices;
mod paddle;
mod picodet;
mod retinaface;
mod rtdetr;
mod rtdetr_rows;
mod scrfd;
mod ssd;
mod tensors;
mod tfod;
mod torchvision;
mod whole;
mod yolov5;
mod yolov5_heads;
mod yolov8;
mod yolov8_heads;
mod yolov8_rows;
mod yolox;
mod yolox_heads;
mod yunet;

use parapet_contracts::ports::inference::{TensorData, TensorSpec, TensorView};

pub use candidates::{Candidate, Candidates};
pub(crate) use heads::{cells_with_64, pairs};
pub(crate) use retinaface::priors;
pub(crate) use whole::head_length;
pub use whole::{WHOLES, WholeLayout, whole_by_name};

use crate::{refusal::DecodeError, settings::SizePx};

/// An answer with more boxes than this is refused before it is read.
pub const MAX_BOXES: usize = 100_000;

/// All layouts of boxes that are known. A new family is a file beside this one and a line here.
pub const LAYOUTS: &[&dyn Layout] = &[
    &yolox::Yolox,
    &yolov5::YoloV5,
    &yolov8::YoloV8,
    &yolov8_rows::YoloV8Rows,
    &end2end::End2End,
    &n7::N7,
    &tfod::TfOd,
    &efficient_nms::EfficientNms,
    &mmdet::MmDet,
    &torchvision::TorchVision,
    &paddle::Paddle,
    &nanodet::NanoDet,
    &nanodet_plus::NanoDetPlus,
    &picodet::PicoDet,
    &fastestdet::FastestDet,
    &rtdetr::RtDetr,
    &detr::Detr,
    &detr::DetrSigmoid,
    &boxes_scores::BoxesScores,
    &best_class::BestClass,
    &nms_indices::NmsIndices,
    &detection_output::DetectionOutput,
    &rtdetr_rows::RtDetrRows,
    &yolox_heads::YoloxHeads,
    &yolov5_heads::YOLOV5_HEADS,
    &yolov5_heads::YOLOV7_HEADS,
    &yolov8_heads::YoloV8Heads,
    &darknet::YOLOV3_HEADS,
    &darknet::YOLOV3_TINY_HEADS,
    &darknet::YOLOV2,
    &centernet::CenterNet,
    &ssd::Ssd,
    &face::Face,
    &retinaface::RetinaFace,
    &scrfd::Scrfd,
    &yunet::YuNet,
];

/// The layout of boxes of a name.
pub fn by_name(name: &str) -> Option<&'static dyn Layout> {
    LAYOUTS.iter().copied().find(|layout| layout.name() == name)
}

/// The names of all layouts, for people: `yolox, yolov5, yolov8, …`.
pub fn names() -> String {
    let whole = WHOLES.iter().map(|layout| layout.name());
    LAYOUTS.iter().map(|layout| layout.name()).chain(whole).collect::<Vec<_>>().join(", ")
}

/// How a family of models lays out its outputs.
pub trait Layout: Send + Sync {
    /// The name in model files and flags.
    fn name(&self) -> &'static str;

    /// One sentence for people.
    fn description(&self) -> &'static str;

    /// How many classes a model with these outputs has; `None` when the outputs can't be of this layout. A dimension that
    /// is only known at run time fits, and `Some(None)` says that the number of classes is such a one.
    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>>;

    /// Reads the outputs into candidates.
    ///
    /// # Errors
    /// When the outputs have another number, type or shape than the layout's, or there are absurdly many boxes.
    fn read(&self, model: ModelShape<'_>, outputs: &[TensorView<'_>], into: &mut Candidates)
    -> Result<(), DecodeError>;

    /// True when the model leaves no doubles, so that none are suppressed after it.
    fn suppresses(&self) -> bool {
        false
    }

    /// True when classes come as numbers, so that no shape tells how many there are.
    fn numbers_classes(&self) -> bool {
        self.suppresses()
    }

    /// True when its boxes are pixels of the input in some exports and fractions of it in others: the boxes themselves tell.
    fn may_be_fractions(&self) -> bool {
        false
    }

    /// True when rows of all pictures of a batch stand together in the output, so that its first dimension doesn't tell them apart.
    fn mixes_pictures(&self) -> bool {
        false
    }
}

/// What a layout must know of the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelShape<'a> {
    /// Size of the input in pixels.
    pub size: SizePx,
    /// Number of classes.
    pub classes: usize,
    /// The outputs as the model declares them, in the order of the tensors: their names tell apart what shapes don't.
    pub outputs: &'a [TensorSpec],
}

/// The one output `[1, rows, columns]` of 32-bit floats, as rows and columns and data. Outputs of five dimensions beside it are
/// the raw heads that older exports of YOLOv5 have, too; they are left alone.
pub(crate) fn matrix<'a>(
    layout: &str,
    outputs: &[TensorView<'a>],
    wanted: &str,
) -> Result<(usize, usize, &'a [f32]), DecodeError> {
    let shapes = || outputs.iter().map(|o| format!("{:?}", o.shape)).collect::<Vec<_>>().join(", ");
    let mut meant = outputs.iter().filter(|output| output.shape.len() != 5);
    let one = meant.next().filter(|_| meant.next().is_none()).copied();
    let Some(TensorView { shape: &[1, rows, columns], data: TensorData::F32(data) }) = one else {
        return Err(DecodeError::shape(format!(
            "layout {layout} wants one output {wanted} of floats, the model gave {}",
            shapes()
        )));
    };
    if rows.checked_mul(columns) != Some(data.len()) {
        return Err(DecodeError::shape(format!("an output of shape {} holds {} numbers", shapes(), data.len())));
    }
    Ok((rows, columns, data))
}

pub(crate) fn check_count(boxes: usize) -> Result<(), DecodeError> {
    if boxes > MAX_BOXES {
        return Err(DecodeError::too_many(format!("the model gave {boxes} boxes; at most {MAX_BOXES} are read")));
    }
    Ok(())
}

/// How many classes stand beside `fixed` other values on this side of an output: `Some(None)` when its length is only known at
/// run time, `None` when there is no room for a class.
pub(crate) fn classes_beside(side: Option<usize>, fixed: usize) -> Option<Option<usize>> {
    match side {
        Some(length) => length.checked_sub(fixed).filter(|classes| *classes > 0).map(Some),
        None => Some(None),
    }
}

/// The values of `[1, boxes, fixed + classes]`, a row a box, of a sane number of boxes; with the length of a row.
pub(crate) fn box_rows<'a>(
    name: &str,
    fixed: usize,
    model: ModelShape<'_>,
    outputs: &[TensorView<'a>],
) -> Result<(usize, &'a [f32]), DecodeError> {
    let columns = fixed + model.classes;
    let wanted = format!("[1, boxes, {columns}]");
    let (rows, found, data) = matrix(name, outputs, &wanted)?;
    if found != columns {
        return Err(DecodeError::shape(format!("layout {name} wants {wanted}, the model gave [1, {rows}, {found}]")));
    }
    check_count(rows)?;
    Ok((columns, data))
}

/// The dimensions of the one output that [`matrix`] reads, when its batch is one.
pub(crate) fn spec_matrix(outputs: &[TensorSpec]) -> Option<(Option<usize>, Option<usize>)> {
    let mut meant = outputs.iter().filter(|output| output.shape.len() != 5);
    match (meant.next().map(|output| &output.shape[..]), meant.next()) {
        (Some(&[None | Some(1), rows, columns]), None) => Some((rows, columns)),
        _ => None,
    }
}

/// Cells of grids of strides 8, 16 and 32 over an input: the boxes of a model that makes one a cell.
pub(crate) fn grid_cells(size: SizePx) -> usize {
    [8, 16, 32].iter().map(|stride| (size.width / stride) as usize * (size.height / stride) as usize).sum()
}

#[cfg(test)]
mod families_tests;
#[cfg(test)]
mod tests;
