//! Boxes that a layout read, judged by the same rules for all layouts.

use crate::{
    refusal::{Counts, DecodeError, Reason},
    settings::SizePx,
};

/// An answer with more boxes above the minimum score than this is refused.
const MAX_CANDIDATES: usize = 30_000;

/// Scores are computed in 32-bit or 16-bit floats: this much above 1 is rounding.
const SCORE_SLACK: f32 = 1e-2;

/// A box in pixels of the input that may become an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Left, top, right, bottom.
    pub xyxy: [f32; 4],
    /// Index of the class.
    pub class: u32,
    /// 0 to 1.
    pub score: f32,
}

/// Takes what a layout reads. What is below the minimum score of its class is left out; what can't be is refused.
#[derive(Debug)]
pub struct Candidates {
    thresholds: Vec<f32>,
    lowest: f32,
    largest_side: f32,
    pub(crate) kept: Vec<Candidate>,
    pub(crate) counts: Counts,
}

impl Candidates {
    /// Candidates of a model with these minimum scores, one a class, and an input whose longer side is `input_side` pixels.
    pub fn new(thresholds: Vec<f32>, input_side: u32) -> Self {
        let lowest = thresholds.iter().copied().fold(f32::INFINITY, f32::min);
        Self { thresholds, lowest, largest_side: input_side as f32 * 16.0, kept: Vec::new(), counts: Counts::default() }
    }

    /// The lowest of all minimum scores: what can't reach it need not be looked at.
    pub fn lowest(&self) -> f32 {
        self.lowest
    }

    /// Class and score of a box that may be kept: as [`best`], but without one that no class lifts to the lowest minimum score.
    pub(crate) fn best(&self, scores: &[f32]) -> Option<(usize, f32)> {
        // Nearly all boxes of a picture end here, so all their scores are compared at once. NaN is not below, and is seen.
        let reaches = scores.iter().fold(false, |any, score| any | !below(*score, self.lowest));
        if reaches { best(scores) } else { None }
    }

    /// Counts a box that can't be.
    pub fn refuse(&mut self, reason: Reason) {
        self.counts.add(reason);
    }

    /// The class that a model names by a number; one that can't be is counted as refused.
    pub fn class(&mut self, number: f32) -> Option<usize> {
        let known = number.is_finite() && (0.0..self.thresholds.len() as f32).contains(&number.round());
        if !known {
            self.refuse(if number.is_finite() { Reason::BadClass } else { Reason::NotFinite });
        }
        known.then(|| number.round() as usize)
    }

    /// Takes a box whose class the model names by a number.
    ///
    /// # Errors
    /// When there are absurdly many.
    pub fn take_found(&mut self, class: f32, score: f32, xyxy: [f32; 4]) -> Result<(), DecodeError> {
        // NaN is not below, and is seen.
        if score < self.lowest {
            return Ok(());
        }
        self.class(class).map_or(Ok(()), |class| self.take_corners(class, score, xyxy))
    }

    /// Takes boxes that came as fractions of an input of `size` for pixels of it: those that were taken are fractions when all of them
    /// have their middle between 0 and 1 and no side longer than 1.2. In pixels, that would be a box of one pixel in a corner.
    pub(crate) fn settle_units(&mut self, size: SizePx) {
        let within = |low: f32, high: f32| high - low <= 1.2 && (0.0..=1.0).contains(&f32::midpoint(low, high));
        let fractions = |c: &Candidate| within(c.xyxy[0], c.xyxy[2]) && within(c.xyxy[1], c.xyxy[3]);
        if self.kept.iter().all(fractions) {
            let (width, height) = (size.width as f32, size.height as f32);
            for candidate in &mut self.kept {
                let [x1, y1, x2, y2] = candidate.xyxy;
                candidate.xyxy = [x1 * width, y1 * height, x2 * width, y2 * height];
            }
        }
    }

    /// Takes a box by its centre and size.
    ///
    /// # Errors
    /// When there are absurdly many.
    pub fn take(&mut self, class: usize, score: f32, [cx, cy, w, h]: [f32; 4]) -> Result<(), DecodeError> {
        self.take_corners(class, score, [cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0])
    }

    /// Takes a box by its left, top, right and bottom edges.
    ///
    /// # Errors
    /// When there are absurdly many.
    pub fn take_corners(&mut self, class: usize, score: f32, xyxy: [f32; 4]) -> Result<(), DecodeError> {
        if score < self.lowest {
            return Ok(());
        }
        if !(score.is_finite() && xyxy.iter().all(|edge| edge.is_finite())) {
            self.refuse(Reason::NotFinite);
            return Ok(());
        }
        if score > 1.0 + SCORE_SLACK {
            self.refuse(Reason::BadScore);
            return Ok(());
        }
        let Some(threshold) = self.thresholds.get(class) else {
            self.refuse(Reason::BadClass);
            return Ok(());
        };
        if score < *threshold {
            return Ok(());
        }
        let (w, h) = (xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]);
        if !(w > 0.0 && h > 0.0 && w <= self.largest_side && h <= self.largest_side) {
            self.refuse(Reason::BadBox);
            return Ok(());
        }
        if self.kept.len() >= MAX_CANDIDATES {
            return Err(DecodeError::too_many(format!(
                "more than {MAX_CANDIDATES} boxes reach the minimum score: the outputs are not what the layout says, or the score is too low"
            )));
        }
        self.kept.push(Candidate { xyxy, class: class as u32, score: score.clamp(0.0, 1.0) });
        Ok(())
    }
}

/// False for NaN.
fn below(score: f32, lowest: f32) -> bool {
    score < lowest
}

/// Index and value of the largest number; NaN wins, so that it is seen. An empty slice has none.
pub(crate) fn best(scores: &[f32]) -> Option<(usize, f32)> {
    let mut found: Option<(usize, f32)> = None;
    for (class, &score) in scores.iter().enumerate() {
        if score.is_nan() {
            return Some((class, score));
        }
        if found.is_none_or(|(_, s)| score > s) {
            found = Some((class, score));
        }
    }
    found
}
