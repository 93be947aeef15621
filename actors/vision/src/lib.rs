//! From a picture to a tensor and from tensors to boxes: pure code, no runtime.
