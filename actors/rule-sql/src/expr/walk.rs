//! The inside of an expression, and what can be computed before any event comes.

use super::{Frame, Node, Shared};
use crate::functions::Env;
use crate::functions::analytic::Hits;
use crate::value::Zone;

/// The nodes directly inside one, to be looked at or to be changed.
macro_rules! inside {
    ($node:expr, $reference:ty, $iter:ident, $as_deref:ident) => {{
        let mut out: Vec<$reference> = Vec::new();
        match $node {
            Self::Const(_)
            | Self::Column(_)
            | Self::Meta { .. }
            | Self::Alias(_)
            | Self::Analytic(_)
            | Self::Recalled(_)
            | Self::Ask(_)
            | Self::CountAll
            | Self::Folded(_) => {}
            Self::All(all) => out.extend(all.replace.$iter().map(|(_, node)| node)),
            Self::During(_, at) => out.extend(at.$as_deref()),
            Self::Binary(_, a, b) | Self::Index(a, b) => {
                out.push(a);
                out.push(b);
            }
            Self::Not(a) | Self::Arrow(a, _) | Self::Like { value: a, .. } => out.push(a),
            Self::Slice(a, from, to) => {
                out.push(a);
                out.extend(from.$as_deref());
                out.extend(to.$as_deref());
            }
            Self::Case { value, whens, otherwise } => {
                out.extend(value.$as_deref());
                for (when, then) in whens {
                    out.push(when);
                    out.push(then);
                }
                out.extend(otherwise.$as_deref());
            }
            Self::InList { value, items, .. } => {
                out.push(value);
                out.extend(items);
            }
            Self::InArray { value, array: other, .. } | Self::LikeAny { value, pattern: other, .. } => {
                out.push(value);
                out.push(other);
            }
            Self::Between { value, low, high, .. } => {
                out.push(value);
                out.push(low);
                out.push(high);
            }
            Self::Call(_, args) | Self::Aggregate(_, args) => out.extend(args),
        }
        out
    }};
}

impl Node {
    /// The nodes directly inside this one.
    pub fn children(&self) -> Vec<&Node> {
        inside!(self, &Node, iter, as_deref)
    }

    /// The same, to be changed.
    pub fn children_mut(&mut self) -> Vec<&mut Node> {
        inside!(self, &mut Node, iter_mut, as_deref_mut)
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
