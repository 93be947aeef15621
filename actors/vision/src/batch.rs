//! The outputs of a batch, picture by picture: views of the same numbers, nothing is copied.

use parapet_contracts::ports::inference::{TensorData, TensorView};

use crate::refusal::DecodeError;

/// Outputs whose first dimension counts the pictures of a batch.
pub(crate) struct BatchOutputs<'a> {
    outputs: &'a [TensorView<'a>],
    /// The shape that each output has for one picture.
    shapes: Vec<Vec<usize>>,
}

impl<'a> BatchOutputs<'a> {
    /// Checks that each output holds the same for each of `count` pictures.
    ///
    /// # Errors
    /// When the first dimension of an output is another, or its numbers are not as many as its shape says.
    pub(crate) fn new(outputs: &'a [TensorView<'a>], count: usize) -> Result<Self, DecodeError> {
        let mut shapes = Vec::with_capacity(outputs.len());
        for output in outputs {
            let product = output.shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d));
            if output.shape.first() != Some(&count) || product != Some(output.data.len()) {
                let text = format!("a batch of {count} was given, and an output has shape {:?}", output.shape);
                return Err(DecodeError::shape(text));
            }
            let mut shape = output.shape.to_vec();
            shape[0] = 1;
            shapes.push(shape);
        }
        Ok(Self { outputs, shapes })
    }

    /// The outputs of one picture, as if it had been alone.
    pub(crate) fn of(&self, picture: usize) -> Vec<TensorView<'_>> {
        let both = self.outputs.iter().zip(&self.shapes);
        both.map(|(output, shape)| TensorView { shape, data: part(output.data, shape, picture) }).collect()
    }
}

/// The numbers of a picture, each of which has `shape`.
fn part<'a>(data: TensorData<'a>, shape: &[usize], picture: usize) -> TensorData<'a> {
    let length = shape.iter().product::<usize>();
    let own = picture * length..(picture + 1) * length;
    match data {
        TensorData::F32(values) => TensorData::F32(&values[own]),
        TensorData::U8(values) => TensorData::U8(&values[own]),
        TensorData::I32(values) => TensorData::I32(&values[own]),
        TensorData::I64(values) => TensorData::I64(&values[own]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_picture_has_its_own_numbers() {
        let (boxes, counts) = ((0..12).map(|v| v as f32).collect::<Vec<_>>(), [1_i64, 2, 3]);
        let outputs = [
            TensorView { shape: &[3, 2, 2], data: TensorData::F32(&boxes) },
            TensorView { shape: &[3], data: TensorData::I64(&counts) },
        ];
        let batch = BatchOutputs::new(&outputs, 3).unwrap();
        let [boxes, count] = &batch.of(1)[..] else { panic!("two outputs") };
        assert_eq!((boxes.shape, count.shape), (&[1, 2, 2][..], &[1][..]));
        assert!(matches!(boxes.data, TensorData::F32([4.0, 5.0, 6.0, 7.0])));
        assert!(matches!(count.data, TensorData::I64([2])));
    }

    #[test]
    fn an_output_that_does_not_count_the_pictures_is_refused() {
        let outputs = [TensorView { shape: &[1, 2], data: TensorData::F32(&[0.0, 1.0]) }];
        assert!(BatchOutputs::new(&outputs, 2).is_err());
        let short = [TensorView { shape: &[2, 2], data: TensorData::F32(&[0.0, 1.0]) }];
        assert!(BatchOutputs::new(&short, 2).is_err());
    }
}
