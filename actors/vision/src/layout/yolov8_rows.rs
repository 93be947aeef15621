//! YOLOv8 turned: `[1, boxes, 4 + classes]`, a row a box: centre, size (pixels of the input), classes.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{Candidates, Layout, ModelShape, box_rows, classes_beside, spec_matrix};
use crate::refusal::DecodeError;

/// YOLOv8 with rows and columns exchanged, as some exporters for accelerators write it.
pub struct YoloV8Rows;

impl Layout for YoloV8Rows {
    fn name(&self) -> &'static str {
        "yolov8_rows"
    }

    fn description(&self) -> &'static str {
        "[1, boxes, 4 + classes]: centre, size, classes; no objectness"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        classes_beside(spec_matrix(outputs)?.1, 4)
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let (columns, data) = box_rows(self.name(), 4, model, outputs)?;
        for values in data.chunks_exact(columns) {
            if let Some((class, score)) = into.best(&values[4..]) {
                into.take(class, score, [values[0], values[1], values[2], values[3]])?;
            }
        }
        Ok(())
    }

    fn may_be_fractions(&self) -> bool {
        true
    }
}
