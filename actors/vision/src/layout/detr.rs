//! DETR and its kin with their post-processing left out: logits `[1, queries, classes]` and boxes `[1, queries, 4]` (centre and
//! size, as fractions of the input).
//!
//! DETR takes a softmax whose last class stands for nothing (Carion et al., 2020, section 3.1); RT-DETR, Deformable DETR and
//! RF-DETR take a sigmoid for each class.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape,
    candidates::best,
    check_count,
    tensors::{boxes_at, check_columns, inner, rows},
};
use crate::refusal::DecodeError;

/// Softmax, the last class is nothing.
pub struct Detr;

/// A sigmoid for each class.
pub struct DetrSigmoid;

/// Where logits and boxes stand among the outputs, and the number of logits. Outputs of other shapes are left alone.
fn places(outputs: &[TensorSpec]) -> Option<(usize, usize, Option<usize>)> {
    let boxes = boxes_at(outputs)?;
    let queries = inner(&outputs[boxes])[0];
    outputs.iter().enumerate().filter(|(i, o)| *i != boxes && o.shape.len() == 3).find_map(|(i, o)| match *inner(o) {
        [n, columns] if n == queries || n.is_none() || queries.is_none() => Some((i, boxes, columns)),
        _ => None,
    })
}

fn read(
    layout: &str,
    columns: usize,
    model: ModelShape<'_>,
    outputs: &[TensorView<'_>],
    into: &mut Candidates,
    judge: fn(&[f32]) -> Option<(usize, f32)>,
) -> Result<(), DecodeError> {
    let Some((logits, boxes, _)) = places(model.outputs).filter(|_| outputs.len() == model.outputs.len()) else {
        return Err(DecodeError::shape(format!(
            "layout {layout} wants logits and boxes, the model gave {} outputs",
            outputs.len()
        )));
    };
    let (n, four, boxes) = rows(layout, "boxes", outputs.get(boxes))?;
    check_columns(layout, "boxes", four, 4)?;
    let (queries, found, logits) = rows(layout, "logits", outputs.get(logits))?;
    check_columns(layout, "logits", found, columns)?;
    if queries != n {
        return Err(DecodeError::shape(format!("layout {layout}: {n} boxes and logits for {queries}")));
    }
    check_count(n)?;
    let (width, height) = (model.size.width as f32, model.size.height as f32);
    for (b, logits) in boxes.chunks_exact(4).zip(logits.chunks_exact(columns)) {
        if let Some((class, score)) = judge(logits) {
            into.take(class, score, [b[0] * width, b[1] * height, b[2] * width, b[3] * height])?;
        }
    }
    Ok(())
}

impl Layout for Detr {
    fn name(&self) -> &'static str {
        "detr"
    }

    fn description(&self) -> &'static str {
        "logits [1, queries, classes + 1], the last for nothing, and boxes [1, queries, 4] as fractions"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        match places(outputs)?.2 {
            Some(columns) => columns.checked_sub(1).filter(|c| *c > 0).map(Some),
            None => Some(None),
        }
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        read(self.name(), model.classes + 1, model, outputs, into, |logits| {
            let (_, top) = best(logits)?;
            let sum: f32 = logits.iter().map(|l| (l - top).exp()).sum();
            // The probability of nothing counts in the sum, and is no class.
            best(&logits[..logits.len() - 1]).map(|(class, logit)| (class, (logit - top).exp() / sum))
        })
    }

    fn suppresses(&self) -> bool {
        true
    }
}

impl Layout for DetrSigmoid {
    fn name(&self) -> &'static str {
        "detr_sigmoid"
    }

    fn description(&self) -> &'static str {
        "logits [1, queries, classes] for a sigmoid, and boxes [1, queries, 4] as fractions"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        match places(outputs)?.2 {
            Some(columns) => Some(columns).filter(|c| *c > 0).map(Some),
            None => Some(None),
        }
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        read(self.name(), model.classes, model, outputs, into, |logits| {
            best(logits).map(|(class, logit)| (class, 1.0 / (1.0 + (-logit).exp())))
        })
    }

    fn suppresses(&self) -> bool {
        true
    }
}
