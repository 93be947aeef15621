//! `after` in `models/*.yaml`: a model that follows another one.

use std::{borrow::Cow, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::OneOrMany;
use crate::units::Span;

/// What a model follows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum RawAfter {
    /// All that these models see.
    All(OneOrMany),
    /// Some of it.
    Some(RawFollow),
}

impl RawAfter {
    /// In its long form.
    pub(crate) fn into_follow(self) -> RawFollow {
        match self {
            Self::Some(follow) => follow,
            Self::All(model) => RawFollow {
                model,
                labels: None,
                min_score: 0.0,
                min_size: min_size(),
                crop: RawCrop::default(),
                again: RawAgain::default(),
            },
        }
    }
}

impl JsonSchema for RawAfter {
    fn schema_name() -> Cow<'static, str> {
        "After".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = generator.subschema_for::<super::Text>();
        let follow = generator.subschema_for::<RawFollow>();
        json_schema!({ "anyOf": [text, { "type": "array", "items": text, "minItems": 1 }, follow] })
    }
}

/// What a model follows, and what it looks at.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFollow {
    /// The model that it follows, or a list of several: names of files in `models/`.
    #[schemars(extend("examples" = ["people"]))]
    pub model: OneOrMany,
    /// The labels that it looks at: one, or a list. All when absent. After a classifier: what that one must have said.
    pub labels: Option<OneOrMany>,
    /// The lowest score of what it looks at.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub min_score: f32,
    /// The shorter side of a box that it looks at, in pixels of the picture, at least.
    #[serde(default = "min_size")]
    #[schemars(range(min = 1, max = 8192))]
    pub min_size: u32,
    /// The part of the picture that it is shown.
    #[serde(default)]
    pub crop: RawCrop,
    /// When it looks again at an object that is followed over time.
    #[serde(default)]
    pub again: RawAgain,
}

/// The part of the picture around a box. It is moved into the picture where it would stick out, and cut where it is too large.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawCrop {
    /// `box` is the box itself; `square` a square around it, as long as its longer side.
    pub shape: RawCropShape,
    /// How many times as wide and as high.
    #[schemars(range(min = 0.1, max = 20))]
    pub scale: f32,
    /// So many pixels of the picture more on each side, after `scale`.
    #[schemars(range(min = 0, max = 4096))]
    pub margin: u32,
}

impl Default for RawCrop {
    fn default() -> Self {
        Self { shape: RawCropShape::Box, scale: 1.0, margin: 0 }
    }
}

/// The shape of a crop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawCropShape {
    /// The box.
    Box,
    /// A square.
    Square,
}

/// When it looks again.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum RawAgain {
    /// `never`: once a track.
    Never(Never),
    /// When something has changed.
    When(RawAgainWhen),
}

/// The word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Never {
    /// The word.
    Never,
}

impl Default for RawAgain {
    fn default() -> Self {
        Self::When(RawAgainWhen::default())
    }
}

impl JsonSchema for RawAgain {
    fn schema_name() -> Cow<'static, str> {
        "Again".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let when = generator.subschema_for::<RawAgainWhen>();
        json_schema!({ "anyOf": [{ "enum": ["never"] }, when] })
    }
}

/// When it looks again at an object that it has seen: as soon as one of `every` and `grown` says so, and never once it is sure.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawAgainWhen {
    /// After this time.
    #[schemars(extend("x-max" = "1d"))]
    pub every: Span,
    /// When its box has so many times the area that it had.
    #[schemars(range(min = 1.01, max = 1000))]
    pub grown: f32,
    /// Until an answer has this score. Without it, it looks again for as long as the object is there.
    #[schemars(range(min = 0, max = 1))]
    pub until_score: Option<f32>,
}

impl Default for RawAgainWhen {
    fn default() -> Self {
        Self { every: Span(Duration::from_secs(2)), grown: 1.5, until_score: None }
    }
}

fn min_size() -> u32 {
    16
}
