//! An engine: one loaded model, from a picture to what is in it.

use parapet_config::{Model, SlotConfig};
use parapet_contracts::{ErrorKind, Object, Picture};

/// Builds engines. Its calls block; they run on the slot's own thread.
pub trait EngineFactory: Send + Sync {
    /// Loads the model for a slot.
    ///
    /// # Errors
    /// When the model can't be loaded, or its settings don't fit it.
    fn build(&self, model: &Model, slot: &SlotConfig) -> Result<Box<dyn Engine>, EngineError>;
}

/// One loaded model, owned by one slot.
pub trait Engine: Send {
    /// Looks at a picture.
    ///
    /// # Errors
    /// `Reject` when this picture can't be used, `Fatal` when the engine is broken and the slot must start anew.
    fn look(&mut self, picture: &Picture) -> Result<Seen, EngineError>;

    /// How the model's files and guesses are understood, in one line for people.
    fn description(&self) -> String;
}

/// What an engine saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// Objects, highest score first.
    pub objects: Vec<Object>,
    /// What was refused of the model's answer, by reason.
    pub refused: Vec<(&'static str, u64)>,
}

/// Why an engine can't be built or can't look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct EngineError {
    /// What to do about it.
    pub kind: ErrorKind,
    /// A stable word for the journal.
    pub code: &'static str,
    /// For people.
    pub text: String,
}

/// The null model: sees nothing, and costs nothing. To measure everything else, and to start a site without a model.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullEngine;

impl Engine for NullEngine {
    fn look(&mut self, _picture: &Picture) -> Result<Seen, EngineError> {
        Ok(Seen::default())
    }

    fn description(&self) -> String {
        "null model: sees nothing".to_owned()
    }
}
