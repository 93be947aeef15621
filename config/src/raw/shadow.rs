//! `shadow` in `models/*.yaml`: a model that is compared with another one.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Text;

/// What it is compared with. It looks at a share of the frames that the other one has looked at; what it sees is compared and goes nowhere
/// else, and it never holds the other one up.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawShadow {
    /// The model that cameras use: the name of its file.
    #[schemars(extend("examples" = ["people"]))]
    pub of: Text,
    /// The share of that model's frames that it looks at, above 0 to 1.
    #[serde(default = "share")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub share: f64,
}

fn share() -> f64 {
    0.1
}
