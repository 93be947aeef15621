//! TensorRT's EfficientNMS as YOLO exports have it: `num_dets` `[1, 1]`, `det_boxes` `[1, n, 4]` (left, top, right, bottom in pixels of the
//! input), `det_scores` `[1, n]`, `det_classes` `[1, n]` (from 0).
//! <https://github.com/NVIDIA/TensorRT/tree/main/plugin/efficientNMSPlugin>

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, check_count,
    tensors::{boxes_at, check_columns, named, numbers, rows},
};
use crate::refusal::DecodeError;

/// Boxes, classes, scores and a count.
pub struct EfficientNms;

/// Where the count, boxes, scores and classes stand.
fn places(outputs: &[TensorSpec]) -> Option<[usize; 4]> {
    let vector = |i: usize| matches!(outputs[i].shape[..], [None | Some(1), _]);
    let at = [
        named(outputs, &["num"], &[])?,
        boxes_at(outputs)?,
        named(outputs, &["score"], &[])?,
        named(outputs, &["class", "label"], &["num"])?,
    ];
    (outputs.len() == 4 && vector(at[2]) && vector(at[3]) && at[2] != at[3]).then_some(at)
}

impl Layout for EfficientNms {
    fn name(&self) -> &'static str {
        "efficient_nms"
    }

    fn description(&self) -> &'static str {
        "a count [1, 1], boxes [1, n, 4] in pixels, scores [1, n], classes from 0 [1, n]; doubles suppressed in the graph"
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
        let Some([count, boxes, scores, classes]) = places(model.outputs).filter(|_| outputs.len() == 4) else {
            let given = outputs.len();
            return Err(DecodeError::shape(format!("layout {name} wants four outputs, the model gave {given}")));
        };
        let (n, columns, boxes) = rows(name, "boxes", outputs.get(boxes))?;
        check_columns(name, "boxes", columns, 4)?;
        check_count(n)?;
        let (_, scores) = numbers(name, "scores", outputs.get(scores))?;
        let (_, classes) = numbers(name, "classes", outputs.get(classes))?;
        let (shape, count) = numbers(name, "the count", outputs.get(count))?;
        let limit = match count[..] {
            [count]
                if !shape.is_empty()
                    && (0.0..=n as f32).contains(&count)
                    && classes.len() == n
                    && scores.len() == n =>
            {
                count as usize
            }
            _ => {
                let (c, s) = (classes.len(), scores.len());
                let text = format!("layout {name}: {n} boxes, {c} classes, {s} scores and the count {count:?}");
                return Err(DecodeError::shape(text));
            }
        };
        for ((b, class), score) in boxes.chunks_exact(4).zip(classes.iter()).zip(scores.iter()).take(limit) {
            if *score < into.lowest() {
                continue;
            }
            if let Some(class) = into.class(*class) {
                into.take_corners(class, *score, [b[0], b[1], b[2], b[3]])?;
            }
        }
        Ok(())
    }

    fn suppresses(&self) -> bool {
        true
    }
}
