//! Who feeds whom: names that stand for one stream or table alone, and rules that hear each other.

use std::{collections::BTreeMap, sync::Arc};

use parapet_contracts::{RuleId, StreamId, TableId};

use crate::{
    checked::{Rule, Stream},
    document::{Document, place},
    raw::{RawRule, RawTable},
    words,
};

/// Tells tables that have the name of a stream.
pub(crate) fn same_names(tables: &mut [(TableId, Document<RawTable>)], streams: &BTreeMap<StreamId, Arc<Stream>>) {
    for (id, document) in tables {
        if streams.contains_key(id.as_str()) {
            let message = format!("`{id}` is a stream, too");
            document.error(document.at(&[]), message, "rename one of the files: a statement could not tell them apart");
        }
    }
}

/// Tells rules that hear their own alerts, in the end.
pub(crate) fn circles(rules: &mut [(RuleId, Document<RawRule>)], checked: &BTreeMap<RuleId, Arc<Rule>>) {
    for (id, document) in rules {
        if let Some(way) = way_back(id, checked) {
            let way: Vec<&str> = way.iter().map(|id| id.as_str()).collect();
            let message = match way.as_slice() {
                [_] => "the rule hears its own alerts".to_owned(),
                way => format!("the rules {} hear each other in a circle", words::list(way)),
            };
            document.error(document.at(place!["alerts_of"]), message, "leave one of them out of `alerts_of`");
        }
    }
}

/// The rules on a way from a rule's alerts back to itself, itself first.
fn way_back<'a>(start: &'a RuleId, rules: &'a BTreeMap<RuleId, Arc<Rule>>) -> Option<Vec<&'a RuleId>> {
    let mut seen = vec![start];
    let mut ways = vec![vec![start]];
    while let Some(way) = ways.pop() {
        let heard = way.last().and_then(|last| rules.get(*last)).map(|rule| rule.reads.alerts_of.as_slice());
        for next in heard.unwrap_or_default() {
            if next == start {
                return Some(way);
            }
            if !seen.contains(&next) {
                seen.push(next);
                ways.push([way.as_slice(), &[next]].concat());
            }
        }
    }
    None
}
