//! PaddleDetection's exports with its own suppression (PicoDet, PP-YOLOE, RT-DETR): `[n, 6]`, a row a box that was found: class, score,
//! left, top, right, bottom in pixels of the input, as `scale_factor` is 1; and how many there are, `[1]`.
//! <https://github.com/PaddlePaddle/PaddleDetection/blob/release/2.8/deploy/EXPORT_MODEL_en.md>

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, check_count,
    found::limit,
    tensors::{check_columns, rows},
};
use crate::refusal::DecodeError;

/// Rows of six and their count.
pub struct Paddle;

/// Where rows and count stand.
fn places(outputs: &[TensorSpec]) -> Option<(usize, usize)> {
    let rows = outputs.iter().position(|o| matches!(o.shape[..], [_, Some(6)] | [None | Some(1), _, Some(6)]))?;
    let count = outputs.iter().position(|o| matches!(o.shape[..], [None | Some(1)] | [Some(1), Some(1)]))?;
    (outputs.len() == 2).then_some((rows, count))
}

impl Layout for Paddle {
    fn name(&self) -> &'static str {
        "paddle"
    }

    fn description(&self) -> &'static str {
        "[n, 6], doubles suppressed in the graph: class, score, left, top, right, bottom; and their count [1]"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        places(outputs).map(|_| None)
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let name = self.name();
        let Some((boxes, count)) = places(model.outputs).filter(|_| outputs.len() == 2) else {
            let given = outputs.len();
            return Err(DecodeError::shape(format!(
                "layout {name} wants rows and a count, the model gave {given} outputs"
            )));
        };
        let (n, columns, data) = rows(name, "boxes", outputs.get(boxes))?;
        check_columns(name, "boxes", columns, 6)?;
        check_count(n)?;
        let limit = limit(name, outputs.get(count), n)?;
        // Without anything to tell there is one row with the class -1.
        for row in data.chunks_exact(6).take(limit).filter(|row| row[0] != -1.0) {
            into.take_found(row[0], row[1], [row[2], row[3], row[4], row[5]])?;
        }
        Ok(())
    }

    fn suppresses(&self) -> bool {
        true
    }

    fn mixes_pictures(&self) -> bool {
        true
    }
}
