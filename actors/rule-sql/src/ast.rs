//! The syntax tree of a statement, with the place of every expression.

mod alerting;
mod names;

use std::sync::Arc;

pub use alerting::{AlertClause, Keep, Sequence, Step};
pub use names::{Named, NamedKind};

use crate::error::Pos;

/// A name as it was written.
pub type Name = Arc<str>;

/// An expression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it begins.
    pub pos: Pos,
}

/// The kinds of expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// An integer.
    Int(i64),
    /// A number with a point.
    Number(f64),
    /// A text in quotes.
    Str(Name),
    /// `true` or `false`.
    Bool(bool),
    /// A unit of time, as windows take it.
    Unit(Unit),
    /// A length of time such as `10s`, in nanoseconds.
    Duration(i64),
    /// A column, with the stream it was asked of.
    Field {
        /// The stream, when one was written.
        stream: Option<Name>,
        /// The column.
        name: Name,
    },
    /// Metadata of an event: only inside `meta()` and `mqtt()`.
    Meta {
        /// The stream, when one was written.
        stream: Option<Name>,
        /// The key; `*` for all.
        name: Name,
    },
    /// `*`, perhaps of one stream, perhaps without some columns and with others replaced.
    Wildcard(Wildcard),
    /// `lhs op rhs`.
    Binary(Op, Box<Expr>, Box<Expr>),
    /// `NOT e`.
    Not(Box<Expr>),
    /// `e->name`
    Arrow(Box<Expr>, Name),
    /// `e[i]`
    Index(Box<Expr>, Box<Expr>),
    /// `e[from:to]`
    Slice(Box<Expr>, Option<Box<Expr>>, Option<Box<Expr>>),
    /// `CASE`.
    Case(Box<Case>),
    /// `e [NOT] IN …`
    In {
        /// The value looked for.
        value: Box<Expr>,
        /// `NOT IN`.
        negated: bool,
        /// Where it is looked for.
        set: InSet,
    },
    /// `e [NOT] BETWEEN low AND high`
    Between {
        /// The value.
        value: Box<Expr>,
        /// `NOT BETWEEN`.
        negated: bool,
        /// The lower bound, included.
        low: Box<Expr>,
        /// The upper bound, included.
        high: Box<Expr>,
    },
    /// `e [NOT] LIKE pattern`
    Like {
        /// The text.
        value: Box<Expr>,
        /// `NOT LIKE`.
        negated: bool,
        /// The pattern, with `%` and `_`.
        pattern: Box<Expr>,
    },
    /// A call of a function.
    Call(Call),
    /// A window: only in GROUP BY.
    Window(Box<Window>),
}

/// Operators of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    BitAnd,
    BitOr,
    BitXor,
}

impl Op {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "OR",
            Self::And => "AND",
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::BitAnd => "&",
            Self::BitOr => "|",
            Self::BitXor => "^",
        }
    }

    /// How tightly it binds; higher is tighter.
    pub fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge => 3,
            Self::Add | Self::Sub | Self::BitOr | Self::BitXor => 4,
            Self::Mul | Self::Div | Self::Mod | Self::BitAnd => 5,
        }
    }

    /// Whether the result is a boolean.
    pub fn is_condition(self) -> bool {
        self.precedence() <= 3
    }
}

/// The set of an IN.
#[derive(Debug, Clone, PartialEq)]
pub enum InSet {
    /// `IN (a, b, c)`
    List(Vec<Expr>),
    /// `IN array`
    Array(Box<Expr>),
}

/// A CASE expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// `CASE value WHEN …`; without one, every WHEN is a condition.
    pub value: Option<Expr>,
    /// WHEN and THEN.
    pub whens: Vec<(Expr, Expr)>,
    /// ELSE.
    pub otherwise: Option<Expr>,
}

/// `*` with what is left out and what replaced.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wildcard {
    /// `stream.*`
    pub stream: Option<Name>,
    /// `EXCEPT (…)`
    pub except: Vec<Name>,
    /// `REPLACE (expr AS name, …)`
    pub replace: Vec<(Name, Expr)>,
}

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function's name in lower case.
    pub name: Name,
    /// The arguments.
    pub args: Vec<Expr>,
    /// `OVER (PARTITION BY …)`
    pub partition: Vec<Expr>,
    /// `OVER (WHEN …)`
    pub when: Option<Box<Expr>>,
}

/// Units of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `dd`
    Day,
    /// `hh`
    Hour,
    /// `mi`
    Minute,
    /// `ss`
    Second,
    /// `ms`
    Milli,
}

impl Unit {
    /// Its length in milliseconds.
    pub fn millis(self) -> i64 {
        match self {
            Self::Day => 86_400_000,
            Self::Hour => 3_600_000,
            Self::Minute => 60_000,
            Self::Second => 1_000,
            Self::Milli => 1,
        }
    }
}

/// The kinds of window, lengths in units as written.
#[derive(Debug, Clone, PartialEq)]
pub enum WindowKind {
    /// `tumblingwindow(unit, length)`
    Tumbling {
        /// Unit.
        unit: Unit,
        /// Length in units.
        length: i64,
    },
    /// `hoppingwindow(unit, length, interval)`
    Hopping {
        /// Unit.
        unit: Unit,
        /// Length in units.
        length: i64,
        /// A new one begins after so many units.
        interval: i64,
    },
    /// `slidingwindow(unit, length[, delay])`
    Sliding {
        /// Unit.
        unit: Unit,
        /// Length in units, back from the trigger.
        length: i64,
        /// How long to wait after the trigger, in units.
        delay: i64,
    },
    /// `sessionwindow(unit, length, timeout)`
    Session {
        /// Unit.
        unit: Unit,
        /// The longest a session may be, in units.
        length: i64,
        /// A gap of more ends it, in units.
        timeout: i64,
    },
    /// `countwindow(length[, interval])`
    Count {
        /// How many events a window holds.
        length: usize,
        /// One is emitted after so many events.
        interval: usize,
    },
    /// `statewindow(condition)` or `statewindow(begin, emit)`
    State {
        /// When it begins.
        begin: Expr,
        /// When it is emitted; without one, at the next beginning.
        emit: Option<Expr>,
    },
}

/// No window lasts, or waits, longer than this many milliseconds: a millennium is long enough, and leaves room for arithmetic.
pub const LONGEST_WINDOW: i64 = 365_000 * 86_400_000;

/// A window in GROUP BY.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Its kind and lengths.
    pub kind: WindowKind,
    /// `FILTER (WHERE …)`: what may enter.
    pub filter: Option<Expr>,
    /// `OVER (WHEN …)`: what triggers a sliding window.
    pub when: Option<Expr>,
    /// `OVER (PARTITION BY …)`: state windows are kept apart by these.
    pub partition: Vec<Expr>,
}

/// One item of a SELECT list.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectItem {
    /// The expression.
    pub expr: Expr,
    /// `AS name`.
    pub alias: Option<Name>,
    /// The name in the output when there is no alias.
    pub name: Name,
    /// `INVISIBLE`: computed, not put out.
    pub invisible: bool,
}

/// A stream or table that is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its name.
    pub name: Name,
    /// `AS name`.
    pub alias: Option<Name>,
    /// Where it stands.
    pub pos: Pos,
}

impl Source {
    /// The name by which expressions reach it.
    pub fn known_as(&self) -> &Name {
        self.alias.as_ref().unwrap_or(&self.name)
    }
}

/// Kinds of join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Cross,
}

/// One join.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// Its kind.
    pub kind: JoinKind,
    /// What is joined.
    pub source: Source,
    /// `ON …`
    pub on: Option<Expr>,
}

/// One key of ORDER BY.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey {
    /// What to sort by.
    pub expr: Expr,
    /// `DESC`.
    pub descending: bool,
}

/// A SELECT statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// The SELECT list.
    pub items: Vec<SelectItem>,
    /// FROM.
    pub from: Source,
    /// Streams that are read besides, after commas: only where rows are not joined.
    pub also: Vec<Source>,
    /// JOINs.
    pub joins: Vec<Join>,
    /// WHERE, when it is one condition.
    pub filter: Option<Expr>,
    /// WHERE, when one thing follows another.
    pub sequence: Option<Sequence>,
    /// GROUP BY, without the window.
    pub group_by: Vec<Expr>,
    /// The window of GROUP BY.
    pub window: Option<Window>,
    /// HAVING.
    pub having: Option<Expr>,
    /// What makes an alert of it.
    pub alert: Option<AlertClause>,
    /// ORDER BY.
    pub order_by: Vec<SortKey>,
    /// LIMIT.
    pub limit: Option<usize>,
}

impl Expr {
    /// Calls `visit` for this expression and everything inside it, outermost first; where `visit` returns false, what
    /// is inside is left out.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr) -> bool) {
        if !visit(self) {
            return;
        }
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// The expressions directly inside this one.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Int(_)
            | ExprKind::Number(_)
            | ExprKind::Str(_)
            | ExprKind::Bool(_)
            | ExprKind::Unit(_)
            | ExprKind::Duration(_)
            | ExprKind::Field { .. }
            | ExprKind::Meta { .. } => Vec::new(),
            ExprKind::Wildcard(wildcard) => wildcard.replace.iter().map(|(_, e)| e).collect(),
            ExprKind::Binary(_, l, r) => vec![l, r],
            ExprKind::Not(e) | ExprKind::Arrow(e, _) => vec![e],
            ExprKind::Index(e, i) => vec![e, i],
            ExprKind::Slice(e, from, to) => {
                let mut out: Vec<&Expr> = vec![e];
                out.extend(from.as_deref());
                out.extend(to.as_deref());
                out
            }
            ExprKind::Case(case) => {
                let mut out: Vec<&Expr> = case.value.iter().collect();
                for (when, then) in &case.whens {
                    out.push(when);
                    out.push(then);
                }
                out.extend(case.otherwise.iter());
                out
            }
            ExprKind::In { value, set, .. } => {
                let mut out: Vec<&Expr> = vec![value];
                match set {
                    InSet::List(items) => out.extend(items),
                    InSet::Array(array) => out.push(array),
                }
                out
            }
            ExprKind::Between { value, low, high, .. } => vec![value, low, high],
            ExprKind::Like { value, pattern, .. } => vec![value, pattern],
            ExprKind::Call(call) => {
                let mut out: Vec<&Expr> = call.args.iter().collect();
                out.extend(&call.partition);
                out.extend(call.when.as_deref());
                out
            }
            ExprKind::Window(window) => {
                let mut out: Vec<&Expr> = window.filter.iter().collect();
                out.extend(window.when.iter());
                out.extend(&window.partition);
                if let WindowKind::State { begin, emit } = &window.kind {
                    out.push(begin);
                    out.extend(emit.iter());
                }
                out
            }
        }
    }
}
