//! What layouts of several outputs share: finding a tensor by its name, and its numbers with their count checked.

use std::borrow::Cow;

use parapet_contracts::ports::inference::{TensorData, TensorSpec, TensorView};

use crate::refusal::DecodeError;

/// The first output whose name holds one of `words` and none of `without`, without regard to case.
pub(crate) fn named(outputs: &[TensorSpec], words: &[&str], without: &[&str]) -> Option<usize> {
    outputs.iter().position(|output| {
        let name = output.name.to_lowercase();
        words.iter().any(|word| name.contains(word)) && !without.iter().any(|word| name.contains(word))
    })
}

/// The numbers of a tensor, whatever their type.
///
/// # Errors
/// When it is absent, or holds another count of numbers than its shape says.
pub(crate) fn numbers<'a>(
    layout: &str,
    what: &str,
    tensor: Option<&TensorView<'a>>,
) -> Result<(&'a [usize], Cow<'a, [f32]>), DecodeError> {
    let Some(tensor) = tensor else {
        return Err(DecodeError::shape(format!("layout {layout} wants an output of {what}, and the model gave none")));
    };
    let values: Cow<'a, [f32]> = match tensor.data {
        TensorData::F32(values) => Cow::Borrowed(values),
        TensorData::U8(values) => values.iter().map(|v| f32::from(*v)).collect(),
        TensorData::I32(values) => values.iter().map(|v| *v as f32).collect(),
        TensorData::I64(values) => values.iter().map(|v| *v as f32).collect(),
    };
    let product = tensor.shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    if product != Some(values.len()) {
        return Err(DecodeError::shape(format!(
            "layout {layout}: the output of {what} has shape {:?} and {} numbers",
            tensor.shape,
            values.len()
        )));
    }
    Ok((tensor.shape, values))
}

/// Rows and columns of a tensor `[1, rows, columns]`, or `[rows, columns]`.
///
/// # Errors
/// When it is absent or has another shape.
pub(crate) fn rows<'a>(
    layout: &str,
    what: &str,
    tensor: Option<&TensorView<'a>>,
) -> Result<(usize, usize, Cow<'a, [f32]>), DecodeError> {
    let (shape, values) = numbers(layout, what, tensor)?;
    match *shape {
        [1, rows, columns] | [rows, columns] => Ok((rows, columns, values)),
        _ => Err(DecodeError::shape(format!(
            "layout {layout} wants {what} as [1, boxes, columns], the model gave {shape:?}"
        ))),
    }
}

/// True for a declared output with one number for each of n boxes: `[n]`, `[1, n]`, `[n, 1]` or `[1, n, 1]`.
pub(crate) fn is_vector(output: &TensorSpec) -> bool {
    matches!(output.shape[..], [_] | [None | Some(1), _] | [_, Some(1)] | [None | Some(1), _, Some(1)])
}

/// True when all numbers are finite and whole: numbers of classes, never scores.
pub(crate) fn whole(numbers: impl IntoIterator<Item = f32>) -> bool {
    numbers.into_iter().all(|v| v.is_finite() && v.fract() == 0.0)
}

/// True for what can't be a probability. One of them shows that an output holds logits; what is no number shows nothing.
pub(crate) fn is_logit(value: f32) -> bool {
    value.is_finite() && !(0.0..=1.0).contains(&value)
}

pub(crate) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Refuses an output with another number of columns.
pub(crate) fn check_columns(layout: &str, what: &str, found: usize, wanted: usize) -> Result<(), DecodeError> {
    if found == wanted {
        return Ok(());
    }
    Err(DecodeError::shape(format!("layout {layout} wants {what} with {wanted} columns, the model gave {found}")))
}

/// The declared shape without a batch of 1 or of unknown size: `[1, 300, 4]` is `[300, 4]`.
pub(crate) fn inner(output: &TensorSpec) -> &[Option<usize>] {
    match &output.shape[..] {
        [None | Some(1), rest @ ..] if rest.len() >= 2 => rest,
        all => all,
    }
}

/// The declared output `[1, n, 4]`: the one whose name says that it holds boxes when there are several, else the first.
pub(crate) fn boxes_at(outputs: &[TensorSpec]) -> Option<usize> {
    let fits = |i: &usize| outputs[*i].shape.len() == 3 && matches!(inner(&outputs[*i]), [_, Some(4)]);
    let says = |i: &usize| named(&outputs[*i..=*i], &["box", "dets"], &[]).is_some();
    let mut all = (0..outputs.len()).filter(fits);
    all.clone().find(says).or_else(|| all.next())
}
