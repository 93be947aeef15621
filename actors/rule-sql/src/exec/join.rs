//! Joins of the rows of one window, and of rows with tables.

use std::sync::Arc;

use super::in_stage;
use crate::ast::JoinKind;
use crate::error::EvalError;
use crate::expr::{Frame, Row, Shared, Tuple, truth};
use crate::plan::{Plan, PlanJoin};
use crate::value::Value;

/// Joins rows of several sources, each join in turn with what the ones before gave.
pub(crate) fn join(plan: &Plan, shared: &Shared<'_>, rows: &[Arc<Row>]) -> Result<Vec<Tuple>, EvalError> {
    let of = |source: usize| -> Vec<Arc<Row>> { rows.iter().filter(|r| r.source == source).cloned().collect() };
    let mut left: Vec<Vec<Arc<Row>>> = of(0).into_iter().map(|row| vec![row]).collect();
    for join in &plan.joins {
        let right = of(join.source);
        left = step(join, shared, &left, &right).map_err(in_stage("Join"))?;
    }
    Ok(left.into_iter().map(Tuple::Joined).collect())
}

type Joined = Vec<Arc<Row>>;

fn step(join: &PlanJoin, shared: &Shared<'_>, left: &[Joined], right: &[Arc<Row>]) -> Result<Vec<Joined>, EvalError> {
    let matches = |l: &Joined, r: &Arc<Row>| -> Result<bool, EvalError> {
        let Some(on) = &join.on else { return Ok(true) };
        let mut parts = l.clone();
        parts.push(Arc::clone(r));
        let tuple = Tuple::Joined(parts);
        match Frame::row(shared, &tuple, None).eval(on)? {
            Value::Null => Ok(false),
            value => truth(&value),
        }
    };
    let mut out = Vec::new();
    if join.kind == JoinKind::Right {
        for r in right {
            let mut found = false;
            for l in left {
                if matches(l, r)? {
                    found = true;
                    let mut parts = vec![Arc::clone(r)];
                    parts.extend(l.iter().cloned());
                    out.push(parts);
                }
            }
            if !found {
                out.push(vec![Arc::clone(r)]);
            }
        }
        return Ok(out);
    }
    let mut right_found = vec![false; right.len()];
    for l in left {
        let mut found = false;
        for (r, r_found) in right.iter().zip(&mut right_found) {
            if join.kind == JoinKind::Cross || matches(l, r)? {
                found = true;
                *r_found = true;
                let mut parts = l.clone();
                parts.push(Arc::clone(r));
                out.push(parts);
            }
        }
        if !found && matches!(join.kind, JoinKind::Left | JoinKind::Full) {
            out.push(l.clone());
        }
    }
    if join.kind == JoinKind::Full {
        let lone = right.iter().zip(&right_found).filter(|(_, found)| !**found);
        out.extend(lone.map(|(r, _)| vec![Arc::clone(r)]));
    }
    Ok(out)
}
