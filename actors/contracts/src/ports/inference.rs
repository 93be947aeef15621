//! The inference port: tensors in, tensors out.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::ErrorKind;
pub use crate::device::{Accelerator, Device, NotADevice};

/// Loads models.
pub trait InferencePort: Send + Sync {
    /// Loads a model into a session of its own.
    ///
    /// # Errors
    /// When the runtime's library is missing (the text says how to get it), the file is missing or corrupt, or no session can be made.
    fn load(&self, model: &Path, options: &SessionOptions) -> Result<Box<dyn InferenceSession>, InferenceError>;
}

/// One loaded model. It belongs to one slot and runs one inference at a time.
pub trait InferenceSession: Send {
    /// What goes in and what comes out.
    fn signature(&self) -> &ModelSignature;

    /// What whoever runs it should know, in one sentence.
    fn note(&self) -> Option<&str> {
        None
    }

    /// Runs the model once. `read` sees the outputs, in the order of the signature, without a copy.
    ///
    /// # Errors
    /// When the tensors don't fit the model, or the runtime fails. `Fatal` when the session can't be used any more.
    fn run(&mut self, inputs: &[TensorView<'_>], read: &mut dyn FnMut(&[TensorView<'_>]))
    -> Result<(), InferenceError>;
}

/// How a session is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionOptions {
    /// Which hardware runs it.
    pub device: Device,
    /// Threads inside one inference (CPU).
    pub threads: usize,
    /// An inference that takes longer counts as hung. A session that can do so ends it then, with the code `hung`.
    pub hung_after: Option<Duration>,
    /// A folder for what a library compiles of a model, so that it is there at the next start.
    pub cache: Option<PathBuf>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { device: Device::Cpu, threads: 1, hung_after: None, cache: None }
    }
}

/// What goes into a model and what comes out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ModelSignature {
    /// Inputs in the model's order.
    pub inputs: Vec<TensorSpec>,
    /// Outputs in the model's order.
    pub outputs: Vec<TensorSpec>,
    /// Key–value pairs that the exporter wrote into the file (ONNX `metadata_props`).
    pub metadata: BTreeMap<String, String>,
}

/// One input or output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Its name in the graph.
    pub name: String,
    /// The type of its elements.
    pub dtype: DType,
    /// Its shape; `None` where it is only known at run time.
    pub shape: Vec<Option<usize>>,
}

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DType {
    /// 32-bit float.
    F32,
    /// 16-bit float; adapters convert it to and from `F32`.
    F16,
    /// 8-bit unsigned.
    U8,
    /// 32-bit signed.
    I32,
    /// 64-bit signed.
    I64,
    /// Any other type: not usable here.
    Other,
}

/// A tensor that somebody else owns, in row-major order.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// Its shape.
    pub shape: &'a [usize],
    /// Its elements; as many as the product of the shape.
    pub data: TensorData<'a>,
}

/// The elements of a tensor.
#[derive(Debug, Clone, Copy)]
pub enum TensorData<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// 8-bit unsigned.
    U8(&'a [u8]),
    /// 32-bit signed.
    I32(&'a [i32]),
    /// 64-bit signed.
    I64(&'a [i64]),
}

impl TensorData<'_> {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::U8(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Why a model can't be loaded or run. The text says what and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct InferenceError {
    /// What to do about it.
    pub kind: ErrorKind,
    /// A stable word: `runtime_missing`, `not_found`, `corrupt`, `unsupported`, `no_device`, `out_of_memory`, `bad_input`, `run_failed`; of a session in
    /// a process of its own besides `crashed` and `hung`.
    pub code: &'static str,
    /// For people.
    pub text: String,
}
