//! torchvision's detectors (SSD, Faster R-CNN, RetinaNet, FCOS): `boxes` `[n, 4]` (left, top, right, bottom), `labels` `[n]` (0 is the
//! background) and `scores` `[n]`, as many as are found. Older SSDs have the same with a batch before it, and boxes as fractions.
//! <https://pytorch.org/vision/stable/models.html#object-detection>

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape,
    found::{Found, uncounted},
};
use crate::refusal::DecodeError;

/// Boxes, labels from 1, scores.
pub struct TorchVision;

impl Layout for TorchVision {
    fn name(&self) -> &'static str {
        "torchvision"
    }

    fn description(&self) -> &'static str {
        "boxes [n, 4], labels [n] with 0 for the background, scores [n], with or without a batch; doubles suppressed in the graph"
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
        Found::read(self.name(), uncounted(model.outputs), model.outputs, outputs)?.hand_over(1.0, |b| b, into)
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
