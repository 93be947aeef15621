//! YOLOv10, YOLO26 and exports with suppression in the graph: `[1, boxes, 6]`, a row a box: left, top, right, bottom (pixels of
//! the input), score, class. Rows that stand for nothing have a score of 0.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{Candidates, Layout, ModelShape, check_count, matrix, spec_matrix, tensors::check_columns};
use crate::refusal::DecodeError;

/// End-to-end YOLO.
pub struct End2End;

impl Layout for End2End {
    fn name(&self) -> &'static str {
        "end2end"
    }

    fn description(&self) -> &'static str {
        "[1, boxes, 6], doubles suppressed in the graph: left, top, right, bottom, score, class"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        matches!(spec_matrix(outputs)?, (_, Some(6) | None)).then_some(None)
    }

    fn read(&self, _: ModelShape<'_>, outputs: &[TensorView<'_>], into: &mut Candidates) -> Result<(), DecodeError> {
        let (rows, columns, data) = matrix(self.name(), outputs, "[1, boxes, 6]")?;
        check_columns(self.name(), "boxes", columns, 6)?;
        check_count(rows)?;
        for row in data.chunks_exact(6) {
            // NaN is not below, and is seen.
            if row[4] < into.lowest() {
                continue;
            }
            if let Some(class) = into.class(row[5]) {
                into.take_corners(class, row[4], [row[0], row[1], row[2], row[3]])?;
            }
        }
        Ok(())
    }

    fn suppresses(&self) -> bool {
        true
    }
}
