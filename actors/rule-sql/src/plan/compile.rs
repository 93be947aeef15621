//! Expressions of the syntax tree to nodes: columns get numbers, aliases and analytic calls are collected.

use std::sync::Arc;

use super::{AnalyticCall, Mode, Over, PlanSource};
use crate::ast::{Expr, ExprKind, InSet, Name, Select, Wildcard};
use crate::catalog::Catalog;
use crate::error::{Pos, SqlError, did_you_mean};
use crate::expr::{All, Ask, ColumnRef, LikePattern, Node};
use crate::value::Value;

/// How far the definition of an alias has come.
enum Progress {
    Waiting,
    Running,
    Done,
}

struct Alias<'a> {
    name: Name,
    expr: &'a Expr,
    progress: Progress,
    node: Node,
    /// How deep its definition is, with the aliases in it.
    depth: usize,
    traits: Traits,
}

/// What is inside an expression, aliases followed.
#[derive(Debug, Clone, Copy, Default)]
struct Traits {
    aggregates: bool,
    hits: bool,
    /// It has an analytic call over groups, or over what is put out.
    recalls: bool,
    /// It has an analytic call over what is put out.
    watches: bool,
}

/// How deep the definition of an alias may be, with the aliases in it: as for an expression that is written out.
const MAX_ALIAS_DEPTH: usize = 200;

/// Compiles the expressions of one statement.
pub(super) struct Compiler<'a> {
    sources: Vec<PlanSource>,
    mode: Mode,
    columns: Vec<ColumnRef>,
    aliases: Vec<Alias<'a>>,
    /// The aliases whose definitions are being compiled, outermost first.
    stack: Vec<usize>,
    pub(super) analytics: Vec<AnalyticCall>,
    pub(super) reads_all: bool,
    pub(super) catalog: &'a Catalog,
    /// The names of the steps of a sequence, and the numbers under which their rows are read.
    steps: Vec<(Name, usize)>,
    /// Rows of several streams come one at a time: a column that several declare is that of the row at hand.
    one_at_a_time: bool,
}

/// What a compiler has collected.
pub(super) struct Collected {
    pub(super) sources: Vec<PlanSource>,
    pub(super) columns: Vec<ColumnRef>,
    pub(super) aliases: Vec<Node>,
    pub(super) analytics: Vec<AnalyticCall>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(sources: Vec<PlanSource>, mode: Mode, catalog: &'a Catalog) -> Self {
        Self {
            sources,
            mode,
            columns: Vec::new(),
            aliases: Vec::new(),
            stack: Vec::new(),
            analytics: Vec::new(),
            reads_all: false,
            catalog,
            steps: Vec::new(),
            one_at_a_time: false,
        }
    }

    /// Notes how the steps of a sequence are called: expressions reach their rows by these names, as they reach streams.
    pub(super) fn name_steps(&mut self, select: &Select) {
        self.one_at_a_time = !select.also.is_empty();
        let steps = select.sequence.iter().flat_map(|sequence| &sequence.steps).enumerate();
        let first = self.sources.len();
        self.steps = steps.filter_map(|(i, step)| Some((step.name.clone()?, first + i))).collect();
    }

    /// The number under which the rows of a step are read.
    pub(super) fn step_number(&self, name: &str) -> Option<usize> {
        self.steps.iter().find(|(step, _)| step.as_ref() == name).map(|(_, number)| *number)
    }

    pub(super) fn finish(self) -> Collected {
        Collected {
            sources: self.sources,
            columns: self.columns,
            aliases: self.aliases.into_iter().map(|a| a.node).collect(),
            analytics: self.analytics,
        }
    }

    pub(super) fn declare_alias(&mut self, name: &Name, expr: &'a Expr) -> Result<(), SqlError> {
        if self.aliases.iter().any(|a| a.name == *name) {
            return Err(SqlError::at(expr.pos, format!("alias {name} is given twice")));
        }
        self.aliases.push(Alias {
            name: name.clone(),
            expr,
            progress: Progress::Waiting,
            node: Node::Const(Value::Null),
            depth: 0,
            traits: Traits::default(),
        });
        Ok(())
    }

    fn find_alias(&self, name: &str) -> Option<usize> {
        self.aliases
            .iter()
            .position(|a| a.name.as_ref() == name)
            .or_else(|| self.aliases.iter().position(|a| a.name.eq_ignore_ascii_case(name)))
    }

    /// A use of an alias; its definition is compiled at the first.
    pub(super) fn alias(&mut self, number: usize, pos: Pos) -> Result<Node, SqlError> {
        let Some(alias) = self.aliases.get_mut(number) else {
            return Err(SqlError::at(pos, "an alias that is not known"));
        };
        match alias.progress {
            Progress::Done => return Ok(Node::Alias(number)),
            Progress::Running => {
                let name = alias.name.clone();
                return Err(SqlError::at(pos, format!("the aliases are defined in a circle, through {name}")));
            }
            Progress::Waiting => alias.progress = Progress::Running,
        }
        let expr = alias.expr;
        if self.stack.len() > MAX_ALIAS_DEPTH / 10 {
            return Err(SqlError::at(pos, "too many aliases build on one another before they are defined"));
        }
        self.stack.push(number);
        let node = self.expr(expr);
        self.stack.pop();
        let node = node?;
        let depth = self.depth(&node);
        if depth > MAX_ALIAS_DEPTH {
            return Err(SqlError::at(
                pos,
                format!("aliases build on one another more than {MAX_ALIAS_DEPTH} levels deep"),
            ));
        }
        let traits = self.traits(&node);
        if let Some(alias) = self.aliases.get_mut(number) {
            (alias.depth, alias.traits) = (depth, traits);
            alias.node = node;
            alias.progress = Progress::Done;
        }
        Ok(Node::Alias(number))
    }

    fn depth(&self, node: &Node) -> usize {
        let inner = match node {
            Node::Alias(number) => self.aliases.get(*number).map_or(0, |alias| alias.depth),
            other => other.children().into_iter().map(|child| self.depth(child)).max().unwrap_or(0),
        };
        inner + 1
    }

    /// Whether a node aggregates, also through aliases.
    pub(super) fn aggregates(&self, node: &Node) -> bool {
        self.traits(node).aggregates
    }

    /// Whether a node has an analytic call over groups or over what is put out, also through aliases.
    pub(super) fn recalls(&self, node: &Node) -> bool {
        self.traits(node).recalls
    }

    /// Whether a node has an analytic call over what is put out, also through aliases.
    pub(super) fn watches(&self, node: &Node) -> bool {
        self.traits(node).watches
    }

    /// Whether a node asks for `last_hit_*`, also through aliases.
    pub(super) fn asks_hits(&self, node: &Node) -> bool {
        self.traits(node).hits
    }

    /// What was found out about an alias once is not found out again: aliases of aliases would take for ever.
    fn traits(&self, node: &Node) -> Traits {
        match node {
            Node::Alias(number) => self.aliases.get(*number).map(|alias| alias.traits).unwrap_or_default(),
            node => {
                let recalls = match node {
                    Node::Recalled(number) => self.analytics.get(*number).map(|call| call.over),
                    _ => None,
                };
                let mut all = Traits {
                    aggregates: matches!(node, Node::Aggregate(..) | Node::CountAll) || recalls == Some(Over::Groups),
                    hits: matches!(node, Node::Ask(Ask::LastHitCount | Ask::LastHitTime)),
                    recalls: recalls.is_some(),
                    watches: recalls == Some(Over::Output),
                };
                for child in node.children() {
                    let inner = self.traits(child);
                    all.aggregates |= inner.aggregates;
                    all.hits |= inner.hits;
                    all.recalls |= inner.recalls;
                    all.watches |= inner.watches;
                }
                all
            }
        }
    }

    /// Whether every column and every call in a condition on groups is about groups.
    pub(super) fn about_groups(&self, node: &Node, keys: &[Node]) -> bool {
        let same = |key: &Node| match (key, node) {
            (Node::Column(a), Node::Column(b)) | (Node::Alias(a), Node::Alias(b)) => a == b,
            _ => false,
        };
        if keys.iter().any(same) {
            return true;
        }
        match node {
            Node::Const(_) | Node::Ask(_) => true,
            Node::Binary(_, left, right) => self.about_groups(left, keys) && self.about_groups(right, keys),
            Node::Not(inner) => self.about_groups(inner, keys),
            _ if self.aggregates(node) => true,
            Node::Column(_) | Node::Call(..) | Node::Alias(_) | Node::All(_) | Node::Meta { .. } => false,
            other => other.children().into_iter().all(|child| self.about_groups(child, keys)),
        }
    }

    fn source_number(&self, name: &str) -> Option<usize> {
        self.step_number(name)
            .or_else(|| self.sources.iter().position(|s| s.known_as.as_ref() == name))
            .or_else(|| self.sources.iter().position(|s| s.name.as_ref() == name))
    }

    fn column_number(&mut self, source: Option<usize>, name: &Name) -> Node {
        let wanted = ColumnRef { source, name: name.clone() };
        let found = self.columns.iter().position(|c| *c == wanted);
        Node::Column(found.unwrap_or_else(|| {
            self.columns.push(wanted);
            self.columns.len() - 1
        }))
    }

    /// A column without a stream: an alias of that name goes first, except inside its own definition.
    fn column(&mut self, name: &Name, pos: Pos) -> Result<Node, SqlError> {
        if self.mode == Mode::Rule
            && let Some(alias) = self.find_alias(name)
            && self.stack.last() != Some(&alias)
        {
            return self.alias(alias, pos);
        }
        let declared = |s: &PlanSource| s.relation.columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
        let all_declared = self.sources.iter().all(|s| !s.relation.columns.is_empty());
        let mut holders = (0..self.sources.len()).filter(|i| self.sources.get(*i).is_some_and(declared));
        let (first, second) = (holders.next(), holders.next());
        if self.mode == Mode::Rule && all_declared {
            if first.is_none() {
                return Err(self.unknown_column(name, pos));
            }
            if second.is_some() && !self.one_at_a_time {
                let hint = Some("write stream.column".into());
                return Err(SqlError::at(pos, format!("ambiguous field {name}")).with_hint(hint));
            }
        }
        // With one stream, whatever comes is its; with several, a column that one of them declares is that one's.
        let source = if self.sources.len() > 1 && second.is_none() { first } else { None };
        Ok(self.column_number(source, name))
    }

    fn unknown_column(&self, name: &str, pos: Pos) -> SqlError {
        let columns = self.sources.iter().flat_map(|s| s.relation.columns.iter().map(|c| c.name.as_ref()));
        let aliases = self.aliases.iter().map(|a| a.name.as_ref());
        let hint = did_you_mean(name, columns.chain(aliases));
        SqlError::at(pos, format!("unknown field {name}")).with_hint(hint)
    }

    pub(super) fn boxed(&mut self, expr: &'a Expr) -> Result<Box<Node>, SqlError> {
        self.expr(expr).map(Box::new)
    }

    pub(super) fn list(&mut self, exprs: &'a [Expr]) -> Result<Vec<Node>, SqlError> {
        exprs.iter().map(|e| self.expr(e)).collect()
    }

    pub(super) fn expr(&mut self, expr: &'a Expr) -> Result<Node, SqlError> {
        let pos = expr.pos;
        Ok(match &expr.kind {
            ExprKind::Int(i) => Node::Const(Value::Int(*i)),
            ExprKind::Number(f) => Node::Const(Value::Float(*f)),
            ExprKind::Str(s) => Node::Const(Value::Str(Arc::clone(s))),
            ExprKind::Bool(b) => Node::Const(Value::Bool(*b)),
            ExprKind::Duration(nanos) => Node::Const(Value::Duration(*nanos)),
            ExprKind::Unit(_) => {
                return Err(SqlError::at(pos, "a unit of time can stand in a window alone")
                    .with_hint(Some("put a column of this name in backquotes".into())));
            }
            ExprKind::Field { stream: None, name } => self.column(name, pos)?,
            ExprKind::Field { stream: Some(stream), name } => match self.source_number(stream) {
                Some(source) => {
                    let stream = if source < self.sources.len() || self.sources.len() > 1 { source } else { 0 };
                    let declared = self.sources.get(stream).map_or(&[] as &[_], |s| s.relation.columns.as_slice());
                    let known = declared.is_empty() || declared.iter().any(|c| c.name.eq_ignore_ascii_case(name));
                    if self.mode == Mode::Rule && !known {
                        return Err(self.unknown_column(name, pos));
                    }
                    self.column_number(Some(source), name)
                }
                // No stream is called so: it is a field of a column.
                None => Node::Arrow(Box::new(self.column(stream, pos)?), name.clone()),
            },
            ExprKind::Meta { stream, name } => match stream {
                Some(stream) => match self.source_number(stream) {
                    Some(source) => Node::Meta { source: Some(source), name: name.clone() },
                    None => {
                        let outer = Node::Meta { source: None, name: stream.clone() };
                        Node::Arrow(Box::new(outer), name.clone())
                    }
                },
                None => Node::Meta { source: None, name: name.clone() },
            },
            ExprKind::Wildcard(wildcard) => Node::All(Box::new(self.wildcard(wildcard, pos)?)),
            ExprKind::Binary(op, left, right) => Node::Binary(*op, self.boxed(left)?, self.boxed(right)?).computed(),
            ExprKind::Not(inner) => Node::Not(self.boxed(inner)?).computed(),
            ExprKind::Arrow(target, name) => Node::Arrow(self.boxed(target)?, name.clone()),
            ExprKind::Index(target, index) => Node::Index(self.boxed(target)?, self.boxed(index)?),
            ExprKind::Slice(target, from, to) => Node::Slice(
                self.boxed(target)?,
                from.as_deref().map(|e| self.boxed(e)).transpose()?,
                to.as_deref().map(|e| self.boxed(e)).transpose()?,
            ),
            ExprKind::Case(case) => Node::Case {
                value: case.value.as_ref().map(|e| self.boxed(e)).transpose()?,
                whens: case
                    .whens
                    .iter()
                    .map(|(when, then)| Ok((self.expr(when)?, self.expr(then)?)))
                    .collect::<Result<_, SqlError>>()?,
                otherwise: case.otherwise.as_ref().map(|e| self.boxed(e)).transpose()?,
            },
            ExprKind::In { value, negated, set } => {
                let (value, negated) = (self.boxed(value)?, *negated);
                match set {
                    InSet::List(items) => Node::InList { value, negated, items: self.list(items)? },
                    InSet::Array(array) => Node::InArray { value, negated, array: self.boxed(array)? },
                }
            }
            ExprKind::Between { value, negated, low, high } => Node::Between {
                value: self.boxed(value)?,
                negated: *negated,
                low: self.boxed(low)?,
                high: self.boxed(high)?,
            },
            ExprKind::Like { value, negated, pattern } => {
                let (value, negated) = (self.boxed(value)?, *negated);
                match &pattern.kind {
                    ExprKind::Str(text) => Node::Like { value, negated, pattern: LikePattern::new(text) },
                    _ => Node::LikeAny { value, negated, pattern: self.boxed(pattern)? },
                }
            }
            ExprKind::Call(call) => self.call(call, pos)?,
            ExprKind::Window(_) => return Err(SqlError::at(pos, "a window can stand in GROUP BY alone")),
        })
    }

    pub(super) fn wildcard(&mut self, wildcard: &'a Wildcard, pos: Pos) -> Result<All, SqlError> {
        self.reads_all = true;
        let source = match &wildcard.stream {
            Some(stream) => match self.source_number(stream) {
                Some(source) => Some(source),
                None => {
                    let hint = did_you_mean(stream, self.sources.iter().map(|s| s.known_as.as_ref()));
                    return Err(SqlError::at(pos, format!("stream {stream} is not read here")).with_hint(hint));
                }
            },
            None => None,
        };
        let replace = wildcard
            .replace
            .iter()
            .map(|(name, expr)| Ok((Arc::clone(name), self.expr(expr)?)))
            .collect::<Result<_, SqlError>>()?;
        Ok(All { source, except: wildcard.except.clone(), replace })
    }
}
