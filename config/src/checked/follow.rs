//! `after` of a model, checked.

use std::time::Duration;

use parapet_contracts::ModelId;

/// What a model follows: it looks at crops of what others see.
#[derive(Debug, Clone, PartialEq)]
pub struct Follow {
    /// The models that see what it looks at; never itself, at no depth.
    pub models: Vec<ModelId>,
    /// The labels that it looks at; all when empty.
    pub labels: Vec<String>,
    /// The lowest score of what it looks at, 0 to 1.
    pub min_score: f32,
    /// The shorter side of a box that it looks at, in pixels, at least.
    pub min_size: u32,
    /// The part of the picture that it is shown.
    pub crop: Crop,
    /// When it looks again at an object that is followed over time; `None` is never.
    pub again: Option<Again>,
}

/// The part of a picture around a box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crop {
    /// A square around the box, as long as its longer side, and not the box itself.
    pub square: bool,
    /// How many times as wide and as high.
    pub scale: f32,
    /// Pixels more on each side, after `scale`.
    pub margin: u32,
}

/// When a model looks again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Again {
    /// After this time.
    pub every: Duration,
    /// When the box has so many times the area that it had.
    pub grown: f32,
    /// Never once an answer has this score.
    pub until_score: Option<f32>,
}
