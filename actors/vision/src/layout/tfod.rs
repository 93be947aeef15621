//! TensorFlow's Object Detection API (SSD and others) with suppression in the graph: `detection_boxes` `[1, n, 4]` (top, left,
//! bottom, right, as fractions of the input), `detection_classes` `[1, n]` (counted from 1, 0 is the background),
//! `detection_scores` `[1, n]`, and `num_detections` `[1]` when it is there.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, check_count,
    tensors::{boxes_at, check_columns, named, numbers, rows},
};
use crate::refusal::DecodeError;

/// TensorFlow's Object Detection API.
pub struct TfOd;

/// Outputs beside those that count: what stood before suppression.
const RAW: [&str; 3] = ["raw", "multiclass", "anchor"];

/// Where boxes, classes, scores and the count stand among the outputs.
struct Places {
    boxes: usize,
    classes: usize,
    scores: usize,
    count: Option<usize>,
}

fn places(outputs: &[TensorSpec]) -> Option<Places> {
    let count = outputs.iter().position(|o| o.name.to_lowercase().contains("num") && o.shape.len() <= 1);
    let count = count.or_else(|| outputs.iter().position(|o| matches!(o.shape[..], [Some(1) | None] | [])));
    let boxes = named(outputs, &["box"], &RAW).or_else(|| boxes_at(outputs))?;
    // Without telling names the order is that of the API's own exporter.
    let mut flat = (0..outputs.len()).filter(|i| outputs[*i].shape.len() == 2);
    let (first, second) = (flat.next(), flat.next());
    let places = Places {
        boxes,
        classes: named(outputs, &["class"], &RAW).or(first)?,
        scores: named(outputs, &["score"], &RAW).or(second)?,
        count,
    };
    let vector = |i: usize| matches!(outputs[i].shape[..], [None | Some(1), _]);
    let fits = matches!(outputs[boxes].shape[..], [None | Some(1), _, Some(4) | None])
        && vector(places.classes)
        && vector(places.scores)
        && places.classes != places.scores;
    fits.then_some(places)
}

impl Layout for TfOd {
    fn name(&self) -> &'static str {
        "tfod"
    }

    fn description(&self) -> &'static str {
        "boxes [1, n, 4] as fractions, classes from 1 [1, n], scores [1, n], a count; doubles suppressed in the graph"
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
        let Some(at) = places(model.outputs).filter(|_| model.outputs.len() == outputs.len()) else {
            return Err(DecodeError::shape(format!(
                "layout tfod wants boxes, classes and scores, the model gave {} outputs",
                outputs.len()
            )));
        };
        let (n, columns, boxes) = rows(name, "boxes", outputs.get(at.boxes))?;
        check_columns(name, "boxes", columns, 4)?;
        check_count(n)?;
        let (_, classes) = numbers(name, "classes", outputs.get(at.classes))?;
        let (_, scores) = numbers(name, "scores", outputs.get(at.scores))?;
        if classes.len() != n || scores.len() != n {
            return Err(DecodeError::shape(format!(
                "layout tfod: {n} boxes, {} classes and {} scores",
                classes.len(),
                scores.len()
            )));
        }
        let mut limit = n;
        if let Some(count) = at.count {
            let (_, count) = numbers(name, "the count", outputs.get(count))?;
            match count[..] {
                [count] if (0.0..=n as f32).contains(&count) => limit = count as usize,
                _ => return Err(DecodeError::shape(format!("layout tfod: the count says {count:?} of {n} boxes"))),
            }
        }
        let (width, height) = (model.size.width as f32, model.size.height as f32);
        for ((b, class), score) in boxes.chunks_exact(4).zip(classes.iter()).zip(scores.iter()).take(limit) {
            if *score < into.lowest() {
                continue;
            }
            if let Some(class) = into.class(class - 1.0) {
                into.take_corners(class, *score, [b[1] * width, b[0] * height, b[3] * width, b[2] * height])?;
            }
        }
        Ok(())
    }

    fn suppresses(&self) -> bool {
        true
    }
}
