//! Heads of several strides with a distribution for each side of a box (generalised focal loss): NanoDet, PicoDet.
//!
//! For each stride two outputs: scores `[1, cells, classes]`, through the sigmoid already, and distances `[1, cells, 4 × bins]`
//! to the left, top, right and bottom. A side's distance is the mean of its softmax over the bins, times the stride (Li et al.,
//! "Generalized Focal Loss", 2020, equation 5).

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, ModelShape, check_count,
    tensors::{check_columns, inner, named, rows},
};
use crate::{
    refusal::{DecodeError, Reason},
    settings::SizePx,
};

/// The heads that stand in the declared outputs: for each stride the places of scores and distances; and the classes.
/// Finest grid first.
pub(crate) fn pairs(outputs: &[TensorSpec], levels: usize) -> Option<(Vec<(usize, usize)>, usize)> {
    if outputs.len() != 2 * levels || outputs.iter().any(|o| o.shape.len() != 3) {
        return None;
    }
    let dims = |i: usize| match *inner(outputs.get(i)?) {
        [Some(rows), Some(columns)] => Some((rows, columns)),
        _ => None,
    };
    let mut sizes: Vec<usize> = (0..outputs.len()).map(|i| dims(i).map(|d| d.0)).collect::<Option<_>>()?;
    sizes.sort_unstable();
    sizes.dedup();
    let mut found = Vec::with_capacity(levels);
    let mut columns = None;
    for cells in sizes.into_iter().rev() {
        let both: Vec<usize> = (0..outputs.len()).filter(|i| dims(*i).is_some_and(|d| d.0 == cells)).collect();
        let [first, second] = both[..] else { return None };
        let distances_first = named(&outputs[first..=first], &["dis", "reg", "box"], &[]).is_some();
        let (scores, distances) = if distances_first { (second, first) } else { (first, second) };
        let shape = (dims(scores)?.1, dims(distances)?.1);
        if *columns.get_or_insert(shape) != shape {
            return None;
        }
        found.push((scores, distances));
    }
    let (classes, sides) = columns?;
    (found.len() == levels && classes > 0 && sides % 4 == 0 && sides >= 8).then_some((found, classes))
}

/// Cells of a grid, across and down; a picture that is no multiple of the stride has a last, cut cell.
pub(crate) fn grid(size: SizePx, stride: u32) -> (usize, usize) {
    (size.width.div_ceil(stride) as usize, size.height.div_ceil(stride) as usize)
}

/// Cells of grids of strides 8, 16, 32 and 64 over an input.
pub(crate) fn cells_with_64(size: SizePx) -> usize {
    [8, 16, 32, 64].map(|stride| grid(size, stride)).iter().map(|(across, down)| across * down).sum()
}

/// Reads heads of the given strides. `middle` says how far from its corner a cell's centre lies, in pixels, by its stride.
pub(crate) fn read(
    layout: &str,
    strides: &[u32],
    middle: fn(f32) -> f32,
    model: ModelShape<'_>,
    outputs: &[TensorView<'_>],
    into: &mut Candidates,
) -> Result<(), DecodeError> {
    let places = pairs(model.outputs, strides.len()).filter(|_| outputs.len() == model.outputs.len());
    let Some((places, _)) = places else {
        return Err(DecodeError::shape(format!(
            "layout {layout} wants scores and distances for {} strides, the model gave {} outputs",
            strides.len(),
            outputs.len()
        )));
    };
    for (&stride, (scores, distances)) in strides.iter().zip(places) {
        let (cells, classes, scores) = rows(layout, "scores", outputs.get(scores))?;
        check_columns(layout, "scores", classes, model.classes)?;
        let (boxes, sides, distances) = rows(layout, "distances", outputs.get(distances))?;
        let (across, down) = grid(model.size, stride);
        if cells != across * down || boxes != cells || sides % 4 != 0 || sides == 0 {
            return Err(DecodeError::shape(format!(
                "layout {layout} wants {across} × {down} cells of stride {stride}, the model gave {cells} scores and {boxes} boxes of {sides} numbers"
            )));
        }
        check_count(cells)?;
        let each = scores.chunks_exact(classes.max(1)).zip(distances.chunks_exact(sides));
        for (cell, (scores, sides)) in each.enumerate() {
            let offset = middle(stride as f32) / stride as f32;
            let centre = [(cell % across) as f32 + offset, (cell / across) as f32 + offset];
            take(scores, sides, centre, stride as f32, into)?;
        }
    }
    Ok(())
}

/// Takes one cell; `centre` in cells.
pub(crate) fn take(
    scores: &[f32],
    sides: &[f32],
    [x, y]: [f32; 2],
    stride: f32,
    into: &mut Candidates,
) -> Result<(), DecodeError> {
    let Some((class, score)) = into.best(scores) else { return Ok(()) };
    if !score.is_finite() {
        into.refuse(Reason::NotFinite);
        return Ok(());
    }
    let mut side = sides.chunks_exact(sides.len() / 4).map(mean_bin);
    let mut next = || side.next().unwrap_or(f32::NAN);
    let [left, top, right, bottom] = [next(), next(), next(), next()];
    into.take_corners(
        class,
        score,
        [(x - left) * stride, (y - top) * stride, (x + right) * stride, (y + bottom) * stride],
    )
}

/// The mean of a softmax over bins 0, 1, 2, …
fn mean_bin(logits: &[f32]) -> f32 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut mean) = (0.0, 0.0);
    for (bin, logit) in logits.iter().enumerate() {
        let weight = (logit - top).exp();
        sum += weight;
        mean += weight * bin as f32;
    }
    mean / sum
}
