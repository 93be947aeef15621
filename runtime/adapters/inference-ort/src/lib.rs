//! The inference port over ONNX Runtime.
