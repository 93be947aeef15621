//! ONNX Runtime's errors in the port's words.

use std::{any::Any, path::Path};

use ort::ErrorCode;
use parapet_contracts::{ErrorKind, ports::inference::InferenceError};

pub(crate) fn error(kind: ErrorKind, code: &'static str, text: String) -> InferenceError {
    InferenceError { kind, code, text }
}

/// A model that could not be loaded.
pub(crate) fn loading(model: &Path, cause: &ort::Error) -> InferenceError {
    let message = plain(cause.message());
    let newer = "this ONNX Runtime is too old for it: use a newer one, or export the model with an older opset";
    let (kind, code, hint) = match cause.code() {
        _ if is_of_tomorrow(&message) => (ErrorKind::Fatal, "unsupported", newer),
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
    error(kind, code, format!("model {}: {hint}: {message}", model.display()))
}

/// True for a format or operators that this runtime doesn't know yet.
fn is_of_tomorrow(message: &str) -> bool {
    message.contains("IR version") || message.contains("Opset ") || message.contains("opset version")
}

/// The runtime's message without the path, which is told before it, and without the place in its source code.
fn plain(message: &str) -> String {
    let mut text = first_line(message);
    if let Some((before, rest)) = text.split_once(" failed:")
        && before.starts_with("Load model from ")
    {
        text = rest;
    }
    if text.starts_with('/')
        && let Some((_, signature)) = text.split_once(".cc:").or_else(|| text.split_once(".h:"))
    {
        text = after_signature(signature);
    }
    // What an operator of tomorrow gets is a lecture; its second sentence says what is wrong.
    text.find("Opset ").map_or(text, |at| &text[at..]).trim().to_owned()
}

/// What follows the arguments of a function of C++.
fn after_signature(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return text[at + 1..].trim_start_matches(" const").trim_start(),
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_runtime_says_is_told_without_its_source_code() {
        let message = "Load model from /m.onnx failed:/onnxruntime_src/onnxruntime/core/graph/model.cc:256 onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&) Unsupported model IR version: 99, max supported IR version: 14";
        assert_eq!(plain(message), "Unsupported model IR version: 99, max supported IR version: 14");
        let message =
            "Load model from /m.onnx failed:This is an invalid model. Error: Duplicate definition of name (x).\nmore";
        assert_eq!(plain(message), "This is an invalid model. Error: Duplicate definition of name (x).");
        let message = "Load model from /m.onnx failed:/o/model_load_utils.h:46 void f(const std::map<int (int)>&, bool) ONNX Runtime only *guarantees* support for models stamped with official released onnx opset versions. Opset 99 is under development and support for this is limited.";
        assert_eq!(plain(message), "Opset 99 is under development and support for this is limited.");
        assert!(is_of_tomorrow(&plain(message)));
    }
}
