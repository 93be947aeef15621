//! Looks into a model file for the configuration's check.

use std::path::Path;

use parapet_contracts::ports::probe::{ModelProbe, NamedModel};
use parapet_vision::{
    OnnxSummary, Overrides, SizePx,
    guess::{known_labels, objection},
};

/// Reads the labels out of an ONNX file's metadata; a detector of 80 classes without any has COCO's. What can't be used is told as far as
/// the file shows it.
#[derive(Debug, Clone, Copy, Default)]
pub struct OnnxProbe;

impl ModelProbe for OnnxProbe {
    fn labels(&self, model: &Path) -> Result<Option<Vec<String>>, String> {
        let summary = OnnxSummary::read(model).map_err(|error| error.to_string())?;
        Ok(known_labels(&summary))
    }

    fn objection(&self, model: &Path, named: NamedModel<'_>) -> Option<String> {
        let summary = OnnxSummary::read(model).ok()?;
        let first = named.first;
        let named = Overrides {
            layout: named.layout.map(str::to_owned),
            size: named.size.map(|(width, height)| SizePx { width, height }),
            labels: named.labels.map(<[String]>::to_vec),
            ..Overrides::default()
        };
        objection(model, &summary, &named, first)
    }
}
