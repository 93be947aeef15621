//! Windows that keep the results of aggregates so far instead of their rows.
//!
//! That is done where nobody can tell the difference: the window is one of whose rows it is known, when they come, to
//! which windows they belong; every aggregate can be computed row by row; and WHERE, the keys of GROUP BY and the
//! arguments of aggregates say of a row the same whenever they are asked. All else of a group is asked of its first row,
//! which is kept.

use std::sync::Arc;

use super::{Item, Over, Plan, PlanWindowKind};
use crate::expr::{Ask, Node};
use crate::functions::{Fold, Function};

/// What a window keeps of each group besides the first row.
#[derive(Debug, Clone, Default)]
pub struct Folding {
    /// The aggregates; nodes refer to them by number.
    pub calls: Vec<FoldCall>,
}

/// One aggregate that is computed row by row.
#[derive(Debug, Clone)]
pub struct FoldCall {
    /// The function; `count(*)` has none.
    pub function: Option<&'static Function>,
    /// Its argument.
    pub argument: Option<Node>,
    /// Its beginning.
    pub fold: Fold,
}

/// How many windows a row may belong to, for each of them to have its own results.
const MAX_OVERLAP: i64 = 64;

/// Whether a kind of window tells of each row, as it comes, where it belongs.
fn foldable(kind: &PlanWindowKind) -> bool {
    match kind {
        PlanWindowKind::Tumbling { .. } => true,
        PlanWindowKind::Hopping { length, interval, .. } => *interval > 0 && *length / *interval <= MAX_OVERLAP,
        PlanWindowKind::Session { timeout, length, .. } => *timeout > 0 && *length > 0,
        PlanWindowKind::Count { length, interval } => length == interval,
        PlanWindowKind::Sliding { .. } | PlanWindowKind::State { .. } => false,
    }
}

impl Plan {
    /// Replaces aggregates by what is folded, where all of the statement allows it.
    pub(super) fn fold(&mut self) {
        let one_stream = self.sources.len() == 1 && self.joins.is_empty();
        let grouped = !self.group_by.is_empty() || (self.output.aggregate && self.order_by.is_empty());
        let window = self.window.as_ref().is_some_and(|window| foldable(&window.kind));
        if !(one_stream && grouped && window) || self.filter_aggregates {
            return;
        }
        if !self.filter.iter().chain(&self.group_by).all(|node| self.is_steady(node)) {
            return;
        }
        // All or nothing: an aggregate that is left needs the rows.
        let mut aggregates = Vec::new();
        self.parts_mut(&mut |node| collect(node, &mut aggregates));
        let arguments = aggregates.iter().filter_map(|call| argument(call));
        if aggregates.iter().any(|call| Fold::of(call).is_none()) || !arguments.into_iter().all(|a| self.is_steady(a)) {
            return;
        }
        let mut folding = Folding::default();
        let mut names: Vec<String> = Vec::new();
        self.parts_mut(&mut |node| replace(node, &mut folding, &mut names));
        self.folding = Some(Arc::new(folding));
    }

    /// What is evaluated on groups.
    fn parts_mut(&mut self, act: &mut impl FnMut(&mut Node)) {
        for item in &mut self.output.items {
            match item {
                Item::Named { node, .. } | Item::Columns(node) => act(node),
                Item::All(all) => all.replace.iter_mut().for_each(|(_, node)| act(node)),
            }
        }
        self.aliases.iter_mut().for_each(&mut *act);
        self.having.iter_mut().for_each(&mut *act);
        self.order_by.iter_mut().for_each(|key| act(&mut key.node));
        for call in self.analytics.iter_mut().filter(|call| call.over != Over::Rows) {
            let columns = call.columns.iter_mut().map(|(_, node)| node);
            call.args.iter_mut().chain(columns).chain(&mut call.partition).chain(&mut call.when).for_each(&mut *act);
        }
    }

    /// Whether an expression says of a row the same whenever it is asked. Aliases are followed.
    fn is_steady(&self, node: &Node) -> bool {
        node.all(&mut |node| match node {
            Node::Ask(ask) => *ask == Ask::EventTime,
            Node::Call(function, _) => function.is_steady(),
            Node::Alias(number) => self.aliases.get(*number).is_some_and(|alias| self.is_steady(alias)),
            Node::Aggregate(..) | Node::CountAll | Node::Folded(_) | Node::Recalled(_) => false,
            _ => true,
        })
    }
}

fn argument(call: &Node) -> Option<&Node> {
    match call {
        Node::Aggregate(_, args) => args.first(),
        _ => None,
    }
}

fn collect(node: &mut Node, out: &mut Vec<Node>) {
    if matches!(node, Node::Aggregate(..) | Node::CountAll) {
        out.push(node.clone());
        return;
    }
    node.children_mut().into_iter().for_each(|child| collect(child, out));
}

fn replace(node: &mut Node, folding: &mut Folding, names: &mut Vec<String>) {
    let Some(fold) = Fold::of(node) else {
        node.children_mut().into_iter().for_each(|child| replace(child, folding, names));
        return;
    };
    // The same call twice is computed once.
    let name = format!("{node:?}");
    let number = names.iter().position(|known| *known == name).unwrap_or_else(|| {
        let function = if let Node::Aggregate(function, _) = node { Some(*function) } else { None };
        folding.calls.push(FoldCall { function, argument: argument(node).cloned(), fold });
        names.push(name);
        names.len() - 1
    });
    *node = Node::Folded(number);
}
