//! PicoDet as PaddleDetection exports it without its post-processing: for each of the strides 8, 16, 32 and 64 scores `[1, cells, classes]` and distances `[1, cells, 4 × bins]`.
//! A cell's centre lies half a stride from its corner.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{Candidates, Layout, ModelShape, heads};
use crate::refusal::DecodeError;

const STRIDES: [u32; 4] = [8, 16, 32, 64];

/// PicoDet.
pub struct PicoDet;

impl Layout for PicoDet {
    fn name(&self) -> &'static str {
        "picodet"
    }

    fn description(&self) -> &'static str {
        "scores [1, cells, classes] and distances [1, cells, 4 × bins] for each of the strides 8, 16, 32 and 64"
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
        heads::read(self.name(), &STRIDES, |stride| stride / 2.0, model, outputs, into)
    }
}
