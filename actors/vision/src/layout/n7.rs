//! Suppression in the graph as exports of YOLOv7 have it: `[n, 7]`, a row a box that was found: index in the batch, left, top,
//! right, bottom, class, score. YOLO-NAS has the score before the class: a column of whole numbers alone is that of the class.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, check_count,
    tensors::{check_columns, rows, whole},
};
use crate::refusal::DecodeError;

/// Rows of seven.
pub struct N7;

impl Layout for N7 {
    fn name(&self) -> &'static str {
        "n7"
    }

    fn description(&self) -> &'static str {
        "[n, 7], doubles suppressed in the graph: batch, left, top, right, bottom, class, score"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        let [output] = outputs else { return None };
        matches!(output.shape[..], [_, Some(7)] | [None | Some(1), _, Some(7)]).then_some(None)
    }

    fn read(&self, _: ModelShape<'_>, outputs: &[TensorView<'_>], into: &mut Candidates) -> Result<(), DecodeError> {
        let (count, columns, data) = rows(self.name(), "boxes", outputs.first().filter(|_| outputs.len() == 1))?;
        check_columns(self.name(), "boxes", columns, 7)?;
        check_count(count)?;
        let column = |at: usize| data.chunks_exact(7).map(move |row| row[at]);
        let (class, score) = if whole(column(6)) && !whole(column(5)) { (6, 5) } else { (5, 6) };
        for row in data.chunks_exact(7) {
            into.take_found(row[class], row[score], [row[1], row[2], row[3], row[4]])?;
        }
        Ok(())
    }

    fn suppresses(&self) -> bool {
        true
    }

    fn mixes_pictures(&self) -> bool {
        true
    }

    fn may_be_fractions(&self) -> bool {
        true
    }
}
