//! YOLOv8 and its successors without the end of their graph, as exports for accelerators have them: for each of the strides 8, 16 and 32
//! `[1, 64 + classes, rows, columns]`, or distances of 64 and classes apart, and perhaps a sum of scores that is left alone. A side's
//! distance is the mean of a softmax over 16 bins, in strides, from the middle of a cell (Ultralytics, `DFL`).

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape,
    heads::take,
    levels::{Level, Plane, STRIDES, are_planes, channels, levels},
    tensors::{is_logit, sigmoid},
};
use crate::refusal::DecodeError;

/// Numbers that make a box: four sides of sixteen bins.
const SIDES: usize = 64;

/// YOLOv8, head by head.
pub struct YoloV8Heads;

/// Distances and classes of a grid, and the first channel of the classes.
fn parts<'a>(level: &'a Level<'a>, classes: usize) -> Option<(&'a Plane<'a>, &'a Plane<'a>, usize)> {
    if let [one] = &level.planes[..] {
        return (one.channels() == SIDES + classes).then_some((one, one, SIDES));
    }
    let of_classes = level.planes.iter().filter(|plane| plane.channels() == classes).take(2);
    let of_classes: Vec<_> = of_classes.collect();
    let distances = level.of_channels(SIDES)?;
    // As many classes as numbers of a box: distances come first.
    let classes = if classes == SIDES { of_classes.get(1)? } else { of_classes.first()? };
    Some((distances, classes, 0))
}

impl Layout for YoloV8Heads {
    fn name(&self) -> &'static str {
        "yolov8_heads"
    }

    fn description(&self) -> &'static str {
        "for each of the strides 8, 16 and 32 [1, 64 + classes, rows, columns], or distances and classes apart"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        let counts: Vec<_> = channels(outputs).filter(|_| are_planes(outputs))?.into_iter().collect();
        match counts[..] {
            [(both, 3)] if both > SIDES => Some(Some(both - SIDES)),
            [(SIDES, 6)] | [(1, 3), (SIDES, 6)] => Some(Some(SIDES)),
            [(1, 6), (SIDES, 3)] => Some(Some(1)),
            [(classes, 3), (SIDES, 3)] | [(SIDES, 3), (classes, 3)] => Some(Some(classes)),
            [(1, 3), (classes, 3), (SIDES, 3)] | [(1, 3), (SIDES, 3), (classes, 3)] => Some(Some(classes)),
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
        let wanted = || DecodeError::shape(format!("layout yolov8_heads wants 64 + {} numbers a cell", model.classes));
        let all: Vec<_> =
            levels.iter().map(|level| parts(level, model.classes)).collect::<Option<_>>().ok_or_else(wanted)?;
        let logits = levels.iter().zip(&all).any(|(level, (_, classes, first))| {
            level.cells().any(|(cell, ..)| (0..model.classes).any(|c| is_logit(classes.at(cell, first + c))))
        });
        let (mut scores, mut sides) = (vec![0.0; model.classes], vec![0.0; SIDES]);
        for (level, (distances, classes, first)) in levels.iter().zip(&all) {
            for (cell, x, y) in level.cells() {
                for (class, score) in scores.iter_mut().enumerate() {
                    let value = classes.at(cell, first + class);
                    *score = if logits { sigmoid(value) } else { value };
                }
                if scores.iter().all(|score| *score < into.lowest()) {
                    continue;
                }
                sides.iter_mut().enumerate().for_each(|(bin, side)| *side = distances.at(cell, bin));
                take(&scores, &sides, [x + 0.5, y + 0.5], level.stride, into)?;
            }
        }
        Ok(())
    }
}
