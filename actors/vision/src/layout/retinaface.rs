//! RetinaFace with its boxes raw: `loc` `[1, n, 4]`, `conf` `[1, n, 2]` (background, face), and landmarks that are left alone. Each cell of
//! the strides 8, 16 and 32 has two priors, squares of a fixed side around its middle; a box is `prior + loc × 0.1 × side`, its size
//! `side × exp(loc × 0.2)` (Liu et al., "SSD", 2016; the variances are those of the PyTorch version).

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, check_count,
    heads::grid,
    tensors::{boxes_at, check_columns, inner, rows, sigmoid},
};
use crate::{refusal::DecodeError, settings::SizePx};

/// Strides, and the sides of their priors in pixels.
const PRIORS: [(u32, [f32; 2]); 3] = [(8, [16.0, 32.0]), (16, [64.0, 128.0]), (32, [256.0, 512.0])];

/// RetinaFace.
pub struct RetinaFace;

/// How many priors an input of this size has.
pub(crate) fn priors(size: SizePx) -> usize {
    PRIORS.iter().map(|(stride, sides)| (grid(size, *stride), sides.len())).map(|((w, h), each)| w * h * each).sum()
}

/// Where boxes and scores stand; what has ten columns are landmarks.
fn places(outputs: &[TensorSpec]) -> Option<(usize, usize)> {
    let of = |columns: usize| outputs.iter().position(|o| inner(o).len() == 2 && inner(o)[1] == Some(columns));
    let at = (boxes_at(outputs).or_else(|| of(4))?, of(2)?);
    let others = |i: usize| i == at.0 || i == at.1 || inner(&outputs[i]).get(1) == Some(&Some(10));
    (0..outputs.len()).all(others).then_some(at)
}

impl Layout for RetinaFace {
    fn name(&self) -> &'static str {
        "retinaface"
    }

    fn description(&self) -> &'static str {
        "raw boxes [1, n, 4], scores [1, n, 2] and landmarks [1, n, 10] on two priors a cell of strides 8, 16 and 32"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        places(outputs).map(|_| Some(1))
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let name = self.name();
        let Some((boxes, scores)) = places(model.outputs).filter(|_| model.outputs.len() == outputs.len()) else {
            let given = outputs.len();
            return Err(DecodeError::shape(format!(
                "layout {name} wants boxes and scores, the model gave {given} outputs"
            )));
        };
        let (n, four, boxes) = rows(name, "boxes", outputs.get(boxes))?;
        check_columns(name, "boxes", four, 4)?;
        check_count(n)?;
        let (found, two, scores) = rows(name, "scores", outputs.get(scores))?;
        check_columns(name, "scores", two, 2)?;
        let wanted = priors(model.size);
        if n != wanted || found != n || outputs.iter().any(|o| o.shape.len() != 3 || o.shape[1] != n) {
            return Err(DecodeError::shape(format!(
                "layout {name} wants {wanted} boxes for an input of {} pixels, the model gave {n} and {found} scores",
                model.size
            )));
        }
        // Without the softmax they are logits, and don't sum to 1.
        let final_scores = scores
            .chunks_exact(2)
            .map(|pair| pair[0] + pair[1])
            .filter(|sum| sum.is_finite())
            .all(|sum| (sum - 1.0).abs() <= 0.02);
        let mut each = boxes.chunks_exact(4).zip(scores.chunks_exact(2));
        for (stride, sides) in PRIORS {
            let (across, down) = grid(model.size, stride);
            for cell in 0..across * down {
                let middle = [(cell % across) as f32 + 0.5, (cell / across) as f32 + 0.5].map(|v| v * stride as f32);
                for side in sides {
                    let Some((b, pair)) = each.next() else { return Ok(()) };
                    let score = if final_scores { pair[1] } else { sigmoid(pair[1] - pair[0]) };
                    let centre = [middle[0] + b[0] * 0.1 * side, middle[1] + b[1] * 0.1 * side];
                    let size = [side * (b[2] * 0.2).exp(), side * (b[3] * 0.2).exp()];
                    into.take(0, score, [centre[0], centre[1], size[0], size[1]])?;
                }
            }
        }
        Ok(())
    }
}
