//! SCRFD, InsightFace's face detector: for each stride scores `[cells × anchors, 1]`, distances to left, top, right and bottom
//! `[cells × anchors, 4]` in strides, measured from the cell's corner, and landmarks that are left alone. Three strides have two anchors a
//! cell, five have one. <https://github.com/deepinsight/insightface/tree/master/detection/scrfd>

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape,
    levels::{channels, levels},
};
use crate::refusal::DecodeError;

/// SCRFD.
pub struct Scrfd;

/// Strides and anchors a cell of so many outputs.
fn form(outputs: usize) -> Option<(&'static [u32], usize)> {
    match outputs {
        6 | 9 => Some((&[8, 16, 32], 2)),
        10 | 15 => Some((&[8, 16, 32, 64, 128], 1)),
        _ => None,
    }
}

impl Layout for Scrfd {
    fn name(&self) -> &'static str {
        "scrfd"
    }

    fn description(&self) -> &'static str {
        "for each stride scores [boxes, 1], distances [boxes, 4], perhaps landmarks [boxes, 10]; two boxes a cell of three strides"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        let levels = form(outputs.len())?.0.len();
        let counts: Vec<_> = channels(outputs)?.into_iter().collect();
        let rows = outputs.iter().all(|o| o.shape.len() < 4);
        let fits = counts == [(1, levels), (4, levels)] || counts == [(1, levels), (4, levels), (10, levels)];
        (rows && fits).then_some(Some(1))
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let name = self.name();
        let Some((strides, anchors)) = form(outputs.len()) else {
            let given = outputs.len();
            return Err(DecodeError::shape(format!(
                "layout {name} wants 6, 9, 10 or 15 outputs, the model gave {given}"
            )));
        };
        for level in levels(name, model.size, strides, anchors, outputs)? {
            let (Some(scores), Some(sides)) = (level.of_channels(1), level.of_channels(4)) else {
                return Err(DecodeError::shape(format!("layout {name} wants a score and four distances for each box")));
            };
            for (cell, x, y) in level.cells() {
                for at in (0..anchors).map(|anchor| cell * anchors + anchor) {
                    let [left, top, right, bottom] = [0, 1, 2, 3].map(|side| sides.at(at, side));
                    let edges = [x - left, y - top, x + right, y + bottom].map(|edge| edge * level.stride);
                    into.take_corners(0, scores.at(at, 0), edges)?;
                }
            }
        }
        Ok(())
    }
}
