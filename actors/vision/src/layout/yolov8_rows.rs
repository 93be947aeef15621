//! YOLOv8 turned: `[1, boxes, 4 + classes]`, a row a box: centre, size (pixels of the input), classes.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{Candidates, Layout, ModelShape, candidates::best, check_count, matrix, spec_matrix};
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
        match spec_matrix(outputs)? {
            (_, Some(columns)) => columns.checked_sub(4).filter(|c| *c > 0).map(Some),
            (_, None) => Some(None),
        }
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let columns = 4 + model.classes;
        let wanted = format!("[1, boxes, {columns}]");
        let (rows, found, data) = matrix(self.name(), outputs, &wanted)?;
        if found != columns {
            return Err(DecodeError::shape(format!(
                "layout yolov8_rows wants {wanted}, the model gave [1, {rows}, {found}]"
            )));
        }
        check_count(rows)?;
        for values in data.chunks_exact(columns) {
            if let Some((class, score)) = best(&values[4..]) {
                into.take(class, score, [values[0], values[1], values[2], values[3]])?;
            }
        }
        Ok(())
    }
}
