//! What can be said of a call's arguments before any event comes: how many there are, and the types of literals.

use crate::ast::{Expr, ExprKind, Op};

/// A check of a call's arguments.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// Between so many and so many arguments of any type.
    Count(usize, usize),
    /// The arguments in turn, all required.
    Types(&'static [Arg]),
    /// The arguments in turn; the number says how many are required.
    Optional(usize, &'static [Arg]),
    /// At least so many, all of one type.
    All(usize, Arg),
    /// Anything more particular.
    By(fn(&[Expr]) -> Result<(), String>),
}

/// What a literal may be in an argument. Columns and calls fit all but the strict ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg {
    /// Anything.
    Any,
    /// No text, unit of time or boolean.
    Number,
    /// No float, text, unit of time or boolean.
    Int,
    /// No number, unit of time or boolean.
    Text,
    /// No number, text or boolean.
    Time,
    /// No number, text or unit of time.
    Bool,
    /// A boolean literal or a condition, and nothing else.
    StrictBool,
    /// A text literal, and nothing else.
    StrictText,
    /// An integer literal, and nothing else.
    StrictInt,
    /// A number literal, and nothing else.
    StrictNumber,
}

pub(super) fn is_int(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Int(_))
}

pub(super) fn is_float(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Number(_))
}

pub(super) fn is_number(e: &Expr) -> bool {
    is_int(e) || is_float(e)
}

pub(super) fn is_text(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Str(_))
}

pub(super) fn is_unit(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Unit(_))
}

pub(super) fn is_bool(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Bool(_)
        | ExprKind::Not(_)
        | ExprKind::In { .. }
        | ExprKind::Between { .. }
        | ExprKind::Like { .. } => true,
        ExprKind::Binary(op, ..) => Op::is_condition(*op),
        _ => false,
    }
}

impl Arg {
    fn accepts(self, e: &Expr) -> bool {
        match self {
            Self::Any => true,
            Self::Number => !(is_text(e) || is_unit(e) || is_bool(e)),
            Self::Int => !(is_float(e) || is_text(e) || is_unit(e) || is_bool(e)),
            Self::Text => !(is_number(e) || is_unit(e) || is_bool(e)),
            Self::Time => !(is_number(e) || is_text(e) || is_bool(e)),
            Self::Bool => !(is_number(e) || is_text(e) || is_unit(e)),
            Self::StrictBool => is_bool(e),
            Self::StrictText => is_text(e),
            Self::StrictInt => is_int(e),
            Self::StrictNumber => is_number(e),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Number | Self::StrictNumber => "number - float or int",
            Self::Int | Self::StrictInt => "int",
            Self::Text | Self::StrictText => "string",
            Self::Time => "datetime",
            Self::Bool | Self::StrictBool => "bool",
        }
    }

    pub(super) fn require(self, args: &[Expr], at: usize) -> Result<(), String> {
        match args.get(at) {
            Some(e) if !self.accepts(e) => Err(wrong_type(at, self.name())),
            _ => Ok(()),
        }
    }
}

pub(super) fn wrong_type(at: usize, expected: &str) -> String {
    format!("Expect {expected} type for parameter {}", at + 1)
}

pub(super) fn count(args: &[Expr], expected: usize) -> Result<(), String> {
    if args.len() == expected { Ok(()) } else { Err(format!("Expect {expected} arguments but found {}.", args.len())) }
}

pub(super) fn at_least(args: &[Expr], least: usize) -> Result<(), String> {
    if args.len() >= least { Ok(()) } else { Err(format!("At least has {least} argument but found {}.", args.len())) }
}

impl Check {
    pub(super) fn run(&self, args: &[Expr]) -> Result<(), String> {
        match self {
            Self::Count(least, most) => {
                if (*least..=*most).contains(&args.len()) {
                    return Ok(());
                }
                if least == most {
                    return count(args, *least);
                }
                if *most == usize::MAX {
                    return at_least(args, *least);
                }
                Err(format!("Expect {least} to {most} arguments but found {}.", args.len()))
            }
            Self::Types(types) => {
                count(args, types.len())?;
                types.iter().enumerate().try_for_each(|(i, t)| t.require(args, i))
            }
            Self::Optional(required, types) => {
                Self::Count(*required, types.len()).run(args)?;
                types.iter().enumerate().try_for_each(|(i, t)| t.require(args, i))
            }
            Self::All(least, ty) => {
                at_least(args, *least)?;
                (0..args.len()).try_for_each(|i| ty.require(args, i))
            }
            Self::By(check) => check(args),
        }
    }
}
