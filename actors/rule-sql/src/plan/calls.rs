//! Calls: aggregates, analytic functions with their memories, and what the engine itself answers.

use std::sync::Arc;

use super::compile::Compiler;
use super::{AnalyticCall, Over};
use crate::ast::{Call, ExprKind};
use crate::error::{Pos, SqlError, did_you_mean};
use crate::expr::{Ask, Node};
use crate::functions::{self, Kind};
use crate::schedule::Schedule;

impl<'a> Compiler<'a> {
    pub(super) fn call(&mut self, call: &'a Call, pos: Pos) -> Result<Node, SqlError> {
        let Some(function) = functions::find(&call.name) else {
            return Err(SqlError::at(pos, format!("function {} not found", call.name)));
        };
        match function.kind {
            Kind::Scalar => Ok(Node::Call(function, self.list(&call.args)?).computed()),
            Kind::Aggregate => {
                if function.name == "count"
                    && let Some(ExprKind::Wildcard(w)) = call.args.first().map(|e| &e.kind)
                    && w.replace.is_empty()
                {
                    return Ok(Node::CountAll);
                }
                let args = self.list(&call.args)?;
                if args.iter().any(|a| self.aggregates(a)) {
                    let message =
                        format!("invalid argument for func {}: aggregate argument is not allowed", function.name);
                    return Err(SqlError::at(pos, message));
                }
                Ok(Node::Aggregate(function, args))
            }
            Kind::Analytic => self.analytic(function.name, call),
            Kind::Columns => self.watched(function.name, call, pos),
            // The array itself; the rows are made of it when the item is put out.
            Kind::Rows => match call.args.first() {
                Some(arg) => self.expr(arg),
                None => Err(SqlError::at(pos, "an argument is missing")),
            },
            Kind::RowNumber => Ok(Node::Ask(Ask::RowNumber)),
            Kind::Implicit if function.name == "during" => self.during(call, pos),
            Kind::Implicit => Ok(Node::Ask(match function.name {
                "window_start" => Ask::WindowStart,
                "window_end" => Ask::WindowEnd,
                "window_trigger" => Ask::WindowTrigger,
                "event_time" => Ask::EventTime,
                "last_hit_time" => Ask::LastHitTime,
                "last_hit_count" => Ask::LastHitCount,
                "last_agg_hit_time" => Ask::LastAggHitTime,
                _ => Ask::LastAggHitCount,
            })),
        }
    }

    /// A schedule that the site declares, or one that is written out: `during('22:00-06:00')`.
    fn during(&mut self, call: &'a Call, pos: Pos) -> Result<Node, SqlError> {
        let Some((ExprKind::Str(text), place)) = call.args.first().map(|e| (&e.kind, e.pos)) else {
            return Err(SqlError::at(pos, "during takes the name of a schedule, as a text"));
        };
        let schedule = match self.catalog.schedule(text) {
            Some(schedule) => Arc::clone(schedule),
            None => Arc::new(Schedule::parse(text).map_err(|why| {
                let hint = did_you_mean(text, self.catalog.schedule_names());
                let hint = hint.or_else(|| Some("or write it out, as in 'mon-fri 22:00-06:00'".into()));
                SqlError::at(place, format!("there is no schedule {text}, nor is it one itself: {why}")).with_hint(hint)
            })?),
        };
        let at = call.args.get(1).map(|e| self.boxed(e)).transpose()?;
        Ok(Node::During(schedule, at))
    }

    /// The arguments are compiled first, so that a call within a call runs before it.
    fn analytic(&mut self, name: &'static str, call: &'a Call) -> Result<Node, SqlError> {
        let args = self.list(&call.args)?;
        let partition = self.list(&call.partition)?;
        let when = call.when.as_ref().map(|w| self.expr(w)).transpose()?;
        let groups = args.iter().chain(&partition).chain(&when).any(|node| self.aggregates(node));
        let over = if groups { Over::Groups } else { Over::Rows };
        self.analytics.push(AnalyticCall { name, over, args, columns: Vec::new(), partition, when });
        let number = self.analytics.len() - 1;
        Ok(if groups { Node::Recalled(number) } else { Node::Analytic(number) })
    }

    fn watched(&mut self, name: &'static str, call: &'a Call, pos: Pos) -> Result<Node, SqlError> {
        let (Some(prefix), Some(ignore)) = (call.args.first(), call.args.get(1)) else {
            return Err(SqlError::at(pos, "arguments are missing"));
        };
        let args = vec![self.expr(prefix)?, self.expr(ignore)?];
        let mut columns = Vec::new();
        for expr in call.args.iter().skip(2) {
            let name: Arc<str> = match &expr.kind {
                ExprKind::Field { name, .. } => Arc::clone(name),
                ExprKind::Call(inner) => Arc::clone(&inner.name),
                ExprKind::Wildcard(_) => Arc::from("*"),
                ExprKind::Arrow(_, name) => Arc::clone(name),
                _ => Arc::from(""),
            };
            columns.push((name, self.expr(expr)?));
        }
        let partition = self.list(&call.partition)?;
        let when = call.when.as_ref().map(|w| self.expr(w)).transpose()?;
        self.analytics.push(AnalyticCall { name, over: Over::Output, args, columns, partition, when });
        Ok(Node::Recalled(self.analytics.len() - 1))
    }
}
