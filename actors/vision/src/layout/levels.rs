//! Raw heads that stand as outputs of their own for each grid of a model: which output belongs to which grid, and its numbers by cell and
//! channel, whatever the order of its dimensions.

use std::{borrow::Cow, collections::BTreeMap};

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{check_count, heads::grid, tensors::numbers};
use crate::{refusal::DecodeError, settings::SizePx};

/// Strides of most detectors.
pub(crate) const STRIDES: [u32; 3] = [8, 16, 32];

/// The channels that outputs declare: how many outputs have so many. Outputs are `[1, channels, rows, columns]`, `[1, cells, channels]` or
/// `[cells, channels]`; `None` when one is neither, or doesn't tell.
pub(crate) fn channels(outputs: &[TensorSpec]) -> Option<BTreeMap<usize, usize>> {
    let mut counts = BTreeMap::new();
    for output in outputs {
        let channels = match output.shape[..] {
            [None | Some(1), channels, _, _] | [None | Some(1), _, channels] | [_, channels] => channels?,
            _ => return None,
        };
        *counts.entry(channels).or_default() += 1;
    }
    Some(counts)
}

/// True when all outputs are planes `[1, channels, rows, columns]`.
pub(crate) fn are_planes(outputs: &[TensorSpec]) -> bool {
    outputs.iter().all(|o| o.shape.len() == 4)
}

/// One output over a grid.
pub(crate) struct Plane<'a> {
    values: Cow<'a, [f32]>,
    cells: usize,
    channels: usize,
    /// Channel by channel; else cell by cell.
    planar: bool,
}

impl Plane<'_> {
    /// The number of a cell in a channel.
    pub(crate) fn at(&self, cell: usize, channel: usize) -> f32 {
        let at = if self.planar { channel * self.cells + cell } else { cell * self.channels + channel };
        self.values.get(at).copied().unwrap_or(f32::NAN)
    }

    /// How many channels it has.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }
}

/// The outputs of one grid, in the order of the outputs.
pub(crate) struct Level<'a> {
    pub(crate) stride: f32,
    pub(crate) across: usize,
    pub(crate) down: usize,
    pub(crate) planes: Vec<Plane<'a>>,
}

impl Level<'_> {
    /// Number, column and row of each cell.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (usize, f32, f32)> + '_ {
        (0..self.across * self.down).map(|cell| (cell, (cell % self.across) as f32, (cell / self.across) as f32))
    }

    /// The place of the first plane of so many channels.
    pub(crate) fn of_channels(&self, channels: usize) -> Option<&Plane<'_>> {
        self.planes.iter().find(|plane| plane.channels == channels)
    }
}

/// Sorts outputs by the grids that they lie on: `each` boxes a cell on grids of the strides. All grids have as many outputs.
///
/// # Errors
/// When an output lies on none of them, or they have different numbers of outputs.
pub(crate) fn levels<'a>(
    layout: &str,
    size: SizePx,
    strides: &[u32],
    each: usize,
    outputs: &[TensorView<'a>],
) -> Result<Vec<Level<'a>>, DecodeError> {
    let mut levels: Vec<Level<'a>> = strides
        .iter()
        .map(|stride| {
            let (across, down) = grid(size, *stride);
            Level { stride: *stride as f32, across, down, planes: Vec::new() }
        })
        .collect();
    let of_each = outputs.len() / strides.len().max(1);
    for output in outputs {
        let (shape, values) = numbers(layout, "a grid", Some(output))?;
        let found = levels.iter_mut().filter(|level| level.planes.len() < of_each).find_map(|level| {
            let cells = level.across * level.down * each;
            let (channels, planar) = match *shape {
                [1, channels, down, across] if (across, down) == (level.across, level.down) => (channels, true),
                [1, n, channels] | [n, channels] if n == cells => (channels, false),
                _ => return None,
            };
            Some((level, cells, channels, planar))
        });
        let Some((level, cells, channels, planar)) = found else {
            return Err(DecodeError::shape(format!(
                "layout {layout} wants grids of strides {strides:?} for an input of {size} pixels, the model gave {shape:?}"
            )));
        };
        check_count(cells)?;
        level.planes.push(Plane { values, cells, channels, planar });
    }
    if of_each == 0 || levels.iter().any(|level| level.planes.len() != of_each) {
        return Err(DecodeError::shape(format!(
            "layout {layout} wants as many outputs for each of {} grids, the model gave {}",
            strides.len(),
            outputs.len()
        )));
    }
    Ok(levels)
}
