//! RT-DETR as Ultralytics exports it: `[1, queries, 4 + classes]`, a row a query: centre and size as fractions of the input, then a score
//! for each class, through the sigmoid already. It leaves no doubles.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{Candidates, Layout, ModelShape, box_rows, classes_beside, spec_matrix};
use crate::refusal::DecodeError;

/// Queries as rows.
pub struct RtDetrRows;

impl Layout for RtDetrRows {
    fn name(&self) -> &'static str {
        "rtdetr_rows"
    }

    fn description(&self) -> &'static str {
        "[1, queries, 4 + classes]: centre and size as fractions, classes; no doubles"
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
        let (width, height) = (model.size.width as f32, model.size.height as f32);
        for row in data.chunks_exact(columns) {
            if let Some((class, score)) = into.best(&row[4..]) {
                into.take(class, score, [row[0] * width, row[1] * height, row[2] * width, row[3] * height])?;
            }
        }
        Ok(())
    }

    fn suppresses(&self) -> bool {
        true
    }
}
