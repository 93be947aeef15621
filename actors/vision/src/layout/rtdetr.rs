//! RT-DETR, D-FINE, DEIM as their own tools export them: `labels` `[1, n]` (from 0), `boxes` `[1, n, 4]` (left, top, right, bottom),
//! `scores` `[1, n]`, and a second input `orig_target_sizes` whose pixels the boxes are in. It is given the size of the input.
//! Detectors that count their labels from 0 and have no batch look the same.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape,
    found::{Found, uncounted},
};
use crate::refusal::DecodeError;

/// Boxes, labels from 0, scores.
pub struct RtDetr;

impl Layout for RtDetr {
    fn name(&self) -> &'static str {
        "rtdetr"
    }

    fn description(&self) -> &'static str {
        "labels from 0 [1, n], boxes [1, n, 4], scores [1, n], with or without the batch; no doubles"
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
        Found::read(self.name(), uncounted(model.outputs), model.outputs, outputs)?.hand_over(0.0, |b| b, into)
    }

    fn suppresses(&self) -> bool {
        true
    }

    fn may_be_fractions(&self) -> bool {
        true
    }
}
