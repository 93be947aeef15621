//! `overload` in `models/*.yaml`.

use std::{borrow::Cow, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Id;
use crate::units::{Rate, Span};

/// What a model gives up when its slots can't keep up.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawOverload {
    /// What is given up, in this order, each on top of the one before: `lower_rate` keeps three of four frames of each camera, then two, then
    /// one; `lighter_model: NAME` lets another model of `models/` look in its place; `shed_low_priority` leaves out cameras of low priority.
    #[schemars(length(min = 1, max = 3))]
    #[schemars(extend("examples" = [["lower_rate", { "lighter_model": "people-small" }, "shed_low_priority"]]))]
    pub steps: Vec<RawStep>,
    /// `lower_rate` leaves each camera this many frames a second.
    #[serde(default = "lowest_rate")]
    pub lowest_rate: Rate,
    /// So long frames must be missed before something more is given up.
    #[serde(default = "after")]
    #[schemars(extend("x-min" = "500ms", "x-max" = "1h"))]
    pub after: Span,
    /// So long there must be room for it before something comes back.
    #[serde(default = "recover_after")]
    #[schemars(extend("x-min" = "1s", "x-max" = "1d"))]
    pub recover_after: Span,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum RawStep {
    /// One that needs no more words.
    Word(RawStepWord),
    /// Another model looks.
    Lighter(RawLighter),
}

/// A step that needs no more words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RawStepWord {
    /// Fewer frames of each camera.
    LowerRate,
    /// Cameras of low priority are left out.
    ShedLowPriority,
}

/// Another model looks.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLighter {
    /// Its name.
    pub lighter_model: Id,
}

impl JsonSchema for RawStep {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let lighter = generator.subschema_for::<RawLighter>();
        json_schema!({ "anyOf": [{ "type": "string", "enum": ["lower_rate", "shed_low_priority"] }, lighter] })
    }
}

fn lowest_rate() -> Rate {
    Rate(1.0)
}

fn after() -> Span {
    Span(Duration::from_secs(3))
}

fn recover_after() -> Span {
    Span(Duration::from_secs(30))
}
