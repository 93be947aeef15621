//! Face detectors of the Ultra-Light kind: an [`ssd`] of one class. Scores `[1, n, 2]` (background, face; final) and boxes `[1, n, 4]`
//! (left, top, right, bottom, as fractions of the input).

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{Candidates, Layout, ModelShape, ssd};
use crate::refusal::DecodeError;

/// Scores and boxes of faces.
pub struct Face;

impl Layout for Face {
    fn name(&self) -> &'static str {
        "face"
    }

    fn description(&self) -> &'static str {
        "scores [1, n, 2] of background and face, and boxes [1, n, 4] as fractions"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        (ssd::places(outputs)?.2 == Some(2)).then_some(Some(1))
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        ssd::read(self.name(), model, outputs, into)
    }
}
