//! How many more cameras a box can take: measured on the box itself, with the cameras and models of a site's files.
//!
//! It promises: nothing is measured that isn't told, and what could not be measured is told with the reason; what is worked out from the
//! measurements is in [`plan`], pure, and its assumptions are part of the answer. It opens cameras and models as a site does, and writes nothing.

mod cameras;
mod machine;
mod models;
pub mod plan;
mod report;

use std::{sync::Arc, time::Duration};

use parapet_actors::model::EngineFactory;
use parapet_config::SiteConfig;
use parapet_contracts::ports::media::MediaPort;

pub use report::Report;

/// What it takes to decode a camera of the kind that was measured, and to look at its frames.
struct Measured {
    kinds: Vec<plan::Kind>,
    models: Vec<plan::ModelCost>,
    /// Cameras and models that could not be measured, and why.
    missing: Vec<(String, String)>,
}

/// Measures for about `span`, half of it decoding and half of it looking, and works out what fits. `progress` hears what is being done.
pub fn measure(
    config: &SiteConfig,
    media: &Arc<dyn MediaPort>,
    engines: &dyn EngineFactory,
    span: Duration,
    progress: &dyn Fn(&str),
) -> Report {
    progress("what else this machine does");
    let machine = machine::survey(span / 20);
    let looked = cameras::look(config, media, progress);
    let mut missing = looked.missing;
    let mut kinds = Vec::new();
    let each = span.mul_f64(0.45) / u32::try_from(looked.kinds.len().max(1)).unwrap_or(u32::MAX);
    for kind in &looked.kinds {
        progress(&format!("decoding {}", kind.name));
        match cameras::cost(kind, config, media, each) {
            Ok(kind) => kinds.push(kind),
            Err(why) => missing.push((format!("cameras/{}", kind.camera.id), why)),
        }
    }
    let pictures: Vec<_> = looked.kinds.iter().map(|kind| kind.picture.clone()).collect();
    let used: Vec<_> = config
        .models
        .values()
        .filter(|model| config.cameras.values().any(|camera| camera.enabled && camera.models.contains(&model.id)))
        .collect();
    let each = span.mul_f64(0.5) / u32::try_from(used.len().max(1)).unwrap_or(u32::MAX);
    let mut models = Vec::new();
    for model in used {
        progress(&format!("looking with {}", model.id));
        match models::cost(model, engines, &pictures, each) {
            Ok(cost) => models.push(cost),
            Err(why) => missing.push((format!("models/{}", model.id), why)),
        }
    }
    Report::new(machine, Measured { kinds, models, missing }, span)
}
