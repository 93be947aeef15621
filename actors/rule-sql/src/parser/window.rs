//! Windows in GROUP BY, with FILTER and OVER.

use super::{Clause, Parser};
use crate::ast::{Expr, ExprKind, LONGEST_WINDOW, Unit, Window, WindowKind};
use crate::error::{Pos, SqlError};

/// What can stand there as a window.
pub(super) const NAMES: &[&str] =
    &["tumblingwindow", "hoppingwindow", "slidingwindow", "sessionwindow", "countwindow", "statewindow"];

impl Parser {
    pub(super) fn window(&mut self, name: &str, pos: Pos) -> Result<Expr, SqlError> {
        if self.clause != Clause::GroupBy {
            return Err(SqlError::at(pos, format!("{name} can stand in GROUP BY alone")));
        }
        self.expect("(")?;
        // Nothing inside a window is itself one.
        self.clause = Clause::Other;
        let mut args = Vec::new();
        if !self.is(")") {
            loop {
                args.push(self.expr()?);
                if !self.eat(",") {
                    break;
                }
            }
        }
        self.expect(")")?;
        let kind = kind(name, args, pos)?;
        let mut window = Window { kind, filter: None, when: None, partition: Vec::new() };
        loop {
            if window.filter.is_none() && self.eat_word("FILTER") {
                if !self.eat("(") {
                    return Err(self.unexpected("( after FILTER"));
                }
                self.expect_word("WHERE")?;
                window.filter = Some(self.expr()?);
                self.expect(")")?;
            } else if self.is_word("OVER") && window.when.is_none() && window.partition.is_empty() {
                let over_pos = self.pos();
                self.next();
                (window.partition, window.when) = self.over()?;
                check_over(&window, over_pos)?;
            } else {
                return Ok(Expr { kind: ExprKind::Window(Box::new(window)), pos });
            }
        }
    }
}

fn check_over(window: &Window, pos: Pos) -> Result<(), SqlError> {
    match window.kind {
        WindowKind::Sliding { .. } if window.partition.is_empty() => Ok(()),
        WindowKind::State { .. } if window.when.is_none() => Ok(()),
        WindowKind::Sliding { .. } => Err(SqlError::at(pos, "a sliding window takes OVER (WHEN …) alone")),
        WindowKind::State { .. } => Err(SqlError::at(pos, "a state window takes OVER (PARTITION BY …) alone")),
        _ => Err(SqlError::at(pos, "only sliding and state windows take OVER")),
    }
}

fn kind(name: &str, args: Vec<Expr>, pos: Pos) -> Result<WindowKind, SqlError> {
    let fail = |message: String| Err(SqlError::at(pos, message));
    let whole = |at: usize| -> Result<i64, SqlError> {
        match args.get(at).map(|e| &e.kind) {
            Some(ExprKind::Int(i)) if *i >= 0 => Ok(*i),
            _ => {
                let place = args.get(at).map_or(pos, |e| e.pos);
                Err(SqlError::at(place, format!("argument {} of {name} must be a whole number", at + 1)))
            }
        }
    };
    match name {
        "countwindow" => {
            if args.is_empty() || args.len() > 2 {
                return fail(format!("{name} takes 1 or 2 arguments, but there are {}", args.len()));
            }
            let length = whole(0)?;
            let interval = if args.len() == 2 { whole(1)? } else { length };
            if length == 0 || interval == 0 {
                return fail(format!("the arguments of {name} must be positive"));
            }
            if interval > length {
                return fail(format!("the interval {interval} of {name} must not exceed its length {length}"));
            }
            let size = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
            return Ok(WindowKind::Count { length: size(length), interval: size(interval) });
        }
        "statewindow" => {
            let count = args.len();
            let mut args = args.into_iter();
            return match (args.next(), args.next(), args.next()) {
                (Some(begin), emit, None) => Ok(WindowKind::State { begin, emit }),
                _ => fail(format!("{name} takes 1 or 2 arguments, but there are {count}")),
            };
        }
        _ => {}
    }
    let (least, most) = match name {
        "tumblingwindow" => (2, 2),
        "slidingwindow" => (2, 3),
        _ => (3, 3),
    };
    if args.len() < least || args.len() > most {
        let expected = if least == most { least.to_string() } else { format!("{least} or {most}") };
        return fail(format!("{name} takes {expected} arguments, but there are {}", args.len()));
    }
    let unit: Unit = match args.first().map(|e| &e.kind) {
        Some(ExprKind::Unit(unit)) => *unit,
        _ => {
            let hint = Some("one of dd, hh, mi, ss, ms".into());
            return Err(SqlError::at(pos, format!("argument 1 of {name} must be a unit of time")).with_hint(hint));
        }
    };
    let length = whole(1)?;
    let third = if args.len() == 3 { whole(2)? } else { 0 };
    if length == 0 || (name != "slidingwindow" && least == 3 && third == 0) {
        return fail(format!("the arguments of {name} must be positive"));
    }
    if length.max(third) > LONGEST_WINDOW / unit.millis() {
        return fail(format!("the arguments of {name} are too large"));
    }
    Ok(match name {
        "tumblingwindow" => WindowKind::Tumbling { unit, length },
        "hoppingwindow" => WindowKind::Hopping { unit, length, interval: third },
        "sessionwindow" => WindowKind::Session { unit, length, timeout: third },
        _ => WindowKind::Sliding { unit, length, delay: third },
    })
}
