//! YOLOv5: `[1, boxes, 5 + classes]` with centre, size (pixels of the input), objectness and classes. YOLOv6 and v7, and a
//! YOLOX whose boxes are decoded within the graph, look the same.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{Candidates, Layout, ModelShape, candidates::best, check_count, matrix, spec_matrix};
use crate::refusal::{DecodeError, Reason};

/// YOLOv5.
pub struct YoloV5;

impl Layout for YoloV5 {
    fn name(&self) -> &'static str {
        "yolov5"
    }

    fn description(&self) -> &'static str {
        "[1, boxes, 5 + classes]: centre, size, objectness, classes"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        match spec_matrix(outputs)? {
            (_, Some(columns)) => columns.checked_sub(5).filter(|c| *c > 0).map(Some),
            (_, None) => Some(None),
        }
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let columns = 5 + model.classes;
        let wanted = format!("[1, boxes, {columns}]");
        let (rows, found, data) = matrix(self.name(), outputs, &wanted)?;
        if found != columns {
            return Err(DecodeError::shape(format!(
                "layout yolov5 wants {wanted}, the model gave [1, {rows}, {found}]"
            )));
        }
        check_count(rows)?;
        for values in data.chunks_exact(columns) {
            let objectness = values[4];
            // No class can lift a box above its objectness. NaN is not below, and is seen.
            if objectness < into.lowest() {
                continue;
            }
            if objectness > 1.01 {
                into.refuse(if objectness.is_finite() { Reason::BadScore } else { Reason::NotFinite });
                continue;
            }
            if let Some((class, score)) = best(&values[5..]) {
                into.take(class, objectness * score, [values[0], values[1], values[2], values[3]])?;
            }
        }
        Ok(())
    }
}
