//! `record` in `cameras/*.yaml`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Size, Span};

/// Record the camera: its stream as it comes, in files of some seconds each.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawRecord {
    /// What is recorded: all of it (`continuous`), what moves and a little before and after (`motion`, which needs the key `motion`), or nothing (`off`).
    pub mode: RawRecordMode,
    /// How long it is kept. Nothing goes that is held (`parapet evidence hold`).
    #[schemars(extend("x-min" = "1m"))]
    pub keep_for: Span,
    /// How much is kept: the oldest goes first. No limit but the disk's when absent.
    #[schemars(extend("x-min" = "10MiB"))]
    pub size: Option<Size>,
    /// How long a file is; it ends at the next keyframe. A crash loses what belongs to a file that is not written yet.
    #[schemars(extend("x-min" = "2s", "x-max" = "1m"))]
    pub segment: Span,
    /// With `motion`: how long before something moves, at least; at most the file before.
    #[schemars(extend("x-max" = "1m"))]
    pub before: Span,
    /// With `motion`: how long after something has moved, at least.
    #[schemars(extend("x-max" = "10m"))]
    pub after: Span,
}

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawRecordMode {
    /// Nothing.
    Off,
    /// What moves.
    Motion,
    /// All of it.
    Continuous,
}

impl Default for RawRecord {
    fn default() -> Self {
        let seconds = |seconds| Span(Duration::from_secs(seconds));
        Self {
            mode: RawRecordMode::Continuous,
            keep_for: seconds(7 * 86_400),
            size: None,
            segment: seconds(10),
            before: seconds(5),
            after: seconds(10),
        }
    }
}
