//! `canary` in `models/*.yaml`: a model that looks in the place of another one at a share of its cameras.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Text;
use crate::units::Span;

/// In whose place it looks, and what sends it back. What it sees counts as what the other one sees: events, tracks and alerts go on under that
/// one's name, and say who answered. As soon as it fails, the other one looks at all of its cameras again.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCanary {
    /// The model that cameras use: the name of its file.
    #[schemars(extend("examples" = ["people"]))]
    pub of: Text,
    /// The share of that model's cameras that it looks at, above 0 to 1; one of them at least. A camera is looked at by one of the two alone, so that
    /// its tracks go on; which cameras those are stays the same until cameras come or go.
    #[serde(default = "share")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub share: f64,
    /// Of its last 100 looks so many may fail, or give answers that can't be; with one more it is sent back. A crash, or a look that hangs, sends it back
    /// at once.
    #[serde(default = "most_failures")]
    #[schemars(range(max = 99))]
    pub most_failures: u32,
    /// So long its last 100 looks may take in the mean. When absent, three times as long as a look of the other one.
    #[schemars(extend("x-min" = "1ms", "x-max" = "1h"))]
    pub look_within: Option<Span>,
}

fn share() -> f64 {
    0.1
}

fn most_failures() -> u32 {
    3
}
