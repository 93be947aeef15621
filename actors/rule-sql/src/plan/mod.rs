//! From a syntax tree to something that can run: names resolved, mistakes refused, expressions compiled.

mod alerting;
mod calls;
mod check;
mod compile;
mod folding;
mod select;

use std::sync::Arc;

use sha2::Digest as _;

pub use alerting::{AlertSource, PlanAlert, PlanSequence};
pub(crate) use check::{check_statement, is_aggregate};
pub use folding::{FoldCall, Folding};
pub use select::{Item, Output};

use crate::ast::{JoinKind, Name, Select, Unit, WindowKind};
use crate::catalog::{Catalog, Relation};
use crate::error::{Pos, SqlError, did_you_mean};
use crate::expr::{ColumnRef, Node};

/// A stream or table of a plan.
#[derive(Debug, Clone)]
pub struct PlanSource {
    /// The relation's name.
    pub name: Name,
    /// The name by which expressions reach it.
    pub known_as: Name,
    /// What was declared.
    pub relation: Relation,
}

/// A join of a plan.
#[derive(Debug, Clone)]
pub struct PlanJoin {
    /// Its kind.
    pub kind: JoinKind,
    /// The number of the source that is joined.
    pub source: usize,
    /// The condition.
    pub on: Option<Node>,
}

/// What an analytic call runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Each row, before all other stages.
    Rows,
    /// Each group of a window, before HAVING: its arguments aggregate.
    Groups,
    /// Each row or group that is put out, last of all.
    Output,
}

/// A call of an analytic function.
#[derive(Debug, Clone)]
pub struct AnalyticCall {
    /// The function's name.
    pub name: &'static str,
    /// What it runs on.
    pub over: Over,
    /// Its arguments; for `changed_cols`, the prefix and whether nulls are ignored.
    pub args: Vec<Node>,
    /// `changed_cols`: the columns that are watched; `None` stands for `*`.
    pub columns: Vec<(Arc<str>, Node)>,
    /// `OVER (PARTITION BY …)`
    pub partition: Vec<Node>,
    /// `OVER (WHEN …)`
    pub when: Option<Node>,
}

/// A window with lengths in milliseconds.
#[derive(Debug, Clone)]
pub struct PlanWindow {
    /// Its kind.
    pub kind: PlanWindowKind,
    /// What may enter.
    pub filter: Option<Node>,
    /// What triggers a sliding window.
    pub when: Option<Node>,
    /// What state windows are kept apart by.
    pub partition: Vec<Node>,
}

/// Kinds of window, lengths in milliseconds.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum PlanWindowKind {
    Tumbling { unit: Unit, raw: i64, length: i64 },
    Hopping { unit: Unit, raw: i64, length: i64, interval: i64 },
    Sliding { length: i64, delay: i64 },
    Session { unit: Unit, raw: i64, length: i64, timeout: i64 },
    Count { length: usize, interval: usize },
    State { begin: Node, emit: Option<Node> },
}

/// A key of ORDER BY.
#[derive(Debug, Clone)]
pub struct PlanSort {
    /// What to sort by.
    pub node: Node,
    /// Descending.
    pub descending: bool,
}

/// A statement, ready to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The sources: FROM, then the joined ones.
    pub sources: Vec<PlanSource>,
    /// The joins in order.
    pub joins: Vec<PlanJoin>,
    /// The columns that are read.
    pub columns: Vec<ColumnRef>,
    /// The definitions of the aliases.
    pub aliases: Vec<Node>,
    /// The analytic calls, in the order in which they run.
    pub analytics: Vec<AnalyticCall>,
    /// WHERE.
    pub filter: Option<Node>,
    /// The window.
    pub window: Option<PlanWindow>,
    /// GROUP BY, without the window.
    pub group_by: Vec<Node>,
    /// HAVING.
    pub having: Option<Node>,
    /// What makes an alert of it.
    pub alert: Option<PlanAlert>,
    /// ORDER BY.
    pub order_by: Vec<PlanSort>,
    /// What is put out.
    pub output: Output,
    /// Whether WHERE aggregates over the window.
    pub filter_aggregates: bool,
    /// Whether everything is read (`*`), so that every declared column counts as used.
    pub reads_all: bool,
    /// What the window keeps instead of rows, where it can.
    pub folding: Option<Arc<Folding>>,
    /// Changes with the statement and the declarations it reads; names the states that fit.
    pub fingerprint: String,
}

/// How strictly a statement is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As a rule: names must be known, and the statement must make sense as a whole.
    Rule,
    /// One stage of a statement on its own, on rows that the stages before have prepared: aliases are columns there.
    Stage,
}

impl Plan {
    /// Plans a statement over the relations of `catalog`. In [`Mode::Stage`] relations need not be declared.
    pub fn new(select: &Select, catalog: &Catalog, mode: Mode) -> Result<Self, SqlError> {
        let mut sources: Vec<PlanSource> = Vec::new();
        let joined = select.joins.iter().map(|j| &j.source);
        let all = std::iter::once(&select.from).chain(joined).chain(&select.also);
        for source in all {
            let relation = match catalog.get(&source.name) {
                Some(relation) => relation.clone(),
                None if mode == Mode::Stage => Relation::schemaless(&source.name),
                None => {
                    let hint = did_you_mean(&source.name, catalog.names());
                    return Err(
                        SqlError::at(source.pos, format!("stream {} is not known", source.name)).with_hint(hint)
                    );
                }
            };
            let known_as = source.known_as().clone();
            if mode == Mode::Rule && sources.iter().any(|s| s.known_as == known_as) {
                let hint = Some("give it another name with AS".into());
                return Err(SqlError::at(source.pos, format!("{known_as} is read twice")).with_hint(hint));
            }
            sources.push(PlanSource { name: source.name.clone(), known_as, relation });
        }
        let mut plan = select::plan(select, sources, mode, catalog)?;
        plan.fingerprint = fingerprint(select, &plan.sources);
        if mode == Mode::Rule {
            plan.fold();
        }
        Ok(plan)
    }

    /// The number of the source of this name, or known by it.
    pub fn source(&self, name: &str) -> Option<usize> {
        self.sources.iter().position(|s| s.known_as.as_ref() == name || s.name.as_ref() == name)
    }

    /// Whether each row is judged alone, whatever came before and whenever it comes.
    pub fn judges_rows_alone(&self) -> bool {
        self.window.is_none() && self.analytics.is_empty() && self.alert.is_none()
    }

    /// Whether it has analytic calls over this.
    pub fn recalls(&self, over: Over) -> bool {
        self.analytics.iter().any(|call| call.over == over)
    }

    /// Whether a source is a table.
    pub fn is_table(&self, source: usize) -> bool {
        self.sources.get(source).is_some_and(|s| s.relation.table)
    }
}

fn fingerprint(select: &Select, sources: &[PlanSource]) -> String {
    let relations: Vec<&Relation> = sources.iter().map(|s| &s.relation).collect();
    let digest = sha2::Sha256::digest(format!("{select:?} {relations:?}"));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The lengths of a window in milliseconds; `None` for a state window, which has conditions instead.
fn window_kind(kind: &WindowKind) -> Option<PlanWindowKind> {
    Some(match kind {
        WindowKind::Tumbling { unit, length } => {
            PlanWindowKind::Tumbling { unit: *unit, raw: *length, length: length * unit.millis() }
        }
        WindowKind::Hopping { unit, length, interval } => PlanWindowKind::Hopping {
            unit: *unit,
            raw: *interval,
            length: length * unit.millis(),
            interval: interval * unit.millis(),
        },
        WindowKind::Sliding { unit, length, delay } => {
            PlanWindowKind::Sliding { length: length * unit.millis(), delay: delay * unit.millis() }
        }
        WindowKind::Session { unit, length, timeout } => PlanWindowKind::Session {
            unit: *unit,
            raw: *length,
            length: length * unit.millis(),
            timeout: timeout * unit.millis(),
        },
        WindowKind::Count { length, interval } => PlanWindowKind::Count { length: *length, interval: *interval },
        WindowKind::State { .. } => return None,
    })
}

/// Where an error of the whole statement is shown: at its first word.
fn start() -> Pos {
    Pos { line: 1, column: 1 }
}
