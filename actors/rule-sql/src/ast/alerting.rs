//! The clauses that make alerts: sequences, silence, and how long a condition must hold.

use super::{Expr, Name};
use crate::error::Pos;

/// `A THEN [NOT] B [WITHIN …] …`
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// The steps, two or more.
    pub steps: Vec<Step>,
    /// `KEEP …`: which of several beginnings counts.
    pub keep: Option<Keep>,
}

/// One step of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Where it stands.
    pub pos: Pos,
    /// What must come.
    pub condition: Expr,
    /// `NOT`: what must not come.
    pub negated: bool,
    /// `AS name`: how the row of this step is called.
    pub name: Option<Name>,
    /// `WITHIN …`, in milliseconds.
    pub within: Option<i64>,
}

/// Which of several beginnings of a sequence counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The first, until it is matched or its time runs out.
    First,
    /// The last.
    Last,
    /// Each, on its own.
    Each,
}

/// `ABSENT 30s PER …`, `FOR 10s PER … RESOLVE AFTER 4s WHEN …`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertClause {
    /// Where it begins.
    pub pos: Pos,
    /// `ABSENT …`, in milliseconds.
    pub absent: Option<i64>,
    /// `FOR …`, in milliseconds.
    pub hold: Option<i64>,
    /// `ALLOWING GAPS OF …`, in milliseconds.
    pub gaps: Option<i64>,
    /// `PER …`
    pub per: Vec<Expr>,
    /// `RESOLVE`, with or without more.
    pub resolve: bool,
    /// `RESOLVE AFTER …`, in milliseconds.
    pub resolve_after: Option<i64>,
    /// `RESOLVE … WHEN …`
    pub resolve_when: Option<Expr>,
}
