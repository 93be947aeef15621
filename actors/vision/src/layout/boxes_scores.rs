//! Boxes and scores apart, as YOLO-NAS and YOLOv4 have them, and PicoDet and PP-YOLOE without suppression: boxes `[1, n, 4]` (or
//! `[1, n, 1, 4]`) in one of the forms of [`Form`], and scores `[1, n, classes]` or `[1, classes, n]`, final. An objectness `[1, n, 1]` may
//! stand beside them, which scores are multiplied by.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape,
    candidates::best,
    check_count,
    form::Form,
    tensors::{boxes_at, check_columns, inner, numbers, rows},
};
use crate::refusal::DecodeError;

/// Boxes and scores apart.
pub struct BoxesScores;

/// Where boxes, scores and perhaps objectness stand, and the declared number of classes.
fn places(outputs: &[TensorSpec]) -> Option<(usize, usize, Option<usize>, Option<usize>)> {
    let of_one_class = |o: &TensorSpec| matches!(inner(o), [_, Some(1), Some(4)]);
    let boxes = outputs.iter().position(of_one_class).or_else(|| boxes_at(outputs))?;
    let mut others: Vec<usize> = (0..outputs.len()).filter(|i| *i != boxes).collect();
    let n = inner(&outputs[boxes])[0];
    let is_objectness = |i: &usize| outputs[*i].shape.len() == 3 && *inner(&outputs[*i]) == [n, Some(1)];
    let objectness = others.iter().copied().find(is_objectness).filter(|_| others.len() == 2);
    others.retain(|i| Some(*i) != objectness);
    let [scores] = others[..] else { return None };
    let classes = match (n, inner(&outputs[scores])) {
        (Some(n), [Some(rows), columns]) if *rows == n => *columns,
        (Some(n), [rows, Some(columns)]) if *columns == n => *rows,
        (None, [None, columns]) => *columns,
        (None, [rows, None]) => *rows,
        _ => return None,
    };
    (outputs[scores].shape.len() == 3).then_some((boxes, scores, objectness, classes))
}

impl Layout for BoxesScores {
    fn name(&self) -> &'static str {
        "boxes_scores"
    }

    fn description(&self) -> &'static str {
        "boxes [1, n, 4] and scores [1, n, classes] or [1, classes, n]"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        places(outputs).map(|(.., classes)| classes)
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let name = self.name();
        let at = places(model.outputs).filter(|_| outputs.len() == model.outputs.len());
        let Some((boxes, scores, objectness, _)) = at else {
            return Err(DecodeError::shape(format!(
                "layout boxes_scores wants boxes and scores, the model gave {} outputs",
                outputs.len()
            )));
        };
        let (shape, boxes) = numbers(name, "boxes", outputs.get(boxes))?;
        let (n, four) = match *shape {
            [1, n, 1, four] | [1, n, four] | [n, four] => (n, four),
            _ => {
                return Err(DecodeError::shape(format!(
                    "layout {name} wants boxes [1, n, 4], the model gave {shape:?}"
                )));
            }
        };
        check_columns(name, "boxes", four, 4)?;
        check_count(n)?;
        let (rows, columns, scores) = rows(name, "scores", outputs.get(scores))?;
        let classes = model.classes;
        let objectness = objectness.map(|i| numbers(name, "objectness", outputs.get(i))).transpose()?;
        let objectness = objectness.map(|(_, values)| values);
        if objectness.as_ref().is_some_and(|values| values.len() != n) {
            return Err(DecodeError::shape(format!("layout {name}: {n} boxes, and objectness for others")));
        }
        let form = Form::of(&boxes);
        let mut row = vec![0.0; classes];
        for (i, b) in boxes.chunks_exact(4).enumerate() {
            if (rows, columns) == (n, classes) {
                row.copy_from_slice(&scores[i * classes..][..classes]);
            } else if (rows, columns) == (classes, n) {
                row.iter_mut().enumerate().for_each(|(c, score)| *score = scores[c * n + i]);
            } else {
                return Err(DecodeError::shape(format!(
                    "layout boxes_scores: {n} boxes of {classes} classes, and scores of [{rows}, {columns}]"
                )));
            }
            if let Some((class, score)) = best(&row) {
                let score = objectness.as_ref().map_or(score, |objectness| objectness[i] * score);
                into.take_corners(class, score, form.corners(b))?;
            }
        }
        Ok(())
    }

    fn may_be_fractions(&self) -> bool {
        true
    }
}
