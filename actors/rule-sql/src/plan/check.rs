//! What can be refused by the syntax tree alone: calls that stand where they cannot.

use crate::ast::{Expr, ExprKind, Select};
use crate::error::SqlError;
use crate::functions::{self, Kind};

fn kind_of(expr: &Expr) -> Option<Kind> {
    match &expr.kind {
        ExprKind::Call(call) => functions::find(&call.name).map(|f| f.kind),
        _ => None,
    }
}

/// The first call of this kind in an expression.
pub(super) fn first_call(expr: &Expr, kind: Kind) -> Option<&Expr> {
    let mut found = None;
    expr.walk(&mut |e| {
        if found.is_none() && kind_of(e) == Some(kind) {
            found = Some(e);
        }
        found.is_none()
    });
    found
}

/// Whether an item of the SELECT list aggregates.
pub(crate) fn is_aggregate(select: &Select) -> bool {
    select.items.iter().any(|item| first_call(&item.expr, Kind::Aggregate).is_some())
}

/// Checks a statement as soon as it is read.
pub(crate) fn check_statement(select: &Select) -> Result<(), SqlError> {
    let joins = select.joins.iter().filter_map(|j| j.on.as_ref());
    let outside = select
        .filter
        .iter()
        .chain(&select.group_by)
        .chain(&select.having)
        .chain(joins)
        .chain(select.sequence.iter().flat_map(|s| s.steps.iter().map(|step| &step.condition)))
        .chain(select.alert.iter().flat_map(|alert| alert.per.iter().chain(&alert.resolve_when)))
        .chain(select.order_by.iter().map(|k| &k.expr));
    for expr in outside {
        if let Some(call) = first_call(expr, Kind::Rows) {
            return Err(SqlError::at(call.pos, "a function that gives rows can stand in the select list alone"));
        }
        if let Some(call) = first_call(expr, Kind::RowNumber) {
            return Err(SqlError::at(call.pos, "window functions can only be in select fields"));
        }
        if let Some(window) = first_window(expr) {
            return Err(SqlError::at(window.pos, "a window can stand in GROUP BY alone"));
        }
    }
    let mut rows = 0;
    for item in &select.items {
        if let Some(call) = first_call(&item.expr, Kind::Rows) {
            rows += 1;
            if rows > 1 {
                return Err(SqlError::at(call.pos, "the select list has more than one function that gives rows"));
            }
            if call.children().into_iter().any(|c| first_call(c, Kind::Rows).is_some()) {
                return Err(SqlError::at(call.pos, "functions that give rows cannot be nested"));
            }
            if !std::ptr::eq(call, &item.expr) {
                return Err(SqlError::at(call.pos, "a function that gives rows must be the whole item"));
            }
        }
    }
    if let Some(filter) = &select.filter
        && select.window.is_none()
        && let Some(call) = first_call(filter, Kind::Aggregate)
    {
        return Err(SqlError::at(call.pos, "aggregate functions in WHERE need a window"));
    }
    let single = select.alert.iter().flat_map(|alert| alert.per.iter().chain(&alert.resolve_when));
    let single = single.chain(select.sequence.iter().flat_map(|s| s.steps.iter().map(|step| &step.condition)));
    let items = select.items.iter().map(|item| &item.expr);
    for expr in single.chain(items.filter(|_| select.sequence.is_some())) {
        if let Some(call) = first_call(expr, Kind::Aggregate) {
            let message = "aggregate functions take the rows of a window, and there is none here";
            return Err(SqlError::at(call.pos, message));
        }
    }
    for key in &select.group_by {
        if let Some(call) = first_call(key, Kind::Aggregate) {
            return Err(SqlError::at(call.pos, "aggregate functions are not allowed in GROUP BY"));
        }
    }
    Ok(())
}

fn first_window(expr: &Expr) -> Option<&Expr> {
    let mut found = None;
    expr.walk(&mut |e| {
        if matches!(e.kind, ExprKind::Window(_)) {
            found = Some(e);
        }
        found.is_none()
    });
    found
}
