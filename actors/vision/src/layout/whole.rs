//! Layouts of models that judge the picture, or the crop, as a whole: one file each, as for boxes.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{ModelShape, classifier, embedding, tensors::numbers};
use crate::{reading::Verdict, refusal::DecodeError};

/// All layouts of models that judge a picture as a whole.
pub const WHOLES: &[&dyn WholeLayout] = &[&classifier::Classifier, &embedding::Embedder];

/// The layout of a name that judges a picture as a whole.
pub fn whole_by_name(name: &str) -> Option<&'static dyn WholeLayout> {
    WHOLES.iter().copied().find(|layout| layout.name() == name)
}

/// How a model that judges a picture as a whole lays out its answer.
pub trait WholeLayout: Send + Sync {
    /// The name in model files and flags.
    fn name(&self) -> &'static str;

    /// One sentence for people.
    fn description(&self) -> &'static str;

    /// As for layouts of boxes: how many classes; `Some(None)` when that is open or there are none to name.
    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>>;

    /// True when its answer is read through labels.
    fn has_labels(&self) -> bool;

    /// Reads the answer.
    ///
    /// # Errors
    /// When the outputs have another shape, or hold what is no number.
    fn read(&self, model: ModelShape<'_>, outputs: &[TensorView<'_>]) -> Result<Verdict, DecodeError>;
}

/// The length of the one output `[1, n]` or `[1, n, 1, 1]`; `Some(None)` when it is open.
pub(crate) fn head_length(outputs: &[TensorSpec]) -> Option<Option<usize>> {
    let [output] = outputs else { return None };
    match output.shape[..] {
        [None | Some(1), n] | [None | Some(1), n, Some(1), Some(1)] if n != Some(0) => Some(n),
        _ => None,
    }
}

/// The numbers of that output.
pub(crate) fn head<'a>(layout: &str, outputs: &[TensorView<'a>]) -> Result<std::borrow::Cow<'a, [f32]>, DecodeError> {
    let one = outputs.first().filter(|_| outputs.len() == 1);
    let (shape, values) = numbers(layout, "one answer", one)?;
    match *shape {
        [1, n] | [1, n, 1, 1] if n > 0 => {}
        _ => {
            return Err(DecodeError::shape(format!(
                "layout {layout} wants one output [1, n], the model gave {shape:?}"
            )));
        }
    }
    if values.iter().any(|v| !v.is_finite()) {
        return Err(DecodeError::not_finite(format!("layout {layout}: the answer holds a NaN or an infinity")));
    }
    Ok(values)
}
