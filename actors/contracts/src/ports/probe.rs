//! What the configuration must know of a model file to check it.

use std::path::Path;

/// Looks into a model file without running it.
pub trait ModelProbe: Send + Sync {
    /// The labels that the model's file carries in its metadata, in the order of its classes; `None` when it carries none.
    ///
    /// # Errors
    /// One sentence that says why the file is no model.
    fn labels(&self, model: &Path) -> Result<Option<Vec<String>>, String>;

    /// Why the model can't be used with what is named of it, and what to do; `None` when it can, or when only running it would tell.
    fn objection(&self, _model: &Path, _named: NamedModel<'_>) -> Option<String> {
        None
    }
}

/// What a model's own file in the site names of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct NamedModel<'a> {
    /// The layout of its outputs.
    pub layout: Option<&'a str>,
    /// Width and height of its input in pixels.
    pub size: Option<(u32, u32)>,
    /// True when it is shown pictures of cameras, and not crops of what another model sees.
    pub first: bool,
    /// Its labels.
    pub labels: Option<&'a [String]>,
}

/// Knows nothing: labels are not checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProbe;

impl ModelProbe for NoProbe {
    fn labels(&self, _model: &Path) -> Result<Option<Vec<String>>, String> {
        Ok(None)
    }
}
