//! TensorRT's EfficientNMS as YOLO exports have it, and YOLO-NAS with its own: `num_dets` `[1, 1]`, `det_boxes` `[1, n, 4]` (left, top,
//! right, bottom), `det_scores` `[1, n]`, `det_classes` `[1, n]` (from 0).
//! <https://github.com/NVIDIA/TensorRT/tree/main/plugin/efficientNMSPlugin>

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape,
    found::{Found, Places, places},
};
use crate::refusal::DecodeError;

/// Boxes, classes, scores and a count.
pub struct EfficientNms;

fn four(outputs: &[TensorSpec]) -> Option<Places> {
    places(outputs).filter(|at| at.count.is_some())
}

impl Layout for EfficientNms {
    fn name(&self) -> &'static str {
        "efficient_nms"
    }

    fn description(&self) -> &'static str {
        "a count [1, 1], boxes [1, n, 4], scores [1, n], classes from 0 [1, n]; doubles suppressed in the graph"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        four(outputs).map(|_| None)
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        Found::read(self.name(), four(model.outputs), model.outputs, outputs)?.hand_over(0.0, |b| b, into)
    }

    fn suppresses(&self) -> bool {
        true
    }

    fn may_be_fractions(&self) -> bool {
        true
    }
}
