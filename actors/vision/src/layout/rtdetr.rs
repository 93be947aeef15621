//! RT-DETR, D-FINE, DEIM as their own tools export them: `labels` `[1, n]`, `boxes` `[1, n, 4]` (left, top, right, bottom),
//! `scores` `[1, n]`, and a second input `orig_target_sizes` whose pixels the boxes are in. It is given the size of the input.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, check_count,
    tensors::{boxes_at, check_columns, named, numbers, rows},
};
use crate::refusal::DecodeError;

/// Boxes, labels, scores.
pub struct RtDetr;

/// Where labels, boxes and scores stand among the outputs.
fn places(outputs: &[TensorSpec]) -> Option<[usize; 3]> {
    if outputs.len() != 3 {
        return None;
    }
    let boxes = boxes_at(outputs)?;
    let mut others = (0..3).filter(|i| *i != boxes);
    let (first, second) = (others.next()?, others.next()?);
    let labels = named(outputs, &["label", "class"], &[]).filter(|i| *i != boxes).unwrap_or(first);
    let scores = if labels == first { second } else { first };
    let vector = |i: usize| matches!(outputs[i].shape[..], [None | Some(1), _]);
    (vector(labels) && vector(scores)).then_some([labels, boxes, scores])
}

impl Layout for RtDetr {
    fn name(&self) -> &'static str {
        "rtdetr"
    }

    fn description(&self) -> &'static str {
        "labels [1, n], boxes [1, n, 4], scores [1, n]; no doubles"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        places(outputs).map(|_| None)
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let name = self.name();
        let Some([labels, boxes, scores]) = places(model.outputs).filter(|_| outputs.len() == 3) else {
            return Err(DecodeError::shape(format!(
                "layout rtdetr wants labels, boxes and scores, the model gave {} outputs",
                outputs.len()
            )));
        };
        let (n, columns, boxes) = rows(name, "boxes", outputs.get(boxes))?;
        check_columns(name, "boxes", columns, 4)?;
        check_count(n)?;
        let (_, labels) = numbers(name, "labels", outputs.get(labels))?;
        let (_, scores) = numbers(name, "scores", outputs.get(scores))?;
        if labels.len() != n || scores.len() != n {
            return Err(DecodeError::shape(format!(
                "layout rtdetr: {n} boxes, {} labels and {} scores",
                labels.len(),
                scores.len()
            )));
        }
        for ((b, label), score) in boxes.chunks_exact(4).zip(labels.iter()).zip(scores.iter()) {
            if *score < into.lowest() {
                continue;
            }
            if let Some(class) = into.class(*label) {
                into.take_corners(class, *score, [b[0], b[1], b[2], b[3]])?;
            }
        }
        Ok(())
    }

    fn suppresses(&self) -> bool {
        true
    }
}
