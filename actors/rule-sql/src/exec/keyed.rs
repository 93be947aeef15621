//! What is put out, kept apart by a key: one entry for each row or group.

use super::project::{expand, one};
use super::{Rows, Set, in_stage};
use crate::error::EvalError;
use crate::expr::{Frame, Node, Shared};
use crate::plan::Plan;
use crate::value::{Object, Value, go_text};

/// The values of some expressions as a text that people can read: `gate/7`. A `/` within a value is written `\/`.
pub(crate) fn readable_key(per: &[Node], frame: &Frame<'_>) -> Result<String, EvalError> {
    let mut key = String::new();
    for (i, node) in per.iter().enumerate() {
        if i > 0 {
            key.push('/');
        }
        match frame.eval(node)? {
            Value::Null => key.push('-'),
            Value::Str(text) => push_escaped(&mut key, &text),
            value => push_escaped(&mut key, &go_text(&value)),
        }
    }
    Ok(key)
}

fn push_escaped(key: &mut String, text: &str) {
    if !text.contains(['\\', '/']) {
        return key.push_str(text);
    }
    for character in text.chars() {
        if matches!(character, '\\' | '/') {
            key.push('\\');
        }
        key.push(character);
    }
}

/// What a set puts out, by key, in the order in which the keys come. Rows of one key go together.
pub(crate) fn project_keyed(
    plan: &Plan,
    per: &[Node],
    shared: &Shared<'_>,
    set: &Set,
    send_null: bool,
) -> Result<Vec<(String, Vec<Object>)>, EvalError> {
    let mut out: Vec<(String, Vec<Object>)> = Vec::new();
    let number = |i: usize| i64::try_from(i + 1).unwrap_or(i64::MAX);
    let mut put = |frame: Frame<'_>| -> Result<(), EvalError> {
        let key = readable_key(per, &frame).map_err(in_stage("Per"))?;
        let objects = expand(plan, one(plan, &frame, send_null).map_err(in_stage("Select"))?)?;
        match out.iter_mut().find(|(other, _)| *other == key) {
            Some((_, all)) => all.extend(objects),
            None => out.push((key, objects)),
        }
        Ok(())
    };
    match &set.rows {
        Rows::Loose(tuples) if plan.output.aggregate => {
            put(Frame::group(shared, tuples, set.range).recalling(&set.recalled))?;
        }
        Rows::Loose(tuples) => {
            for (i, tuple) in tuples.iter().enumerate() {
                put(Frame::row(shared, tuple, set.range).recalling(set.recalled_of(i)).numbered(number(i)))?;
            }
        }
        Rows::Grouped(groups) => {
            for (i, group) in groups.iter().enumerate() {
                put(group.frame(shared, set.range).numbered(number(i)))?;
            }
        }
    }
    Ok(out)
}
