//! FastestDet: `[1, 5 + classes, rows, columns]`, one box a cell of one grid: objectness, two offsets, width and height, classes.
//!
//! Objectness and classes are final in the graph. `cx = (x + tanh(dx)) / columns`, `w = sigmoid(dw)`, as fractions of the
//! input; the score is `objectness^0.6 × class^0.4` (FastestDet, `handle_preds`).

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{Candidates, Layout, ModelShape, check_count, tensors::numbers};
use crate::refusal::{DecodeError, Reason};

/// FastestDet.
pub struct FastestDet;

impl Layout for FastestDet {
    fn name(&self) -> &'static str {
        "fastestdet"
    }

    fn description(&self) -> &'static str {
        "[1, 5 + classes, rows, columns]: objectness, offsets, size and classes of the cells of one grid"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        let [output] = outputs else { return None };
        match output.shape[..] {
            [None | Some(1), Some(channels), _, _] => channels.checked_sub(5).filter(|c| *c > 0).map(Some),
            [None | Some(1), None, _, _] => Some(None),
            _ => None,
        }
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let (shape, data) = numbers(self.name(), "cells", outputs.first().filter(|_| outputs.len() == 1))?;
        let channels = 5 + model.classes;
        let [1, found, rows, columns] = *shape else {
            return Err(DecodeError::shape(format!(
                "layout fastestdet wants [1, {channels}, rows, columns], the model gave {shape:?}"
            )));
        };
        if found != channels || rows == 0 || columns == 0 {
            return Err(DecodeError::shape(format!(
                "layout fastestdet wants [1, {channels}, rows, columns], the model gave {shape:?}"
            )));
        }
        let cells = rows * columns;
        check_count(cells)?;
        let (width, height) = (model.size.width as f32, model.size.height as f32);
        for cell in 0..cells {
            let at = |channel: usize| data[channel * cells + cell];
            let objectness = at(0);
            // A class of 1 lifts it no higher than this. NaN is not below, and is seen.
            if objectness.powf(0.6) < into.lowest() {
                continue;
            }
            let (mut class, mut top) = (0, f32::NEG_INFINITY);
            for c in 0..model.classes {
                let score = at(5 + c);
                if score > top || score.is_nan() {
                    (class, top) = (c, score);
                }
            }
            if !(objectness.is_finite() && top.is_finite()) {
                into.refuse(Reason::NotFinite);
                continue;
            }
            if objectness > 1.01 || top > 1.01 || objectness < 0.0 || top < 0.0 {
                into.refuse(Reason::BadScore);
                continue;
            }
            let (x, y) = ((cell % columns) as f32, (cell / columns) as f32);
            let sigmoid = |v: f32| 1.0 / (1.0 + (-v).exp());
            let centre = [(x + at(1).tanh()) / columns as f32 * width, (y + at(2).tanh()) / rows as f32 * height];
            let bbox = [centre[0], centre[1], sigmoid(at(3)) * width, sigmoid(at(4)) * height];
            into.take(class, objectness.powf(0.6) * top.powf(0.4), bbox)?;
        }
        Ok(())
    }
}
