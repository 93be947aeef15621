//! Who is expected to be heard, of a rule that waits for silence: without being told, a rule knows of nobody who never was.

use std::sync::Arc;

use super::Engine;
use super::alert::{Alerting, Watch};
use crate::ast::Op;
use crate::exec::readable_key;
use crate::expr::{Frame, Node, Row, Tuple};
use crate::plan::{AlertSource, Plan};
use crate::value::{Object, Value};

impl Plan {
    /// Whether it waits for silence.
    pub fn waits_for_silence(&self) -> bool {
        matches!(self.alert.as_ref().map(|alert| &alert.source), Some(AlertSource::Absence(_)))
    }
}

impl Engine {
    /// Somebody is expected to be heard, as if this row had come at `since`: the key of a rule that waits for silence is made of
    /// it. It is passed over when WHERE can't hold for it, as far as the row says, or when it does not say all of the key. Other
    /// rules do not mind.
    pub fn expect(&mut self, stream: &str, data: Arc<Object>, since: i64) {
        let plan = Arc::clone(&self.plan);
        let (Some(alert), Some(source)) = (&plan.alert, plan.source(stream)) else { return };
        let row = Arc::new(Row::new(source, since, data, None, &plan.columns));
        let tuple = Tuple::One(Arc::clone(&row));
        let key = {
            let shared = self.shared(&self.env);
            let frame = Frame::row(&shared, &tuple, None);
            let known = |node: &Node| frame.eval(node).is_ok_and(|value| !value.is_null());
            if !alert.per.iter().all(known)
                || plan.filter.as_ref().is_some_and(|filter| rules_out(filter, &frame, &row))
            {
                return;
            }
            readable_key(&alert.per, &frame)
        };
        let limit = self.options.max_partitions;
        if let (Some(Alerting { watch: Watch::Absence(absence), .. }), Ok(key)) = (&mut self.alerting, key)
            && !absence.knows(&key)
        {
            absence.heard(&key, since, Some(row));
            absence.bound(limit);
        }
    }

    /// Nobody was listening before `at`: what was not heard until then was no silence.
    pub fn listens_from(&mut self, at: i64) {
        if let Some(Alerting { watch: Watch::Absence(absence), .. }) = &mut self.alerting {
            absence.listens_from(at);
        }
    }
}

/// Whether a condition can't hold for any row that has the columns of this one: a part of it that reads no other column does not.
fn rules_out(condition: &Node, frame: &Frame<'_>, row: &Row) -> bool {
    if let Node::Binary(Op::And, left, right) = condition {
        return rules_out(left, frame, row) || rules_out(right, frame, row);
    }
    let told = condition.all(&mut |node| match node {
        Node::Column(number) => row.column(*number).is_some(),
        Node::Const(_) | Node::Binary(..) | Node::Not(_) | Node::InList { .. } | Node::Like { .. } => true,
        _ => false,
    });
    told && matches!(frame.eval(condition), Ok(Value::Bool(false)))
}
