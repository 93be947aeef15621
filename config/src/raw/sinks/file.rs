//! `sink: {file: …}`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{raw::PathText, units::Size};

/// JSON Lines in a file.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFileSink {
    /// The file.
    #[schemars(extend("examples" = ["data/alerts.jsonl"]))]
    #[schemars(required)]
    pub path: Option<PathText>,
    /// Begin a new file when it is bigger than this.
    #[serde(default = "rotate")]
    #[schemars(extend("x-min" = "1kB"))]
    pub rotate: Size,
    /// Keep this many of the older files.
    #[serde(default = "keep")]
    #[schemars(range(min = 1, max = 10_000))]
    pub keep: u32,
}

fn rotate() -> Size {
    Size(100 << 20)
}

fn keep() -> u32 {
    10
}
