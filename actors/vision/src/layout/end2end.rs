//! YOLOv10, YOLO26 and exports with suppression in the graph: `[1, boxes, 6]`, a row a box: left, top, right, bottom, score, class.
//! Some write the class before the score: a column of whole numbers alone is that of the class. Rows that stand for nothing have a
//! score of 0.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, check_count, matrix, spec_matrix,
    tensors::{check_columns, whole},
};
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
        let column = |at: usize| data.chunks_exact(6).map(move |row| row[at]);
        let (score, class) = if whole(column(4)) && !whole(column(5)) { (5, 4) } else { (4, 5) };
        for row in data.chunks_exact(6) {
            into.take_found(row[class], row[score], [row[0], row[1], row[2], row[3]])?;
        }
        Ok(())
    }

    fn suppresses(&self) -> bool {
        true
    }

    fn may_be_fractions(&self) -> bool {
        true
    }
}
