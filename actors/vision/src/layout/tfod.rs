//! TensorFlow's Object Detection API (SSD and others) with suppression in the graph: `detection_boxes` `[1, n, 4]` (top, left,
//! bottom, right, as fractions of the input), `detection_classes` `[1, n]` (counted from 1, 0 is the background),
//! `detection_scores` `[1, n]`, and `num_detections` `[1]` when it is there. What stood before suppression beside them is left alone.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape,
    found::{Found, Places, places},
    tensors::{boxes_at, is_vector, named},
};
use crate::refusal::DecodeError;

/// TensorFlow's Object Detection API.
pub struct TfOd;

/// Outputs beside those that count: what stood before suppression.
const RAW: [&str; 3] = ["raw", "multiclass", "anchor"];

/// By the API's names among any number of outputs; else as everybody's.
fn at(outputs: &[TensorSpec]) -> Option<Places> {
    let Some((classes, scores)) = named(outputs, &["class"], &RAW).zip(named(outputs, &["score"], &RAW)) else {
        return places(outputs);
    };
    let boxes = named(outputs, &["box"], &RAW).or_else(|| boxes_at(outputs))?;
    let is_boxes = matches!(outputs[boxes].shape[..], [None | Some(1), _, Some(4) | None]);
    let one = |o: &TensorSpec| o.shape.len() <= 1;
    let count = outputs.iter().position(|o| one(o) && o.name.to_lowercase().contains("num"));
    let count = count.or_else(|| outputs.iter().position(|o| matches!(o.shape[..], [Some(1) | None] | [])));
    let fits = is_boxes && is_vector(&outputs[classes]) && is_vector(&outputs[scores]) && classes != scores;
    fits.then_some(Places { boxes, classes, scores, count, sure: true })
}

impl Layout for TfOd {
    fn name(&self) -> &'static str {
        "tfod"
    }

    fn description(&self) -> &'static str {
        "boxes [1, n, 4] as fractions, classes from 1 [1, n], scores [1, n], a count; doubles suppressed in the graph"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        at(outputs).map(|_| None)
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let (width, height) = (model.size.width as f32, model.size.height as f32);
        let corners = |b: [f32; 4]| [b[1] * width, b[0] * height, b[3] * width, b[2] * height];
        Found::read(self.name(), at(model.outputs), model.outputs, outputs)?.hand_over(1.0, corners, into)
    }

    fn suppresses(&self) -> bool {
        true
    }
}
