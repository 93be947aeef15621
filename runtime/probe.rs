//! Looks into a model file for the configuration's check.

use std::path::Path;

use parapet_contracts::ports::probe::ModelProbe;
use parapet_vision::{OnnxSummary, guess::known_labels};

/// Reads the labels out of an ONNX file's metadata; a detector of 80 classes without any has COCO's.
#[derive(Debug, Clone, Copy, Default)]
pub struct OnnxProbe;

impl ModelProbe for OnnxProbe {
    fn labels(&self, model: &Path) -> Result<Option<Vec<String>>, String> {
        let summary = OnnxSummary::read(model).map_err(|error| error.to_string())?;
        Ok(known_labels(&summary))
    }
}
