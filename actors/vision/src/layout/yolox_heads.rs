//! YOLOX with its heads as outputs of their own, for each of the strides 8, 16 and 32: `[1, 5 + classes, rows, columns]` as one, or boxes of 4,
//! objectness of 1 and classes apart. Boxes are placed as in [`super::yolox`]; scores are taken through the sigmoid unless they were.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape,
    levels::{Level, Plane, STRIDES, are_planes, channels, levels},
    tensors::{is_logit, sigmoid},
};
use crate::refusal::{DecodeError, Reason};

/// YOLOX, head by head.
pub struct YoloxHeads;

/// A plane, and the first of its channels that is meant.
type Part<'a> = (&'a Plane<'a>, usize);

/// Boxes, objectness and classes of a grid.
fn parts<'a>(level: &'a Level<'a>, classes: usize) -> Option<[Part<'a>; 3]> {
    if let [one] = &level.planes[..] {
        return (one.channels() == 5 + classes).then_some([(one, 0), (one, 4), (one, 5)]);
    }
    let boxes = level.of_channels(4)?;
    // With one class, both scores look the same, and their product is all that counts.
    let mut ones = level.planes.iter().filter(|plane| plane.channels() == 1);
    let objectness = ones.next()?;
    let classes = if classes == 1 { ones.next()? } else { level.of_channels(classes)? };
    Some([(boxes, 0), (objectness, 0), (classes, 0)])
}

impl Layout for YoloxHeads {
    fn name(&self) -> &'static str {
        "yolox_heads"
    }

    fn description(&self) -> &'static str {
        "for each of the strides 8, 16 and 32 [1, 5 + classes, rows, columns], or boxes, objectness and classes apart"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        let counts: Vec<_> = channels(outputs).filter(|_| are_planes(outputs))?.into_iter().collect();
        match counts[..] {
            [(both, 3)] if both > 5 => Some(Some(both - 5)),
            [(1, 6), (4, 3)] => Some(Some(1)),
            [(1, 3), (4, 3), (classes, 3)] | [(1, 3), (classes, 3), (4, 3)] => Some(Some(classes)),
            _ => None,
        }
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let levels = levels(self.name(), model.size, &STRIDES, 1, outputs)?;
        let wanted =
            || DecodeError::shape(format!("layout yolox_heads wants 4 + 1 + {} numbers a cell", model.classes));
        let all: Vec<_> =
            levels.iter().map(|level| parts(level, model.classes)).collect::<Option<_>>().ok_or_else(wanted)?;
        let logits = levels.iter().zip(&all).any(|(level, [_, objectness, classes])| {
            level.cells().any(|(cell, ..)| {
                is_logit(objectness.0.at(cell, objectness.1))
                    || (0..model.classes).any(|class| is_logit(classes.0.at(cell, classes.1 + class)))
            })
        });
        let score = |logit: f32| if logits { sigmoid(logit) } else { logit };
        for (level, [boxes, objectness, classes]) in levels.iter().zip(&all) {
            for (cell, x, y) in level.cells() {
                let objectness = score(objectness.0.at(cell, objectness.1));
                // No class can lift a box above its objectness. NaN is not below, and is seen.
                if objectness < into.lowest() {
                    continue;
                }
                let scores = (0..model.classes).map(|class| score(classes.0.at(cell, classes.1 + class)));
                let Some((class, top)) = scores.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
                if !(objectness.is_finite() && top.is_finite()) {
                    into.refuse(Reason::NotFinite);
                    continue;
                }
                let b = [0, 1, 2, 3].map(|side| boxes.0.at(cell, boxes.1 + side));
                let s = level.stride;
                into.take(class, objectness * top, [(x + b[0]) * s, (y + b[1]) * s, b[2].exp() * s, b[3].exp() * s])?;
            }
        }
        Ok(())
    }
}
