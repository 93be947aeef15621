//! From a picture to a tensor and from tensors to boxes: pure code, no runtime.
//!
//! What this crate promises:
//! - A model's settings are either named by its user or guessed, and every guess is told with its confidence and reason ([`guess`]).
//! - A picture is read once, from the buffer that it was decoded into, and lands in the input tensor cropped, scaled,
//!   converted and normalised ([`Detector::prepare`]).
//! - Nothing that a model returns can make it panic. What is not finite, absurd or outside the picture never becomes an
//!   [`Object`](parapet_contracts::Object): it is refused, and counted by reason ([`Refused`]).
//!
//! A new family of models is one file in [`layout`] and one line in [`layout::LAYOUTS`].

mod batch;
mod detector;
mod foreign;
pub mod guess;
mod inputs;
mod labels;
pub mod layout;
mod nms;
pub mod onnx;
mod placement;
mod prepare;
mod reading;
mod refusal;
mod settings;

pub use detector::{Decoded, Detector, SettingsError};
pub use guess::{Finding, GuessError, Guessed};
pub use labels::{COCO, LabelsError, parse_label_file, parse_names};
pub use onnx::{OnnxError, OnnxSummary};
/// A part of a picture.
pub use parapet_contracts::Region;
pub use placement::Placement;
pub use prepare::{InputTensor, PrepareError};
pub use reading::{ClassScore, Reading, ReadingKind, Verdict};
pub use refusal::{DecodeError, Reason, Refused};
pub use settings::{Channels, ModelSettings, Overrides, Resize, SizePx};
