//! OpenMMLab's exports (RTMDet and others): `dets` `[1, n, 5]` (left, top, right, bottom, score) and `labels` `[1, n]` from 0,
//! suppressed in the graph; with or without the batch. <https://github.com/open-mmlab/mmdeploy>

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, check_count,
    tensors::{check_columns, inner, is_vector, numbers, rows},
};
use crate::refusal::DecodeError;

/// Boxes with their scores, and labels.
pub struct MmDet;

/// Where boxes and labels stand; masks beside them are left alone.
fn places(outputs: &[TensorSpec]) -> Option<(usize, usize)> {
    let boxes = outputs.iter().position(|o| o.shape.len() <= 3 && matches!(inner(o), [_, Some(5)]))?;
    let labels = (0..outputs.len()).find(|i| *i != boxes && is_vector(&outputs[*i]))?;
    let others = |i: usize| i == boxes || i == labels || outputs[i].shape.len() == 4;
    (outputs.len() >= 2 && (0..outputs.len()).all(others)).then_some((boxes, labels))
}

impl Layout for MmDet {
    fn name(&self) -> &'static str {
        "mmdet"
    }

    fn description(&self) -> &'static str {
        "boxes with their scores [1, n, 5], labels from 0 [1, n]; doubles suppressed in the graph"
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
        let Some((boxes, labels)) = places(model.outputs).filter(|_| model.outputs.len() == outputs.len()) else {
            let given = outputs.len();
            return Err(DecodeError::shape(format!(
                "layout {name} wants boxes and labels, the model gave {given} outputs"
            )));
        };
        let (n, columns, boxes) = rows(name, "boxes", outputs.get(boxes))?;
        check_columns(name, "boxes", columns, 5)?;
        check_count(n)?;
        let (_, labels) = numbers(name, "labels", outputs.get(labels))?;
        if labels.len() != n {
            return Err(DecodeError::shape(format!("layout {name}: {n} boxes and {} labels", labels.len())));
        }
        for (b, label) in boxes.chunks_exact(5).zip(labels.iter()) {
            into.take_found(*label, b[4], [b[0], b[1], b[2], b[3]])?;
        }
        Ok(())
    }

    fn suppresses(&self) -> bool {
        true
    }

    fn may_be_fractions(&self) -> bool {
        true
    }
}
