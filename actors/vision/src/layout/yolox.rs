//! YOLOX as its exporter writes it by default: `[1, cells, 5 + classes]`, to be placed on grids of strides 8, 16 and 32.
//!
//! Row by row, finest grid first: centre offset, logarithm of the size, objectness, classes; the scores went through the
//! sigmoid in the graph. `cx = (x + column) × stride`, `w = exp(w) × stride` (YOLOX, `demo_postprocess`).

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, candidates::best, check_count, classes_beside, grid_cells, matrix, spec_matrix,
};
use crate::refusal::{DecodeError, Reason};

/// Raw YOLOX.
pub struct Yolox;

impl Layout for Yolox {
    fn name(&self) -> &'static str {
        "yolox"
    }

    fn description(&self) -> &'static str {
        "[1, cells, 5 + classes], raw: boxes are placed on grids of strides 8, 16 and 32"
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
        let columns = 5 + model.classes;
        let cells = grid_cells(model.size);
        let wanted = format!("[1, {cells}, {columns}]");
        let (rows, found, data) = matrix(self.name(), outputs, &wanted)?;
        if found != columns || rows != cells {
            return Err(DecodeError::shape(format!(
                "layout yolox wants {wanted} for an input of {} pixels, the model gave [1, {rows}, {found}]",
                model.size
            )));
        }
        check_count(rows)?;
        let mut row = data.chunks_exact(columns);
        for stride in [8u32, 16, 32] {
            for y in 0..model.size.height / stride {
                for x in 0..model.size.width / stride {
                    let Some(values) = row.next() else { return Ok(()) };
                    read_cell(values, [x as f32, y as f32], stride as f32, into)?;
                }
            }
        }
        Ok(())
    }
}

fn read_cell(values: &[f32], [x, y]: [f32; 2], stride: f32, into: &mut Candidates) -> Result<(), DecodeError> {
    let objectness = values[4];
    // No class can lift a box above its objectness. NaN is not below, and is seen.
    if objectness < into.lowest() {
        return Ok(());
    }
    if objectness > 1.01 {
        into.refuse(if objectness.is_finite() { Reason::BadScore } else { Reason::NotFinite });
        return Ok(());
    }
    let Some((class, score)) = best(&values[5..]) else { return Ok(()) };
    into.take(
        class,
        objectness * score,
        [(values[0] + x) * stride, (values[1] + y) * stride, values[2].exp() * stride, values[3].exp() * stride],
    )
}
