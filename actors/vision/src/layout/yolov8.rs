//! YOLOv8 and its successors: `[1, 4 + classes, boxes]`, a column a box: centre, size (pixels of the input), classes.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{Candidates, Layout, ModelShape, check_count, classes_beside, matrix, spec_matrix};
use crate::refusal::DecodeError;

/// YOLOv8.
pub struct YoloV8;

impl Layout for YoloV8 {
    fn name(&self) -> &'static str {
        "yolov8"
    }

    fn description(&self) -> &'static str {
        "[1, 4 + classes, boxes]: centre, size, classes; no objectness"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        classes_beside(spec_matrix(outputs)?.0, 4)
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let wanted = format!("[1, {}, boxes]", 4 + model.classes);
        let (rows, boxes, data) = matrix(self.name(), outputs, &wanted)?;
        if rows != 4 + model.classes {
            return Err(DecodeError::shape(format!(
                "layout yolov8 wants {wanted}, the model gave [1, {rows}, {boxes}]"
            )));
        }
        check_count(boxes)?;
        if boxes == 0 {
            return Ok(());
        }
        let mut planes = data.chunks_exact(boxes);
        let mut next = || planes.next().unwrap_or_default();
        let [cx, cy, w, h] = [next(), next(), next(), next()];
        // Class by class, so that each row of the matrix is read once, in order, and many boxes at once.
        let classes = &data[4 * boxes..];
        let mut tops = vec![f32::NEG_INFINITY; boxes];
        for scores in classes.chunks_exact(boxes) {
            for (top, score) in tops.iter_mut().zip(scores) {
                // NaN takes the place and keeps it, so that it is seen.
                *top = if *score > *top || score.is_nan() { *score } else { *top };
            }
        }
        let lowest = into.lowest();
        for (i, score) in tops.into_iter().enumerate() {
            if score < lowest {
                continue;
            }
            let is_top = |scores: &[f32]| scores[i] == score || scores[i].is_nan();
            let class = classes.chunks_exact(boxes).position(is_top).unwrap_or_default();
            into.take(class, score, [cx[i], cy[i], w[i], h[i]])?;
        }
        Ok(())
    }

    fn may_be_fractions(&self) -> bool {
        true
    }
}
