//! Looks into a model file for the configuration's check.

use std::path::Path;

use parapet_contracts::ports::probe::ModelProbe;
use parapet_vision::{OnnxSummary, parse_names};

/// Reads the labels out of an ONNX file's metadata.
#[derive(Debug, Clone, Copy, Default)]
pub struct OnnxProbe;

impl ModelProbe for OnnxProbe {
    fn labels(&self, model: &Path) -> Result<Option<Vec<String>>, String> {
        let summary = OnnxSummary::read(model).map_err(|error| error.to_string())?;
        Ok(summary.signature.metadata.get("names").and_then(|names| parse_names(names)))
    }
}
