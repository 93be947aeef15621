//! What a model says of a picture, or of a crop of one: objects, classes or a vector.

use crate::detector::Decoded;

/// What a model says of a picture, or of a crop of one.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A detector's objects.
    Objects(Decoded),
    /// A classifier's classes, highest score first; all of them, whatever their score.
    Classes(Vec<ClassScore>),
    /// An embedding of length 1: the product of two is the cosine of their angle.
    Vector(Vec<f32>),
}

/// What kind of [`Reading`] a model gives: known before it has run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadingKind {
    /// [`Reading::Objects`].
    Objects,
    /// [`Reading::Classes`].
    Classes,
    /// [`Reading::Vector`].
    Vector,
}

/// A class of a classifier, and how sure it is.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassScore {
    /// The index of the class in the model's labels.
    pub class: u32,
    /// Its label.
    pub label: String,
    /// 0 to 1.
    pub score: f32,
}

/// What a layout reads of a whole picture, before labels.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// A score for each class, 0 to 1, in the model's order.
    Scores(Vec<f32>),
    /// A vector of length 1.
    Vector(Vec<f32>),
}
