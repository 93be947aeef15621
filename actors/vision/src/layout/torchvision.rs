//! torchvision's detectors (SSD, Faster R-CNN, RetinaNet, FCOS): `boxes` `[n, 4]` (left, top, right, bottom in pixels of the input),
//! `labels` `[n]` (0 is the background) and `scores` `[n]`, as many as are found.
//! <https://pytorch.org/vision/stable/models.html#object-detection>

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, check_count,
    tensors::{check_columns, named, numbers, rows},
};
use crate::refusal::DecodeError;

/// Boxes, labels, scores without a batch.
pub struct TorchVision;

/// Where boxes, labels and scores stand.
fn places(outputs: &[TensorSpec]) -> Option<[usize; 3]> {
    let boxes = outputs.iter().position(|o| matches!(o.shape[..], [_, Some(4)]))?;
    let mut flat = (0..outputs.len()).filter(|i| outputs[*i].shape.len() == 1);
    let (first, second) = (flat.next()?, flat.next()?);
    let labels = named(outputs, &["label", "class"], &[]).filter(|i| *i == first || *i == second);
    let labels = labels.or_else(|| named(outputs, &["score"], &[]).map(|s| if s == first { second } else { first }))?;
    (outputs.len() == 3).then_some([boxes, labels, if labels == first { second } else { first }])
}

impl Layout for TorchVision {
    fn name(&self) -> &'static str {
        "torchvision"
    }

    fn description(&self) -> &'static str {
        "boxes [n, 4] in pixels, labels [n] with 0 for the background, scores [n]; doubles suppressed in the graph"
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
        let Some([boxes, labels, scores]) = places(model.outputs).filter(|_| outputs.len() == 3) else {
            let given = outputs.len();
            return Err(DecodeError::shape(format!(
                "layout {name} wants boxes, labels and scores, the model gave {given} outputs"
            )));
        };
        let (n, columns, boxes) = rows(name, "boxes", outputs.get(boxes))?;
        check_columns(name, "boxes", columns, 4)?;
        check_count(n)?;
        let (_, labels) = numbers(name, "labels", outputs.get(labels))?;
        let (_, scores) = numbers(name, "scores", outputs.get(scores))?;
        if labels.len() != n || scores.len() != n {
            let (l, s) = (labels.len(), scores.len());
            return Err(DecodeError::shape(format!("layout {name}: {n} boxes, {l} labels and {s} scores")));
        }
        for ((b, label), score) in boxes.chunks_exact(4).zip(labels.iter()).zip(scores.iter()) {
            if *score < into.lowest() {
                continue;
            }
            if let Some(class) = into.class(label - 1.0) {
                into.take_corners(class, *score, [b[0], b[1], b[2], b[3]])?;
            }
        }
        Ok(())
    }

    fn suppresses(&self) -> bool {
        true
    }

    fn mixes_pictures(&self) -> bool {
        true
    }
}
