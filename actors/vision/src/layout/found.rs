//! What a graph with suppression has found: boxes, a score and the number of a class for each, in tensors of their own, and
//! perhaps how many of them count. Exporters differ in names, in shapes and in what they count classes from.

use std::borrow::Cow;

use parapet_contracts::ports::inference::{DType, TensorSpec, TensorView};

use super::{
    Candidates, check_count,
    form::Form,
    tensors::{boxes_at, check_columns, is_vector, named, numbers, rows, whole},
};
use crate::refusal::DecodeError;

/// Where boxes, scores, classes and their count stand among the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) boxes: usize,
    pub(crate) classes: usize,
    pub(crate) scores: usize,
    pub(crate) count: Option<usize>,
    /// False when classes and scores were told apart by their order alone.
    pub(crate) sure: bool,
}

/// As [`places`], where no output counts what was found.
pub(crate) fn uncounted(outputs: &[TensorSpec]) -> Option<Places> {
    places(outputs).filter(|at| at.count.is_none())
}

/// Finds them by names, by types, and at last by order: classes before scores, as most exporters write them.
pub(crate) fn places(outputs: &[TensorSpec]) -> Option<Places> {
    let is_boxes = |o: &TensorSpec| matches!(o.shape[..], [_, Some(4)] | [None | Some(1), _, Some(4)]);
    let boxes = boxes_at(outputs).or_else(|| outputs.iter().position(is_boxes))?;
    let mut vectors: Vec<usize> = (0..outputs.len()).filter(|i| *i != boxes).collect();
    let count = match (outputs.len(), named(outputs, &["num", "count", "valid"], &[]).filter(|i| *i != boxes)) {
        (4, Some(count)) => Some(count),
        (4, None) => Some(vectors.iter().copied().find(|i| is_one(&outputs[*i]))?),
        (3, _) => None,
        _ => return None,
    };
    vectors.retain(|i| Some(*i) != count);
    let [first, second] = vectors[..] else { return None };
    let other = |i: usize| if i == first { second } else { first };
    let told = |words: &[&str]| named(outputs, words, &["num"]).filter(|i| *i == first || *i == second);
    let integers = |i: usize| matches!(outputs[i].dtype, DType::I32 | DType::I64);
    let (classes, sure) = match (told(&["label", "class", "categor"]), told(&["score", "conf"])) {
        (Some(classes), _) => (classes, true),
        (None, Some(scores)) => (other(scores), true),
        (None, None) if integers(first) != integers(second) => (if integers(first) { first } else { second }, true),
        (None, None) => (first, false),
    };
    let scores = other(classes);
    let counted = count.is_none_or(|i| is_one(&outputs[i]) || outputs[i].shape.is_empty());
    (counted && is_vector(&outputs[classes]) && is_vector(&outputs[scores])).then_some(Places {
        boxes,
        classes,
        scores,
        count,
        sure,
    })
}

/// `[1]` or `[1, 1]`, or of a length that is only known at run time.
fn is_one(output: &TensorSpec) -> bool {
    matches!(output.shape[..], [None | Some(1)] | [None | Some(1), None | Some(1)] | [])
}

/// Boxes that were found.
pub(crate) struct Found<'a> {
    boxes: Cow<'a, [f32]>,
    classes: Cow<'a, [f32]>,
    scores: Cow<'a, [f32]>,
    limit: usize,
}

impl<'a> Found<'a> {
    /// Reads the outputs that stand at `places` of `declared` ones.
    ///
    /// # Errors
    /// When outputs are missing, or their lengths don't agree.
    pub(crate) fn read(
        layout: &str,
        places: Option<Places>,
        declared: &[TensorSpec],
        outputs: &[TensorView<'a>],
    ) -> Result<Self, DecodeError> {
        let Some(at) = places.filter(|_| declared.len() == outputs.len()) else {
            return Err(DecodeError::shape(format!(
                "layout {layout} wants boxes, classes and scores, the model gave {} outputs",
                outputs.len()
            )));
        };
        let (n, columns, boxes) = rows(layout, "boxes", outputs.get(at.boxes))?;
        check_columns(layout, "boxes", columns, 4)?;
        check_count(n)?;
        let (_, mut classes) = numbers(layout, "classes", outputs.get(at.classes))?;
        let (_, mut scores) = numbers(layout, "scores", outputs.get(at.scores))?;
        if classes.len() != n || scores.len() != n {
            let (c, s) = (classes.len(), scores.len());
            return Err(DecodeError::shape(format!("layout {layout}: {n} boxes, {c} classes and {s} scores")));
        }
        if !at.sure && whole(scores.iter().copied()) && !whole(classes.iter().copied()) {
            std::mem::swap(&mut classes, &mut scores);
        }
        let limit = match at.count {
            None => n,
            Some(count) => limit(layout, outputs.get(count), n)?,
        };
        Ok(Self { boxes, classes, scores, limit })
    }

    /// What their four numbers are, when they are all boxes of a grid.
    pub(crate) fn form(&self) -> Form {
        Form::of(&self.boxes)
    }

    /// Hands them over. Classes are counted from `first`; `corners` makes left, top, right, bottom of a box's four numbers.
    ///
    /// # Errors
    /// When there are absurdly many.
    pub(crate) fn hand_over(
        &self,
        first: f32,
        corners: impl Fn([f32; 4]) -> [f32; 4],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let each = self.boxes.chunks_exact(4).zip(self.classes.iter()).zip(self.scores.iter());
        for ((b, class), score) in each.take(self.limit) {
            into.take_found(class - first, *score, corners([b[0], b[1], b[2], b[3]]))?;
        }
        Ok(())
    }
}

/// How many of `n` boxes count, as an output of one number says.
///
/// # Errors
/// When it holds another count of numbers, no whole one, or more than there are.
pub(crate) fn limit(layout: &str, count: Option<&TensorView<'_>>, n: usize) -> Result<usize, DecodeError> {
    let (_, count) = numbers(layout, "the count", count)?;
    match count[..] {
        [count] if (0.0..=n as f32).contains(&count) && count.fract() == 0.0 => Ok(count as usize),
        _ => Err(DecodeError::shape(format!("layout {layout}: the count says {count:?} of {n} boxes"))),
    }
}
