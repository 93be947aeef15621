//! What a row is to a statement, judged alone and without a trace: whether it is one of those that count, and for what.
//!
//! An engine puts out results, and not the rows that they came of: of a window that folds, nobody has them any more. Whoever
//! wants to show what was counted asks for each row that might be.

use std::sync::Arc;

use super::Engine;
use crate::alerting::Key;
use crate::exec::{self, readable_key};
use crate::expr::{Frame, Node, Row, Tuple, truth};
use crate::plan::{AlertSource, Item, Over, Plan};
use crate::value::{Object, Value};

/// A row that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// What it is kept apart by, as `PER` says: the key of [`super::Change`].
    pub key: Key,
    /// The values of GROUP BY, in its order.
    pub group: Vec<Value>,
}

impl Plan {
    /// Whether it can be said of a row alone that it counts: neither what came before nor what it is joined with matters.
    pub fn tells_rows_apart(&self) -> bool {
        let sequence = matches!(self.alert.as_ref().map(|alert| &alert.source), Some(AlertSource::Sequence(_)));
        self.joins.is_empty() && !self.filter_aggregates && !self.recalls(Over::Rows) && !sequence
    }

    /// The keys of GROUP BY that are put out: under which name, and which of them it is.
    pub fn keys_put_out(&self) -> Vec<(Arc<str>, usize)> {
        // As it is written out: a key may be called by the alias of an item, or be what an alias stands for.
        let written = |node: &Node| match node {
            Node::Alias(number) => self.aliases.get(*number).map_or_else(String::new, |node| format!("{node:?}")),
            node => format!("{node:?}"),
        };
        let keys: Vec<String> = self.group_by.iter().map(written).collect();
        let put_out = self.output.items.iter().filter_map(|item| match item {
            Item::Named { name, node, visible: true } => {
                let node = written(node);
                Some((Arc::clone(name), keys.iter().position(|key| *key == node)?))
            }
            _ => None,
        });
        put_out.collect()
    }
}

impl Engine {
    /// Whether a row would count as things stand, if the statement [tells rows apart](Plan::tells_rows_apart): WHERE holds for
    /// it, and it may enter the window.
    pub fn counts(&self, stream: &str, data: &Arc<Object>) -> Option<Counted> {
        let plan = &self.plan;
        let row = Row::new(plan.source(stream)?, self.env.now, Arc::clone(data), None, &plan.columns);
        let tuple = Tuple::One(Arc::new(row));
        let shared = self.shared(&self.env);
        let frame = Frame::row(&shared, &tuple, None);
        let enters = match plan.window.as_ref().and_then(|window| window.filter.as_ref()) {
            Some(filter) => frame.eval(filter).and_then(|value| truth(&value)).ok()?,
            None => true,
        };
        if !enters || !exec::accepts(plan, &shared, &tuple).ok()? {
            return None;
        }
        let per = plan.alert.as_ref().map_or(&[][..], |alert| alert.per.as_slice());
        let key = readable_key(per, &frame).ok()?.into();
        let group = plan.group_by.iter().map(|key| frame.eval(key)).collect::<Result<_, _>>().ok()?;
        Some(Counted { key, group })
    }
}
