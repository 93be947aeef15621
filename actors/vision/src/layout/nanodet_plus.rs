//! NanoDet-Plus: `[1, cells, classes + 32]` over strides 8, 16, 32 and 64, finest first: scores (through the sigmoid), then a
//! distribution of eight bins for each side. A cell's centre is its top left corner (`get_single_level_center_priors`).

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{Candidates, Layout, ModelShape, check_count, classes_beside, heads, matrix, spec_matrix};
use crate::refusal::DecodeError;

/// Numbers that make a box: four sides of eight bins.
const SIDES: usize = 32;

const STRIDES: [u32; 4] = [8, 16, 32, 64];

/// NanoDet-Plus.
pub struct NanoDetPlus;

impl Layout for NanoDetPlus {
    fn name(&self) -> &'static str {
        "nanodet_plus"
    }

    fn description(&self) -> &'static str {
        "[1, cells, classes + 32] over strides 8, 16, 32 and 64: scores, then distances in eight bins a side"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        classes_beside(spec_matrix(outputs)?.1, SIDES)
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let grids = STRIDES.map(|stride| (stride, heads::grid(model.size, stride)));
        let cells: usize = grids.iter().map(|(_, (across, down))| across * down).sum();
        let columns = model.classes + SIDES;
        let wanted = format!("[1, {cells}, {columns}]");
        let (rows, found, data) = matrix(self.name(), outputs, &wanted)?;
        if (rows, found) != (cells, columns) {
            return Err(DecodeError::shape(format!(
                "layout nanodet_plus wants {wanted} for an input of {} pixels, the model gave [1, {rows}, {found}]",
                model.size
            )));
        }
        check_count(rows)?;
        let mut row = data.chunks_exact(columns);
        for (stride, (across, down)) in grids {
            for cell in 0..across * down {
                let Some(values) = row.next() else { return Ok(()) };
                let (scores, sides) = values.split_at(model.classes);
                let corner = [(cell % across) as f32, (cell / across) as f32];
                heads::take(scores, sides, corner, stride as f32, into)?;
            }
        }
        Ok(())
    }
}
