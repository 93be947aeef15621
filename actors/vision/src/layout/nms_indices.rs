//! ONNX's NonMaxSuppression as the last word of a graph: `selected_indices` `[n, 3]` (index in the batch, class, box), and beside it what
//! it chose from: boxes `[1, all, 4]` in one of the forms of [`Form`] and scores `[1, classes, all]` (or turned).
//! <https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html>

use parapet_contracts::ports::inference::{DType, TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, check_count,
    form::Form,
    tensors::{boxes_at, check_columns, inner, named, rows},
};
use crate::refusal::DecodeError;

/// Indices, boxes and scores.
pub struct NmsIndices;

/// Where indices, boxes and scores stand, and the declared number of classes.
fn places(outputs: &[TensorSpec]) -> Option<([usize; 3], Option<usize>)> {
    if outputs.len() != 3 {
        return None;
    }
    let three = |o: &TensorSpec| matches!(o.shape[..], [_, Some(3)] | [None | Some(1), _, Some(3)]);
    let whole = |o: &TensorSpec| matches!(o.dtype, DType::I32 | DType::I64);
    let called = |o: &TensorSpec| named(std::slice::from_ref(o), &["select", "indice", "index"], &[]).is_some();
    let indices = outputs.iter().position(|o| three(o) && (whole(o) || called(o)))?;
    let boxes = boxes_at(outputs).filter(|i| *i != indices)?;
    let scores = 3 - indices - boxes;
    let classes = match (inner(&outputs[boxes])[0], inner(&outputs[scores])) {
        (Some(n), [classes, Some(all)]) if *all == n => *classes,
        (Some(n), [Some(all), classes]) if *all == n => *classes,
        (_, [classes, None]) => *classes,
        (_, [None, classes]) => *classes,
        (None, [classes, Some(_)]) => *classes,
        _ => return None,
    };
    Some(([indices, boxes, scores], classes))
}

impl Layout for NmsIndices {
    fn name(&self) -> &'static str {
        "nms_indices"
    }

    fn description(&self) -> &'static str {
        "indices [n, 3] of what was chosen, boxes [1, all, 4], scores [1, classes, all]; doubles suppressed in the graph"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        places(outputs).map(|(_, classes)| classes)
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let name = self.name();
        let Some(([indices, boxes, scores], _)) = places(model.outputs).filter(|_| outputs.len() == 3) else {
            return Err(DecodeError::shape(format!(
                "layout {name} wants indices, boxes and scores, the model gave {} outputs",
                outputs.len()
            )));
        };
        let (chosen, three, indices) = rows(name, "indices", outputs.get(indices))?;
        check_columns(name, "indices", three, 3)?;
        let (all, four, boxes) = rows(name, "boxes", outputs.get(boxes))?;
        check_columns(name, "boxes", four, 4)?;
        check_count(all)?;
        check_count(chosen)?;
        let (rows, columns, scores) = rows(name, "scores", outputs.get(scores))?;
        // The operator takes scores class by class; a square says nothing.
        let by_class = match (rows, columns) {
            (rows, columns) if (rows, columns) == (model.classes, all) => true,
            (rows, columns) if (rows, columns) == (all, model.classes) => false,
            _ => {
                let classes = model.classes;
                let text =
                    format!("layout {name}: {all} boxes of {classes} classes, and scores of [{rows}, {columns}]");
                return Err(DecodeError::shape(text));
            }
        };
        let form = Form::of(&boxes);
        // Places that stand for nothing hold -1.
        for index in indices.chunks_exact(3).filter(|index| !index.iter().any(|i| *i < 0.0)) {
            let at = index[2] as usize;
            if !(0.0..all as f32).contains(&index[2]) {
                return Err(DecodeError::shape(format!("layout {name}: box {} of {all} was chosen", index[2])));
            }
            let Some(class) = into.class(index[1]) else { continue };
            let score = if by_class { scores[class * all + at] } else { scores[at * model.classes + class] };
            into.take_corners(class, score, form.corners(&boxes[at * 4..][..4]))?;
        }
        Ok(())
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
