//! NanoDet (not Plus): for each of the strides 8, 16 and 32 scores `[1, cells, classes]` and distances `[1, cells, 4 × bins]`.
//! A cell's centre lies `(stride − 1) / 2` pixels from its corner.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{Candidates, Layout, ModelShape, heads};
use crate::refusal::DecodeError;

const STRIDES: [u32; 3] = [8, 16, 32];

/// NanoDet.
pub struct NanoDet;

impl Layout for NanoDet {
    fn name(&self) -> &'static str {
        "nanodet"
    }

    fn description(&self) -> &'static str {
        "scores [1, cells, classes] and distances [1, cells, 4 × bins] for each of the strides 8, 16 and 32"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        heads::pairs(outputs, STRIDES.len()).map(|(_, classes)| Some(classes))
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        heads::read(self.name(), &STRIDES, |stride| (stride - 1.0) / 2.0, model, outputs, into)
    }
}
