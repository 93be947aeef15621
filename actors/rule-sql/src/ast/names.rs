//! The zones, lines and schedules that a statement names, with their places: whoever knows the cameras can say which of
//! them there are.

use super::{Expr, ExprKind, Name, Select, WindowKind};
use crate::error::Pos;

/// What a name is that of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedKind {
    /// A zone of a camera.
    Zone,
    /// A line of a camera.
    Line,
}

/// A name that stands in a statement as a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What it names.
    pub kind: NamedKind,
    /// The name.
    pub name: Name,
    /// Where it stands.
    pub pos: Pos,
}

impl Select {
    /// The zones and lines that the statement asks for by name, in the order in which they stand in its clauses.
    pub fn named_places(&self) -> Vec<Named> {
        let mut out = Vec::new();
        for expr in self.expressions() {
            expr.walk(&mut |e| {
                out.extend(named(e));
                true
            });
        }
        out
    }

    /// All expressions of the statement.
    fn expressions(&self) -> Vec<&Expr> {
        let mut out: Vec<&Expr> = self.items.iter().map(|item| &item.expr).collect();
        out.extend(self.joins.iter().filter_map(|join| join.on.as_ref()));
        out.extend(&self.filter);
        out.extend(self.sequence.iter().flat_map(|sequence| sequence.steps.iter().map(|step| &step.condition)));
        out.extend(&self.group_by);
        if let Some(window) = &self.window {
            out.extend(window.filter.iter().chain(&window.when).chain(&window.partition));
            if let WindowKind::State { begin, emit } = &window.kind {
                out.push(begin);
                out.extend(emit);
            }
        }
        out.extend(&self.having);
        out.extend(self.alert.iter().flat_map(|alert| alert.per.iter().chain(&alert.resolve_when)));
        out.extend(self.order_by.iter().map(|key| &key.expr));
        out
    }
}

fn named(expr: &Expr) -> Option<Named> {
    let ExprKind::Call(call) = &expr.kind else { return None };
    let kind = match call.name.as_ref() {
        "in_zone" | "entered" | "left_zone" | "dwell" => NamedKind::Zone,
        "crossed" => NamedKind::Line,
        _ => return None,
    };
    match call.args.get(1) {
        Some(Expr { kind: ExprKind::Str(name), pos }) => Some(Named { kind, name: name.clone(), pos: *pos }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::parse_select;

    #[test]
    fn zones_and_lines_are_found_in_every_clause_with_their_places() {
        let sql = "SELECT dwell(track, 'a') FROM demo WHERE in_zone(track, 'b') THEN crossed(track, 'c', 'left') WITHIN 1s \
                   PER entered(track, 'd') RESOLVE AFTER 1s";
        let found: Vec<(NamedKind, String, u32)> = parse_select(sql)
            .unwrap()
            .named_places()
            .into_iter()
            .map(|named| (named.kind, named.name.to_string(), named.pos.column))
            .collect();
        let expected = [
            (NamedKind::Zone, "a", 21),
            (NamedKind::Zone, "b", 57),
            (NamedKind::Line, "c", 82),
            (NamedKind::Zone, "d", 124),
        ];
        assert_eq!(found, expected.map(|(kind, name, column)| (kind, name.to_owned(), column)));
        let window = "SELECT * FROM demo GROUP BY statewindow(left_zone(t, 'e')) HAVING count(*) > 0";
        assert_eq!(parse_select(window).unwrap().named_places().len(), 1);
        assert_eq!(parse_select("SELECT in_zone(track, zone) FROM demo").unwrap().named_places(), []);
    }
}
