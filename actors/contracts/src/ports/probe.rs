//! What the configuration must know of a model file to check it.

use std::path::Path;

/// Looks into a model file without running it.
pub trait ModelProbe: Send + Sync {
    /// The labels that the model's file carries in its metadata, in the order of its classes; `None` when it carries none.
    ///
    /// # Errors
    /// One sentence that says why the file is no model.
    fn labels(&self, model: &Path) -> Result<Option<Vec<String>>, String>;
}

/// Knows nothing: labels are not checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProbe;

impl ModelProbe for NoProbe {
    fn labels(&self, _model: &Path) -> Result<Option<Vec<String>>, String> {
        Ok(None)
    }
}
