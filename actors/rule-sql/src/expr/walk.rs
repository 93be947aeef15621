//! The inside of an expression, and what can be computed before any event comes.

use super::{Frame, Node, Shared};
use crate::functions::Env;
use crate::functions::analytic::Hits;
use crate::value::Zone;

impl Node {
    /// The nodes directly inside this one.
    pub fn children(&self) -> Vec<&Node> {
        match self {
            Self::Const(_)
            | Self::Column(_)
            | Self::Meta { .. }
            | Self::Alias(_)
            | Self::Analytic(_)
            | Self::Ask(_)
            | Self::CountAll
            | Self::Folded(_) => Vec::new(),
            Self::All(all) => all.replace.iter().map(|(_, n)| n).collect(),
            Self::During(_, at) => at.as_deref().into_iter().collect(),
            Self::Binary(_, a, b) | Self::Index(a, b) => vec![a, b],
            Self::Not(a) | Self::Arrow(a, _) => vec![a],
            Self::Slice(a, from, to) => {
                let mut out: Vec<&Node> = vec![a];
                out.extend(from.as_deref());
                out.extend(to.as_deref());
                out
            }
            Self::Case { value, whens, otherwise } => {
                let mut out: Vec<&Node> = value.as_deref().into_iter().collect();
                for (when, then) in whens {
                    out.push(when);
                    out.push(then);
                }
                out.extend(otherwise.as_deref());
                out
            }
            Self::InList { value, items, .. } => {
                let mut out: Vec<&Node> = vec![value];
                out.extend(items);
                out
            }
            Self::InArray { value, array, .. } => vec![value, array],
            Self::Between { value, low, high, .. } => vec![value, low, high],
            Self::Like { value, .. } => vec![value],
            Self::LikeAny { value, pattern, .. } => vec![value, pattern],
            Self::Call(_, args) | Self::Aggregate(_, args) => args.iter().collect(),
        }
    }

    /// The same, to be changed.
    pub fn children_mut(&mut self) -> Vec<&mut Node> {
        match self {
            Self::Const(_)
            | Self::Column(_)
            | Self::Meta { .. }
            | Self::Alias(_)
            | Self::Analytic(_)
            | Self::Ask(_)
            | Self::CountAll
            | Self::Folded(_) => Vec::new(),
            Self::All(all) => all.replace.iter_mut().map(|(_, n)| n).collect(),
            Self::During(_, at) => at.as_deref_mut().into_iter().collect(),
            Self::Binary(_, a, b) | Self::Index(a, b) => vec![a, b],
            Self::Not(a) | Self::Arrow(a, _) => vec![a],
            Self::Slice(a, from, to) => {
                let mut out: Vec<&mut Node> = vec![a];
                out.extend(from.as_deref_mut());
                out.extend(to.as_deref_mut());
                out
            }
            Self::Case { value, whens, otherwise } => {
                let mut out: Vec<&mut Node> = value.as_deref_mut().into_iter().collect();
                for (when, then) in whens {
                    out.push(when);
                    out.push(then);
                }
                out.extend(otherwise.as_deref_mut());
                out
            }
            Self::InList { value, items, .. } => {
                let mut out: Vec<&mut Node> = vec![value];
                out.extend(items);
                out
            }
            Self::InArray { value, array, .. } => vec![value, array],
            Self::Between { value, low, high, .. } => vec![value, low, high],
            Self::Like { value, .. } => vec![value],
            Self::LikeAny { value, pattern, .. } => vec![value, pattern],
            Self::Call(_, args) | Self::Aggregate(_, args) => args.iter_mut().collect(),
        }
    }

    /// Whether a condition holds for this node and all inside it; aliases are asked as they are, not followed.
    pub fn all(&self, holds: &mut impl FnMut(&Node) -> bool) -> bool {
        holds(self) && self.children().into_iter().all(|child| child.all(holds))
    }

    /// The node, or its value when that depends on nothing. What would fail is left to fail when an event comes.
    pub fn computed(self) -> Self {
        let depends = match &self {
            Self::Call(function, _) => !function.is_constant(),
            Self::Binary(..) | Self::Not(_) => false,
            _ => true,
        };
        if depends || !self.children().iter().all(|child| matches!(child, Self::Const(_))) {
            return self;
        }
        let env = Env::new("", 0, Zone::UTC);
        let shared = Shared { env: &env, aliases: &[], hits: Hits::default(), agg_hits: Hits::default() };
        match Frame::group(&shared, &[], None).eval(&self) {
            Ok(value) => Self::Const(value),
            Err(_) => self,
        }
    }
}
