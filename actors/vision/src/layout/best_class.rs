//! All boxes of a grid with the best class of each: boxes `[1, n, 4]` in one of the forms of [`Form`], scores `[1, n]` and classes `[1, n]`
//! from 0, before suppression. Exports of YOLOs for Qualcomm's hardware have them so.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape,
    found::{Found, uncounted},
};
use crate::refusal::DecodeError;

/// Boxes, the best class of each, and its score.
pub struct BestClass;

impl Layout for BestClass {
    fn name(&self) -> &'static str {
        "best_class"
    }

    fn description(&self) -> &'static str {
        "boxes [1, n, 4], the best class of each from 0 [1, n] and its score [1, n], before suppression"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        uncounted(outputs).map(|_| None)
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let found = Found::read(self.name(), uncounted(model.outputs), model.outputs, outputs)?;
        let form = found.form();
        found.hand_over(0.0, |b| form.corners(&b), into)
    }

    fn numbers_classes(&self) -> bool {
        true
    }

    fn may_be_fractions(&self) -> bool {
        true
    }
}
