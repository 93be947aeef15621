//! YuNet, the face detector of OpenCV's zoo (since 2023): for each of the strides 8, 16 and 32 `cls` and `obj` `[1, cells, 1]`, `bbox`
//! `[1, cells, 4]`, and landmarks that are left alone. `score = √(cls × obj)`, `cx = (column + x) × stride`, `w = exp(w) × stride`
//! (OpenCV, `FaceDetectorYNImpl::postProcess`).

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape,
    levels::{STRIDES, channels, levels},
};
use crate::refusal::DecodeError;

/// YuNet.
pub struct YuNet;

impl Layout for YuNet {
    fn name(&self) -> &'static str {
        "yunet"
    }

    fn description(&self) -> &'static str {
        "for each of the strides 8, 16 and 32 class and objectness [1, cells, 1], boxes [1, cells, 4], landmarks [1, cells, 10]"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        let counts: Vec<_> = channels(outputs)?.into_iter().collect();
        let rows = outputs.iter().all(|o| o.shape.len() < 4);
        (rows && matches!(counts[..], [(1, 6), (4, 3)] | [(1, 6), (4, 3), (10, 3)])).then_some(Some(1))
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        for level in levels(self.name(), model.size, &STRIDES, 1, outputs)? {
            let ones: Vec<_> = level.planes.iter().filter(|plane| plane.channels() == 1).collect();
            let ([cls, obj], Some(boxes)) = (&ones[..], level.of_channels(4)) else {
                let text = format!("layout {} wants two scores and a box for each cell", self.name());
                return Err(DecodeError::shape(text));
            };
            for (cell, x, y) in level.cells() {
                // Above 1 by rounding alone, so they are cut; NaN stays, and is seen.
                let score = (cls.at(cell, 0).clamp(0.0, 1.0) * obj.at(cell, 0).clamp(0.0, 1.0)).sqrt();
                let b = [0, 1, 2, 3].map(|side| boxes.at(cell, side));
                let s = level.stride;
                into.take(0, score, [(x + b[0]) * s, (y + b[1]) * s, b[2].exp() * s, b[3].exp() * s])?;
            }
        }
        Ok(())
    }
}
