//! YOLOv5: `[1, boxes, 5 + classes]` with centre, size (pixels of the input), objectness and classes. YOLOv6 and v7, and a
//! YOLOX whose boxes are decoded within the graph, look the same.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{Candidates, Layout, ModelShape, box_rows, candidates::best, classes_beside, spec_matrix};
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
        classes_beside(spec_matrix(outputs)?.1, 5)
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let (columns, data) = box_rows(self.name(), 5, model, outputs)?;
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

    fn may_be_fractions(&self) -> bool {
        true
    }
}
