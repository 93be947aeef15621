//! What a model returned and nobody may use, counted by reason.

use serde::Serialize;

/// Why a box, or a whole answer, was refused. The label `reason` of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A number that is NaN or infinite, in a box that would have counted.
    NotFinite,
    /// A score outside of 0 to 1: the outputs are not what the layout says.
    BadScore,
    /// A box without an area, or larger than sixteen times the input.
    BadBox,
    /// A class that the labels have no name for: there are too few of them, or they are another model's.
    BadClass,
    /// A box that lies outside of the picture.
    Outside,
    /// Outputs of another number, type or shape than the layout's.
    WrongShape,
    /// More boxes than a detector can mean.
    TooMany,
}

impl Reason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 7] =
        [Self::NotFinite, Self::BadScore, Self::BadBox, Self::BadClass, Self::Outside, Self::WrongShape, Self::TooMany];

    /// The word for metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFinite => "not_finite",
            Self::BadScore => "bad_score",
            Self::BadBox => "bad_box",
            Self::BadClass => "bad_class",
            Self::Outside => "outside",
            Self::WrongShape => "wrong_shape",
            Self::TooMany => "too_many",
        }
    }
}

/// How many boxes of one answer were refused for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// How many boxes; 1 for a whole answer.
    pub count: u64,
}

/// A whole answer that was refused: nothing of it may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct DecodeError {
    /// Why.
    pub reason: Reason,
    /// What was there and what was expected.
    pub text: String,
}

impl DecodeError {
    pub(crate) fn shape(text: String) -> Self {
        Self { reason: Reason::WrongShape, text }
    }

    pub(crate) fn not_finite(text: String) -> Self {
        Self { reason: Reason::NotFinite, text }
    }

    pub(crate) fn too_many(text: String) -> Self {
        Self { reason: Reason::TooMany, text }
    }
}

/// Counts refusals of one answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts([u64; Reason::ALL.len()]);

impl Counts {
    pub(crate) fn add(&mut self, reason: Reason) {
        self.0[reason as usize] += 1;
    }

    pub(crate) fn into_refused(self) -> Vec<Refused> {
        Reason::ALL
            .into_iter()
            .zip(self.0)
            .filter(|(_, n)| *n > 0)
            .map(|(reason, count)| Refused { reason, count })
            .collect()
    }
}
