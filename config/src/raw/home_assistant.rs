//! `home_assistant:` in `site.yaml`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Text;
use crate::units::Span;

/// Lets Home Assistant find the site by itself, over the bus: a device for each camera, with its picture and a sensor for each of its rules.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawHomeAssistant {
    /// The discovery prefix, as it is set there.
    pub prefix: Text,
    /// A rule's sensor goes off when its alert is over, and in any case after this long without another.
    #[schemars(extend("x-min" = "1s", "x-max" = "1d"))]
    pub off_after: Span,
}

impl Default for RawHomeAssistant {
    fn default() -> Self {
        Self { prefix: Text("homeassistant".to_owned()), off_after: Span(Duration::from_secs(300)) }
    }
}
