//! An engine: one loaded model, from pictures to what is in them.

use std::collections::BTreeSet;

use parapet_config::{Model, SlotConfig};
use parapet_contracts::{ErrorKind, ModelId, Object, Picture, Region, ports::inference::InferenceError};

/// Builds engines. Its calls block; they run on the slot's own thread.
pub trait EngineFactory: Send + Sync {
    /// Loads the model for a slot.
    ///
    /// # Errors
    /// When the model can't be loaded, or its settings don't fit it.
    fn build(&self, model: &Model, slot: &SlotConfig) -> Result<Box<dyn Engine>, EngineError>;

    /// What keeps the files of models that were good; nothing, unless it says otherwise.
    fn keeper(&self) -> &dyn ModelKeeper {
        &NothingKept
    }
}

/// Keeps the files of models that were good: what their slots start from while the files on the disk are others, which were refused. Its calls
/// block.
pub trait ModelKeeper: Send + Sync {
    /// For a model whose file was refused before the process began: the digest of the file that was good, which can be loaded, and why the other one
    /// was refused.
    fn instead(&self, model: &Model) -> Option<(String, String)>;

    /// A slot has loaded this model, and it could look.
    ///
    /// # Errors
    /// One sentence that says why its file is not kept, and what follows.
    fn good(&self, model: &Model) -> Result<(), String>;

    /// This model was refused in the place of one that runs.
    ///
    /// # Errors
    /// One sentence that says why that is not remembered.
    fn refused(&self, model: &Model, why: &str) -> Result<(), String>;

    /// There are no other models any more.
    fn keep_only(&self, models: &BTreeSet<ModelId>);
}

/// Keeps nothing.
struct NothingKept;

impl ModelKeeper for NothingKept {
    fn instead(&self, _: &Model) -> Option<(String, String)> {
        None
    }

    fn good(&self, _: &Model) -> Result<(), String> {
        Ok(())
    }

    fn refused(&self, _: &Model, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn keep_only(&self, _: &BTreeSet<ModelId>) {}
}

/// One loaded model, owned by one slot.
pub trait Engine: Send {
    /// Looks at a batch of at most [`Engine::max_batch`] views, and answers each, in order. An error of a view is `Reject` when only
    /// this view can't be used, and `Fatal` when the engine is broken and the slot must start anew.
    fn look(&mut self, views: &[View<'_>]) -> Vec<Result<Seen, EngineError>>;

    /// The most views that one look can take.
    fn max_batch(&self) -> usize {
        1
    }

    /// How the model's files and guesses are understood, in one line for people.
    fn description(&self) -> String;

    /// Why it does not run on the hardware that its file names first.
    fn fallback(&self) -> Option<&str> {
        None
    }
}

/// What an engine looks at: a picture, or a part of it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The picture.
    pub picture: &'a Picture,
    /// The part; all of it when absent. What is seen is told in pixels of the whole picture either way.
    pub region: Option<Region>,
}

/// What an engine saw in a view.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// What kind of model said it.
    pub kind: SeenKind,
    /// Objects, highest score first. Of a classifier: its best class as one object as large as the view, when it reached its minimum score.
    pub objects: Vec<Object>,
    /// The vector of an embedding, of length 1; empty otherwise.
    pub vector: Vec<f32>,
    /// What was refused of the model's answer, by reason.
    pub refused: Vec<(&'static str, u64)>,
}

/// What kind of answer a model gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SeenKind {
    /// Objects that it found.
    #[default]
    Objects,
    /// One class for the whole of the view.
    Class,
    /// A vector.
    Vector,
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

impl From<InferenceError> for EngineError {
    fn from(error: InferenceError) -> Self {
        Self { kind: error.kind, code: error.code, text: error.text }
    }
}

/// The null model: sees nothing, and costs nothing. To measure everything else, and to start a site without a model.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullEngine;

impl Engine for NullEngine {
    fn look(&mut self, views: &[View<'_>]) -> Vec<Result<Seen, EngineError>> {
        views.iter().map(|_| Ok(Seen::default())).collect()
    }

    fn max_batch(&self) -> usize {
        usize::MAX
    }

    fn description(&self) -> String {
        "null model: sees nothing".to_owned()
    }
}
