//! One row of numbers for the whole picture.

use super::{Clues, Family, Match, found, named_classes};
use crate::{layout::head_length, settings::Overrides};

/// A classifier or an embedding: both are one row of numbers.
pub(super) fn find(clues: &Clues<'_>, named: &Overrides) -> Option<Match> {
    let classes = named_classes(clues, named);
    let length = head_length(&clues.signature.outputs)?;
    let tail = |op: &str| clues.summary.is_some_and(|s| s.tail.contains(op));
    let shown = length.map_or("?".into(), |n| n.to_string());
    let family = if length == Some(1000) { Family::ImageNet } else { Family::Fraction };
    if clues.metadata("task") == Some("classify") {
        return found("classifier", Family::Fraction, 0.98, "the task that the metadata names");
    }
    if classes.is_some() && classes == length {
        return found("classifier", family, 0.97, format!("one number for each of the {shown} classes that are named"));
    }
    if tail("Softmax") {
        return found("classifier", family, 0.95, format!("{shown} numbers after a softmax"));
    }
    if tail("LpNormalization") || tail("ReduceL2") {
        return found(
            "embedding",
            Family::ImageNet,
            0.93,
            format!("{shown} numbers, brought to length 1 in the graph"),
        );
    }
    match length {
        Some(1) | None => None,
        Some(64 | 128 | 192 | 256 | 384 | 512 | 768 | 1024 | 1280 | 1536 | 2048) => found(
            "embedding",
            Family::ImageNet,
            0.8,
            format!("{shown} numbers without a softmax: a common length of vectors"),
        ),
        Some(1000) => found("classifier", family, 0.9, "1000 numbers: ImageNet's classes"),
        Some(_) => found(
            "classifier",
            family,
            0.6,
            format!("{shown} numbers: a score for each class, or a vector (`embedding`)"),
        ),
    }
}
