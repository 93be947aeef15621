//! SSD without suppression, boxes decoded: scores `[1, n, 1 + classes]`, of which the first is the background (final), and boxes
//! `[1, n, 4]` (left, top, right, bottom, as fractions of the input).

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape,
    candidates::best,
    check_count,
    tensors::{boxes_at, check_columns, inner, rows},
};
use crate::refusal::DecodeError;

/// SSD of any number of classes.
pub struct Ssd;

/// Where boxes and scores stand among the two outputs, and the declared columns of scores.
pub(crate) fn places(outputs: &[TensorSpec]) -> Option<(usize, usize, Option<usize>)> {
    if outputs.len() != 2 || outputs.iter().any(|o| o.shape.len() != 3) {
        return None;
    }
    let boxes = boxes_at(outputs)?;
    let scores = 1 - boxes;
    match (inner(&outputs[boxes]), inner(&outputs[scores])) {
        ([n, _], [rows, columns]) if n == rows || n.is_none() || rows.is_none() => Some((boxes, scores, *columns)),
        _ => None,
    }
}

/// Reads scores behind a background, and boxes.
pub(crate) fn read(
    name: &str,
    model: ModelShape<'_>,
    outputs: &[TensorView<'_>],
    into: &mut Candidates,
) -> Result<(), DecodeError> {
    let Some((boxes, scores, _)) = places(model.outputs).filter(|_| outputs.len() == 2) else {
        let given = outputs.len();
        return Err(DecodeError::shape(format!(
            "layout {name} wants scores and boxes, the model gave {given} outputs"
        )));
    };
    let (n, four, boxes) = rows(name, "boxes", outputs.get(boxes))?;
    check_columns(name, "boxes", four, 4)?;
    check_count(n)?;
    let columns = model.classes + 1;
    let (found, given, scores) = rows(name, "scores", outputs.get(scores))?;
    check_columns(name, "scores", given, columns)?;
    if found != n {
        return Err(DecodeError::shape(format!("layout {name}: {n} boxes and {found} scores")));
    }
    let (width, height) = (model.size.width as f32, model.size.height as f32);
    for (b, scores) in boxes.chunks_exact(4).zip(scores.chunks_exact(columns)) {
        if let Some((class, score)) = best(&scores[1..]) {
            into.take_corners(class, score, [b[0] * width, b[1] * height, b[2] * width, b[3] * height])?;
        }
    }
    Ok(())
}

impl Layout for Ssd {
    fn name(&self) -> &'static str {
        "ssd"
    }

    fn description(&self) -> &'static str {
        "scores [1, n, 1 + classes], the first for the background, and boxes [1, n, 4] as fractions"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        match places(outputs)?.2 {
            Some(columns) => columns.checked_sub(1).filter(|classes| *classes > 0).map(Some),
            None => Some(None),
        }
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        read(self.name(), model, outputs, into)
    }
}
