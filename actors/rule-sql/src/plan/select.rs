//! The statement as a whole: its clauses compiled in order, and what makes no sense refused.

use std::sync::Arc;

use super::check::is_aggregate;
use super::compile::Compiler;
use super::{Mode, Over, Plan, PlanJoin, PlanSort, PlanSource, PlanWindow, PlanWindowKind};
use super::{alerting, start, window_kind};
use crate::ast::{Expr, ExprKind, Select, Window, WindowKind};
use crate::catalog::Catalog;
use crate::error::SqlError;
use crate::expr::{All, Node};
use crate::functions::{self, Kind};

/// One item of the output.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Item {
    /// All fields of a row.
    All(All),
    /// One named value.
    Named { name: Arc<str>, node: Node, visible: bool },
    /// Several columns, named at run time.
    Columns(Node),
}

/// What a statement puts out.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// The items; those with aliases come last and win over columns of the same name.
    pub items: Vec<Item>,
    /// Whether all rows of a window together give one row.
    pub aggregate: bool,
    /// The name of the item that gives rows.
    pub rows: Option<Arc<str>>,
    /// LIMIT.
    pub limit: Option<usize>,
}

fn is_kind(expr: &Expr, kind: Kind) -> bool {
    matches!(&expr.kind, ExprKind::Call(call) if functions::find(&call.name).is_some_and(|f| f.kind == kind))
}

pub(super) fn plan(select: &Select, sources: Vec<PlanSource>, mode: Mode, catalog: &Catalog) -> Result<Plan, SqlError> {
    let mut compiler = Compiler::new(sources, mode, catalog);
    compiler.name_steps(select);
    if mode == Mode::Rule {
        for item in &select.items {
            if let Some(alias) = &item.alias {
                compiler.declare_alias(alias, &item.expr)?;
            }
        }
    }
    let output = output(select, &mut compiler, mode)?;
    let joins = joins(select, &mut compiler)?;
    let filter = select.filter.as_ref().map(|e| compiler.expr(e)).transpose()?;
    let group_by = select.group_by.iter().map(|e| compiler.expr(e)).collect::<Result<Vec<_>, _>>()?;
    let window = select.window.as_ref().map(|w| plan_window(w, &mut compiler)).transpose()?;
    let having = select.having.as_ref().map(|e| compiler.expr(e)).transpose()?;
    let alert = alerting::plan(select, &group_by, window.as_ref(), &mut compiler)?;
    let order_by = select
        .order_by
        .iter()
        .map(|key| Ok(PlanSort { node: compiler.expr(&key.expr)?, descending: key.descending }))
        .collect::<Result<Vec<_>, SqlError>>()?;
    let filter_aggregates = filter.as_ref().is_some_and(|f| compiler.aggregates(f));
    let reads_all = compiler.reads_all;
    if mode == Mode::Rule {
        let conditions = window.iter().flat_map(|w| w.filter.iter().chain(&w.when)).collect();
        let parts = Parts { filter: filter.as_ref(), group_by: &group_by, having: having.as_ref(), window: conditions };
        check(select, &compiler, &parts, &output)?;
        check_recalls(select, &compiler, &parts, &order_by)?;
    }
    // A window is compared with earlier ones of the same keys, unless the call says what it is kept apart by.
    let calls = compiler.analytics.iter_mut().filter(|call| call.over == Over::Groups && call.partition.is_empty());
    calls.for_each(|call| call.partition.clone_from(&group_by));
    let collected = compiler.finish();
    let plan = Plan {
        folding: None,
        fingerprint: String::new(),
        sources: collected.sources,
        joins,
        columns: collected.columns,
        aliases: collected.aliases,
        analytics: collected.analytics,
        filter,
        window,
        group_by,
        having,
        alert,
        order_by,
        output,
        filter_aggregates,
        reads_all,
    };
    if mode == Mode::Rule {
        check_sources(select, &plan)?;
    }
    Ok(plan)
}

fn output<'a>(select: &'a Select, compiler: &mut Compiler<'a>, mode: Mode) -> Result<Output, SqlError> {
    let mut plain = Vec::new();
    let mut aliased = Vec::new();
    let mut rows = None;
    let mut alias_number = 0;
    for item in &select.items {
        let visible = !item.invisible;
        if let ExprKind::Wildcard(wildcard) = &item.expr.kind {
            plain.push(Item::All(compiler.wildcard(wildcard, item.expr.pos)?));
            continue;
        }
        let name = item.alias.as_ref().unwrap_or(&item.name);
        if is_kind(&item.expr, Kind::Rows) {
            rows = Some(Arc::clone(name));
        }
        let node = match (&item.alias, mode) {
            (Some(_), Mode::Rule) => {
                alias_number += 1;
                compiler.alias(alias_number - 1, item.expr.pos)?
            }
            _ => compiler.expr(&item.expr)?,
        };
        if is_kind(&item.expr, Kind::Columns) && item.alias.is_none() {
            plain.push(Item::Columns(node));
            continue;
        }
        let list = if item.alias.is_some() { &mut aliased } else { &mut plain };
        list.push(Item::Named { name: Arc::clone(name), node, visible });
    }
    // Wildcards first: whatever is named wins over them.
    plain.sort_by_key(|item| !matches!(item, Item::All(_)));
    plain.extend(aliased);
    let aggregates = plain.iter().any(|item| matches!(item, Item::Named { node, .. } if compiler.aggregates(node)));
    Ok(Output { items: plain, aggregate: aggregates || is_aggregate(select), rows, limit: select.limit })
}

fn joins<'a>(select: &'a Select, compiler: &mut Compiler<'a>) -> Result<Vec<PlanJoin>, SqlError> {
    let mut joins = Vec::new();
    for (i, join) in select.joins.iter().enumerate() {
        let on = join.on.as_ref().map(|e| compiler.expr(e)).transpose()?;
        joins.push(PlanJoin { kind: join.kind, source: i + 1, on });
    }
    Ok(joins)
}

fn plan_window<'a>(window: &'a Window, compiler: &mut Compiler<'a>) -> Result<PlanWindow, SqlError> {
    let kind = match (&window.kind, window_kind(&window.kind)) {
        (_, Some(kind)) => kind,
        (WindowKind::State { begin, emit }, None) => PlanWindowKind::State {
            begin: compiler.expr(begin)?,
            emit: emit.as_ref().map(|e| compiler.expr(e)).transpose()?,
        },
        (_, None) => return Err(SqlError::at(start(), "this kind of window is not known")),
    };
    Ok(PlanWindow {
        kind,
        filter: window.filter.as_ref().map(|e| compiler.expr(e)).transpose()?,
        when: window.when.as_ref().map(|e| compiler.expr(e)).transpose()?,
        partition: window.partition.iter().map(|e| compiler.expr(e)).collect::<Result<_, _>>()?,
    })
}

struct Parts<'p> {
    filter: Option<&'p Node>,
    group_by: &'p [Node],
    having: Option<&'p Node>,
    /// FILTER and OVER (WHEN) of the window.
    window: Vec<&'p Node>,
}

fn check(select: &Select, compiler: &Compiler<'_>, parts: &Parts<'_>, output: &Output) -> Result<(), SqlError> {
    let place = |expr: Option<&Expr>| expr.map_or_else(start, |e| e.pos);
    if let Some(filter) = parts.filter
        && select.window.is_none()
        && compiler.aggregates(filter)
    {
        return Err(SqlError::at(place(select.filter.as_ref()), "aggregate functions in WHERE need a window"));
    }
    for (key, expr) in parts.group_by.iter().zip(&select.group_by) {
        if compiler.aggregates(key) {
            return Err(SqlError::at(expr.pos, "aggregate functions are not allowed in GROUP BY"));
        }
    }
    if let Some(having) = parts.having
        && !compiler.about_groups(having, parts.group_by)
    {
        let message = "HAVING takes aggregates and the keys of GROUP BY alone";
        let hint = Some("conditions on single rows belong in WHERE".into());
        return Err(SqlError::at(place(select.having.as_ref()), message).with_hint(hint));
    }
    for (node, expr) in parts.window.iter().zip(select.window.iter().flat_map(|w| w.filter.iter().chain(&w.when))) {
        if compiler.aggregates(node) {
            return Err(SqlError::at(expr.pos, "aggregate functions are not allowed in GROUP BY"));
        }
    }
    let grouped = select.window.is_some() || !select.group_by.is_empty() || !select.joins.is_empty();
    if grouped {
        let named = output.items.iter().filter_map(|item| match item {
            Item::Named { node, .. } => Some(node),
            _ => None,
        });
        let nodes = named.chain(parts.filter).chain(parts.having);
        for node in nodes {
            if compiler.asks_hits(node) {
                let message = "last_hit_time and last_hit_count are not allowed in an aggregate query";
                return Err(SqlError::at(start(), message).with_hint(Some("use last_agg_hit_…".into())));
            }
        }
    }
    if !select.group_by.is_empty() && select.window.is_none() {
        let hint = Some("add a window, e.g. tumblingwindow(ss, 10)".into());
        return Err(SqlError::at(place(select.group_by.first()), "GROUP BY needs a window").with_hint(hint));
    }
    Ok(())
}

/// Analytic calls over groups, or over what is put out, where there is nothing yet that they could run on.
fn check_recalls(
    select: &Select,
    compiler: &Compiler<'_>,
    parts: &Parts<'_>,
    order_by: &[PlanSort],
) -> Result<(), SqlError> {
    let refuse =
        |expr: Option<&Expr>, message: &str| Err(SqlError::at(expr.map_or_else(start, |e| e.pos), message.to_owned()));
    if parts.filter.is_some_and(|filter| compiler.recalls(filter)) {
        let message = "an analytic function of aggregates can stand in SELECT, HAVING and ORDER BY, but not in WHERE";
        return refuse(select.filter.as_ref(), message);
    }
    let ordered = order_by.iter().zip(&select.order_by).find(|(key, _)| compiler.watches(&key.node));
    let having = parts.having.is_some_and(|having| compiler.watches(having));
    if having || ordered.is_some() {
        let message = "changed_cols says what differs from what was put out before: it can stand in SELECT alone";
        return refuse(ordered.map(|(_, key)| &key.expr).or(select.having.as_ref()), message);
    }
    let told = select.alert.is_some() || select.sequence.is_some();
    let late = compiler
        .analytics
        .iter()
        .find(|call| call.over == Over::Output || (call.over == Over::Groups && select.window.is_none()));
    match late.filter(|_| told) {
        Some(call) => refuse(
            None,
            &format!(
                "{} cannot be used like this where FOR, PER, RESOLVE, ABSENT or THEN say what is put out",
                call.name
            ),
        ),
        None => Ok(()),
    }
}

fn check_sources(select: &Select, plan: &Plan) -> Result<(), SqlError> {
    if plan.is_table(0) {
        return Err(SqlError::at(select.from.pos, "a rule cannot read a table alone: join it to a stream"));
    }
    for (i, source) in select.also.iter().enumerate() {
        if plan.is_table(i + 1 + select.joins.len()) {
            return Err(SqlError::at(source.pos, "a rule cannot read a table alone: join it to a stream"));
        }
    }
    for (i, join) in select.joins.iter().enumerate() {
        let table = plan.is_table(i + 1);
        if !table && select.window.is_none() {
            let hint = Some("add a window, e.g. tumblingwindow(ss, 10)".into());
            return Err(SqlError::at(join.source.pos, "a join of two streams needs a window").with_hint(hint));
        }
    }
    Ok(())
}
