//! Face detectors of the Ultra-Light kind: scores `[1, n, 2]` (background, face; final) and boxes `[1, n, 4]` (left, top, right,
//! bottom, as fractions of the input).

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, check_count,
    tensors::{boxes_at, check_columns, inner, rows},
};
use crate::refusal::DecodeError;

/// Scores and boxes of faces.
pub struct Face;

/// Where boxes and scores stand among the two outputs.
fn places(outputs: &[TensorSpec]) -> Option<(usize, usize)> {
    if outputs.len() != 2 || outputs.iter().any(|o| o.shape.len() != 3) {
        return None;
    }
    let boxes = boxes_at(outputs)?;
    let scores = 1 - boxes;
    matches!(inner(&outputs[scores]), [_, Some(2)]).then_some((boxes, scores))
}

impl Layout for Face {
    fn name(&self) -> &'static str {
        "face"
    }

    fn description(&self) -> &'static str {
        "scores [1, n, 2] of background and face, and boxes [1, n, 4] as fractions"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        places(outputs).map(|_| Some(1))
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let name = self.name();
        let Some((boxes, scores)) = places(model.outputs).filter(|_| outputs.len() == 2) else {
            return Err(DecodeError::shape(format!(
                "layout face wants scores and boxes, the model gave {} outputs",
                outputs.len()
            )));
        };
        let (n, four, boxes) = rows(name, "boxes", outputs.get(boxes))?;
        check_columns(name, "boxes", four, 4)?;
        check_count(n)?;
        let (found, two, scores) = rows(name, "scores", outputs.get(scores))?;
        check_columns(name, "scores", two, 2)?;
        if found != n {
            return Err(DecodeError::shape(format!("layout face: {n} boxes and {found} scores")));
        }
        let (width, height) = (model.size.width as f32, model.size.height as f32);
        for (b, score) in boxes.chunks_exact(4).zip(scores.chunks_exact(2)) {
            into.take_corners(0, score[1], [b[0] * width, b[1] * height, b[2] * width, b[3] * height])?;
        }
        Ok(())
    }
}
