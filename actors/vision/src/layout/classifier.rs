//! Classifiers: `[1, classes]`, probabilities or logits.
//!
//! Numbers that are not negative and sum to 1 are taken as probabilities; others go through a softmax. A model whose logits
//! happen to look like that is told apart by nothing in its answer; a softmax of logits hardly ever does.

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    ModelShape,
    tensors::check_columns,
    whole::{WholeLayout, head, head_length},
};
use crate::{reading::Verdict, refusal::DecodeError};

/// How far a sum of probabilities may be from 1: 16-bit floats and many classes.
const SUM_SLACK: f32 = 0.02;

/// A classifier.
pub struct Classifier;

impl WholeLayout for Classifier {
    fn name(&self) -> &'static str {
        "classifier"
    }

    fn description(&self) -> &'static str {
        "[1, classes]: one score a class for the whole picture"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        head_length(outputs)
    }

    fn has_labels(&self) -> bool {
        true
    }

    fn read(&self, model: ModelShape<'_>, outputs: &[TensorView<'_>]) -> Result<Verdict, DecodeError> {
        let values = head(self.name(), outputs)?;
        check_columns(self.name(), "scores", values.len(), model.classes)?;
        let sum: f32 = values.iter().sum();
        let ready = values.iter().all(|v| *v >= 0.0) && (sum - 1.0).abs() <= SUM_SLACK;
        if ready {
            return Ok(Verdict::Scores(values.iter().map(|v| v.min(1.0)).collect()));
        }
        let top = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = values.iter().map(|v| (v - top).exp()).collect();
        let sum: f32 = weights.iter().sum();
        Ok(Verdict::Scores(weights.into_iter().map(|w| w / sum).collect()))
    }
}
