//! What a file is that somebody took for an ONNX model, by its first bytes: so that it is told what to do with it.

/// What the bytes are, and what to do; `None` when they may be a model.
pub(crate) fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    let begins = |magic: &[u8]| bytes.starts_with(magic);
    let at_4 = |magic: &[u8]| bytes.get(4..).is_some_and(|rest| rest.starts_with(magic));
    let head = bytes.get(..bytes.len().min(512)).unwrap_or_default();
    let text =
        std::str::from_utf8(head).ok().filter(|text| !text.contains(|c: char| c.is_control() && !c.is_whitespace()));
    let word = text.map(|text| text.trim_start().to_lowercase()).unwrap_or_default();
    Some(if bytes.is_empty() {
        "an empty file"
    } else if word.starts_with("version https://git-lfs") {
        "a pointer of Git LFS, which stands for it: fetch the model with `git lfs pull`"
    } else if word.starts_with("<!doctype html") || word.starts_with("<html") {
        "a web page, as a download that went wrong leaves behind: download it anew"
    } else if word.starts_with("<?xml") {
        "an XML file; of a model of OpenVINO, the .onnx file that it was made of is wanted"
    } else if text.is_some() {
        "a text"
    } else if begins(b"PK\x03\x04") {
        "an archive, as PyTorch's .pt files are: export the model to ONNX"
    } else if begins(b"\x80\x02") {
        "a pickle of Python's, as PyTorch's older .pth files are: export the model to ONNX"
    } else if at_4(b"TFL3") {
        "a TensorFlow Lite model: convert it with tf2onnx (`--tflite`)"
    } else if begins(b"\x89HDF") {
        "an HDF5 file, as Keras writes: convert the model with tf2onnx"
    } else if begins(b"\x1f\x8b") {
        "a compressed file: unpack it"
    } else if begins(b"\x89PNG") || begins(b"\xff\xd8\xff") {
        "a picture"
    } else if at_4(b"ftyp") {
        "a video"
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_people_take_for_models_are_called_by_their_name() {
        let known: [(&[u8], &str); 7] = [
            (b"", "empty"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", "git lfs pull"),
            (b"\n<!DOCTYPE html><html>", "web page"),
            (b"hello", "a text"),
            (b"PK\x03\x04\0\0", "PyTorch"),
            (b"\x1c\0\0\0TFL3\0", "tf2onnx"),
            (b"\x89PNG\r\n\x1a\n", "a picture"),
        ];
        for (bytes, what) in known {
            assert!(kind_of(bytes).is_some_and(|kind| kind.contains(what)), "{what}: {:?}", kind_of(bytes));
        }
        assert_eq!(kind_of(b"\x08\x07\x12\x07pytorch\x1a\x041.10:\xf6"), None);
    }
}
