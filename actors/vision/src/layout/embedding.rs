//! Embeddings (re-identification, faces, similarity): `[1, n]`, a vector. It is handed on at length 1, so that the product of
//! two is the cosine of their angle.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    ModelShape,
    whole::{WholeLayout, head, head_length},
};
use crate::{reading::Verdict, refusal::DecodeError};

/// An embedding.
pub struct Embedder;

impl WholeLayout for Embedder {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn description(&self) -> &'static str {
        "[1, n]: a vector for the whole picture"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        head_length(outputs).map(|_| None)
    }

    fn has_labels(&self) -> bool {
        false
    }

    fn read(&self, _: ModelShape<'_>, outputs: &[TensorView<'_>]) -> Result<Verdict, DecodeError> {
        let values = head(self.name(), outputs)?;
        // In 64 bits, so that squares of large numbers stay finite.
        let length = values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
        if length <= f64::EPSILON {
            return Err(DecodeError::not_finite("layout embedding: the vector is zero, it has no direction".into()));
        }
        Ok(Verdict::Vector(values.iter().map(|v| (f64::from(*v) / length) as f32).collect()))
    }
}
