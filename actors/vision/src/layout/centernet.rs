//! CenterNet: a heat map `[1, classes, rows, columns]` whose peaks are centres, sizes `[1, 2, rows, columns]` and offsets `[1, 2, rows,
//! columns]` in cells of four pixels. A peak is what no neighbour exceeds (Zhou et al., "Objects as Points", 2019, section 4).

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, check_count,
    tensors::{is_logit, named, numbers, sigmoid},
};
use crate::refusal::{DecodeError, Reason};

/// CenterNet.
pub struct CenterNet;

/// Where the heat map, sizes and offsets stand, and the classes. Sizes come before offsets unless names say otherwise.
fn places(outputs: &[TensorSpec]) -> Option<([usize; 3], usize)> {
    let channels = |o: &TensorSpec| match o.shape[..] {
        [None | Some(1), Some(channels), _, _] => Some(channels),
        _ => None,
    };
    let all: Vec<usize> = outputs.iter().map(channels).collect::<Option<_>>()?;
    if all.len() != 3 || outputs.iter().any(|o| o.shape[2..] != outputs[0].shape[2..]) {
        return None;
    }
    let called = named(outputs, &["hm", "heat", "center"], &[]);
    let heat = called.or_else(|| all.iter().position(|channels| *channels != 2))?;
    let mut pairs = (0..3).filter(|i| *i != heat && all[*i] == 2);
    let (first, second) = (pairs.next()?, pairs.next()?);
    let offsets = named(outputs, &["reg", "off"], &[]).filter(|i| *i == first).unwrap_or(second);
    Some(([heat, if offsets == first { second } else { first }, offsets], all[heat]))
}

impl Layout for CenterNet {
    fn name(&self) -> &'static str {
        "centernet"
    }

    fn description(&self) -> &'static str {
        "a heat map [1, classes, rows, columns], sizes and offsets [1, 2, rows, columns] on cells of four pixels"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        places(outputs).map(|(_, classes)| Some(classes))
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let name = self.name();
        let places = places(model.outputs).filter(|_| outputs.len() == model.outputs.len());
        let Some(([heat, sizes, offsets], _)) = places else {
            let given = outputs.len();
            return Err(DecodeError::shape(format!("layout {name} wants three outputs, the model gave {given}")));
        };
        let (shape, heat) = numbers(name, "the heat map", outputs.get(heat))?;
        let [1, classes, down, across] = *shape else {
            return Err(DecodeError::shape(format!(
                "layout {name} wants [1, classes, rows, columns], the model gave {shape:?}"
            )));
        };
        let pair = |what: &str, at: usize| {
            let (shape, values) = numbers(name, what, outputs.get(at))?;
            if *shape == [1, 2, down, across] {
                return Ok(values);
            }
            Err(DecodeError::shape(format!(
                "layout {name} wants {what} as [1, 2, {down}, {across}], the model gave {shape:?}"
            )))
        };
        let (sizes, offsets) = (pair("sizes", sizes)?, pair("offsets", offsets)?);
        let cells = down * across;
        check_count(cells)?;
        if classes != model.classes || cells == 0 {
            return Err(DecodeError::shape(format!(
                "layout {name} wants {} classes, the model gave {shape:?}",
                model.classes
            )));
        }
        let logits = heat.iter().any(|v| is_logit(*v));
        let (wide, high) = (model.size.width as f32 / across as f32, model.size.height as f32 / down as f32);
        for (class, map) in heat.chunks_exact(cells).enumerate() {
            for (cell, value) in map.iter().enumerate() {
                let score = if logits { sigmoid(*value) } else { *value };
                if score < into.lowest() {
                    continue;
                }
                if score.is_nan() {
                    into.refuse(Reason::NotFinite);
                    continue;
                }
                let (x, y) = (cell % across, cell / across);
                let near = |at: usize, limit: usize| at.saturating_sub(1)..(at + 2).min(limit);
                let exceeded =
                    near(y, down).any(|row| near(x, across).any(|column| map[row * across + column] > *value));
                if !exceeded {
                    let centre = [(x as f32 + offsets[cell]) * wide, (y as f32 + offsets[cells + cell]) * high];
                    into.take(class, score, [centre[0], centre[1], sizes[cell] * wide, sizes[cells + cell] * high])?;
                }
            }
        }
        Ok(())
    }
}
