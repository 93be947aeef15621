//! Raw heads with anchors: each cell of a grid has some boxes of fixed sizes, which the model moves and stretches. What differs among
//! families: the anchors, how a box is made, and whether classes share a softmax.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape,
    candidates::best,
    check_count,
    heads::grid,
    tensors::{is_logit, numbers, sigmoid},
};
use crate::refusal::{DecodeError, Reason};

/// Width and height of an anchor, in pixels of the input.
pub(crate) type Anchor = (f32, f32);

/// How a box is made of what the model gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Making {
    /// YOLOv5, v7: the centre reaches half a cell further, the size is a square of up to twice the anchor's side.
    Squares,
    /// Darknet's YOLOv2 to v4: the centre stays in its cell, the size is an exponential.
    Exponentials,
}

/// A family of heads with anchors.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    /// Stride and anchors of each grid, finest first.
    pub(crate) grids: &'static [(u32, &'static [Anchor])],
    pub(crate) making: Making,
    /// Classes share a softmax; else each has a sigmoid.
    pub(crate) softmax: bool,
}

/// The layout of a family, with what it looks like in words.
pub struct RawHeads(pub(crate) &'static Family, pub(crate) &'static str);

impl Layout for RawHeads {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn description(&self) -> &'static str {
        self.1
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        self.0.classes(outputs)
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        self.0.read(model, outputs, into)
    }
}

impl Family {
    /// The number of classes when outputs may be such heads: one for each grid, `[1, anchors, rows, columns, 5 + classes]` or
    /// `[1, anchors × (5 + classes), rows, columns]`.
    pub(crate) fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        let anchors = self.grids.first()?.1.len();
        let columns = |o: &TensorSpec| match o.shape[..] {
            [None | Some(1), Some(n), _, _, Some(columns)] if n == anchors => Some(columns),
            [None | Some(1), Some(channels), _, _] if channels % anchors == 0 => Some(channels / anchors),
            _ => None,
        };
        let first = columns(outputs.first()?)?;
        let fits = outputs.len() == self.grids.len() && outputs.iter().all(|o| columns(o) == Some(first));
        first.checked_sub(5).filter(|classes| fits && *classes > 0).map(Some)
    }

    /// Reads the heads.
    ///
    /// # Errors
    /// When an output lies on none of the grids.
    pub(crate) fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        if outputs.len() != self.grids.len() {
            let (name, wanted, given) = (self.name, self.grids.len(), outputs.len());
            return Err(DecodeError::shape(format!("layout {name} wants {wanted} outputs, the model gave {given}")));
        }
        let columns = 5 + model.classes;
        let mut row = vec![0.0; columns];
        for (stride, anchors) in self.grids {
            let (across, down) = grid(model.size, *stride);
            let cells = across * down;
            let n = anchors.len();
            check_count(cells * n)?;
            let mut found = None;
            for output in outputs {
                let (shape, values) = numbers(self.name, "a grid", Some(output))?;
                match *shape {
                    [1, a, h, w, c] if (a, h, w, c) == (n, down, across, columns) => found = Some((values, false)),
                    [1, c, h, w] if (c, h, w) == (n * columns, down, across) => found = Some((values, true)),
                    _ => {}
                }
            }
            let Some((values, planar)) = found else {
                let name = self.name;
                return Err(DecodeError::shape(format!(
                    "layout {name} wants {across} × {down} cells of stride {stride} with {n} × {columns} numbers, the model gave none"
                )));
            };
            // Exports for accelerators have the sigmoid in the graph.
            let logits = values.iter().any(|v| is_logit(*v));
            for (a, anchor) in anchors.iter().enumerate() {
                for cell in 0..cells {
                    for (column, value) in row.iter_mut().enumerate() {
                        let at = if planar {
                            (a * columns + column) * cells + cell
                        } else {
                            (a * cells + cell) * columns + column
                        };
                        *value = values[at];
                    }
                    let place = [(cell % across) as f32, (cell / across) as f32];
                    self.take(&mut row, logits, place, *stride as f32, *anchor, into)?;
                }
            }
        }
        Ok(())
    }

    fn take(
        &self,
        row: &mut [f32],
        logits: bool,
        [x, y]: [f32; 2],
        stride: f32,
        (width, height): Anchor,
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let probability = |v: f32| if logits { sigmoid(v) } else { v };
        let objectness = probability(row[4]);
        // No class can lift a box above its objectness. NaN is not below, and is seen.
        if objectness < into.lowest() {
            return Ok(());
        }
        let (place, classes) = row.split_at_mut(5);
        let Some((class, top)) = best(classes) else { return Ok(()) };
        if !(objectness.is_finite() && top.is_finite()) {
            into.refuse(Reason::NotFinite);
            return Ok(());
        }
        let top =
            if self.softmax { 1.0 / classes.iter().map(|c| (c - top).exp()).sum::<f32>() } else { probability(top) };
        let bbox = match self.making {
            Making::Squares => {
                let [a, b, c, d] = [place[0], place[1], place[2], place[3]].map(|v| 2.0 * probability(v));
                [(a - 0.5 + x) * stride, (b - 0.5 + y) * stride, c * c * width, d * d * height]
            }
            Making::Exponentials => [
                (probability(place[0]) + x) * stride,
                (probability(place[1]) + y) * stride,
                place[2].exp() * width,
                place[3].exp() * height,
            ],
        };
        into.take(class, objectness * top, bbox)
    }
}
