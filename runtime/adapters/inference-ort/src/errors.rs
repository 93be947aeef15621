//! ONNX Runtime's errors in the port's words.

use std::{any::Any, path::Path};

use ort::ErrorCode;
use parapet_contracts::{ErrorKind, ports::inference::InferenceError};

pub(crate) fn error(kind: ErrorKind, code: &'static str, text: String) -> InferenceError {
    InferenceError { kind, code, text }
}

/// A model that could not be loaded.
pub(crate) fn loading(model: &Path, cause: &ort::Error) -> InferenceError {
    let (kind, code, hint) = match cause.code() {
        _ if is_out_of_memory(cause.message()) => (ErrorKind::Retry, "out_of_memory", "not enough memory to load it"),
        ErrorCode::NoSuchFile => (ErrorKind::Fatal, "not_found", "a file is missing"),
        ErrorCode::InvalidProtobuf | ErrorCode::NoModel => {
            (ErrorKind::Fatal, "corrupt", "not an ONNX model, or a damaged one; copy or export it anew")
        }
        ErrorCode::InvalidGraph | ErrorCode::NotImplemented => (
            ErrorKind::Fatal,
            "unsupported",
            "this ONNX Runtime can't run it; export it with an older opset, or use a newer runtime",
        ),
        // Weights in a file beside the model that is missing, or shorter than the model says, end here.
        _ => (ErrorKind::Fatal, "corrupt", "it can't be loaded"),
    };
    error(kind, code, format!("model {}: {hint}: {}", model.display(), first_line(cause.message())))
}

/// An inference that failed.
pub(crate) fn running(model: &str, cause: &ort::Error) -> InferenceError {
    let (kind, code) = match cause.code() {
        _ if is_out_of_memory(cause.message()) => (ErrorKind::Retry, "out_of_memory"),
        ErrorCode::InvalidArgument => (ErrorKind::Reject, "bad_input"),
        _ => (ErrorKind::Retry, "run_failed"),
    };
    error(kind, code, format!("model {model}: {}", first_line(cause.message())))
}

/// A panic inside `ort`, as an error.
pub(crate) fn panicked(what: &str, payload: &(dyn Any + Send)) -> InferenceError {
    let why = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    error(ErrorKind::Fatal, "run_failed", format!("{what}: {why}"))
}

fn is_out_of_memory(message: &str) -> bool {
    ["out of memory", "Failed to allocate memory", "bad_alloc", "CUDA_ERROR_OUT_OF_MEMORY"]
        .iter()
        .any(|m| message.contains(m))
}

fn first_line(message: &str) -> &str {
    message.trim().lines().next().unwrap_or("no reason given")
}
