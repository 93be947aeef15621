//! YAML into a tree in which every node knows where it stands.
//!
//! Promises: no input makes this panic, recurse without bound or use more than a fixed multiple of [`MAX_BYTES`]; a key never
//! stands twice; what is refused is refused with its line and column. Scalars follow YAML 1.2's core schema, so
//! `yes` and `22:00` are text. Aliases work, and are counted at the size that they stand for.

mod build;
mod scalar;
#[cfg(test)]
mod tests;

use crate::problem::Position;

pub use build::parse;

/// The biggest file that is read.
pub const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting.
pub const MAX_DEPTH: usize = 32;
/// The most nodes of a file, aliases counted at the size that they stand for.
pub const MAX_NODES: usize = 100_000;

/// A value and where it stands. It shows what the file has, never what a reference became.
#[derive(Clone, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub kind: Kind,
    /// A scalar as the file has it: what messages quote.
    pub written: String,
    /// True when a `${…}` in it was replaced by what it refers to.
    pub resolved: bool,
}

/// What a node is.
#[derive(Clone, PartialEq)]
pub enum Kind {
    /// Nothing: an empty value, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A number with a fraction or an exponent; `.nan` and `.inf` too.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and their values, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Where it begins.
    pub at: Position,
    /// The key.
    pub text: String,
}

/// A step from a node to one of its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into a mapping.
    Key(&'a str),
    /// Into a list.
    Index(usize),
}

impl<'a> From<&'a str> for Step<'a> {
    fn from(key: &'a str) -> Self {
        Self::Key(key)
    }
}

impl<'a> From<&'a String> for Step<'a> {
    fn from(key: &'a String) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Step<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({}:{})", self.at.line, self.at.column)
    }
}

impl Node {
    /// The child that one step leads to.
    pub fn child(&self, step: Step<'_>) -> Option<&Self> {
        match (&self.kind, step) {
            (Kind::Map(entries), Step::Key(key)) => entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node),
            (Kind::List(items), Step::Index(index)) => items.get(index),
            _ => None,
        }
    }

    /// The keys of a mapping.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        let entries: &[(Key, Self)] = match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        };
        entries.iter().map(|(key, _)| key)
    }
}
