//! What a statement names by texts that are written out: zones, lines, cameras and models, with their places. Whoever knows
//! the site can say which of them there are.

use super::{Expr, ExprKind, InSet, Name, Op, Select, WindowKind};
use crate::error::Pos;

/// What a name is that of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedKind {
    /// A zone of a camera.
    Zone,
    /// A line of a camera.
    Line,
    /// A camera: what a column `camera` is compared with.
    Camera,
    /// A model: what a column `model` is compared with, or what is read of `attributes`.
    Model,
}

/// A name that stands in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What it names.
    pub kind: NamedKind,
    /// The name.
    pub name: Name,
    /// The stream by whose name the column is reached that it belongs to, where there is one.
    pub stream: Option<Name>,
    /// Where it stands.
    pub pos: Pos,
}

impl Select {
    /// The zones, lines, cameras and models that the statement names, in the order in which they stand in its clauses.
    pub fn named(&self) -> Vec<Named> {
        let mut out = Vec::new();
        for expr in self.expressions() {
            expr.walk(&mut |e| {
                named(e, &mut out);
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

/// A column that is reached by its own name, or by that of its stream; and the name of the column.
fn column(expr: &Expr) -> Option<(Option<&Name>, &Name)> {
    match &expr.kind {
        ExprKind::Field { stream, name } => Some((stream.as_ref(), name)),
        _ => None,
    }
}

/// What kind of thing the texts of a column name.
fn kind_of(column: &str) -> Option<NamedKind> {
    match column {
        "camera" => Some(NamedKind::Camera),
        "model" => Some(NamedKind::Model),
        _ => None,
    }
}

fn named(expr: &Expr, out: &mut Vec<Named>) {
    let mut add = |kind: NamedKind, stream: Option<&Name>, text: &Expr| {
        if let ExprKind::Str(name) = &text.kind {
            out.push(Named { kind, name: name.clone(), stream: stream.cloned(), pos: text.pos });
        }
    };
    match &expr.kind {
        ExprKind::Binary(Op::Eq | Op::Ne, left, right) => {
            for (side, other) in [(left, right), (right, left)] {
                if let Some((stream, name)) = column(side)
                    && let Some(kind) = kind_of(name)
                {
                    add(kind, stream, other);
                }
            }
        }
        ExprKind::In { value, set: InSet::List(items), .. } => {
            if let Some((stream, name)) = column(value)
                && let Some(kind) = kind_of(name)
            {
                items.iter().for_each(|item| add(kind, stream, item));
            }
        }
        ExprKind::Arrow(target, field) => {
            if let Some((stream, "attributes")) = column(target).map(|(stream, name)| (stream, name.as_ref())) {
                out.push(Named { kind: NamedKind::Model, name: field.clone(), stream: stream.cloned(), pos: expr.pos });
            }
        }
        ExprKind::Call(call) => {
            let argument = |at: usize| call.args.get(at);
            let (kind, at) = match call.name.as_ref() {
                "in_zone" | "entered" | "left_zone" | "dwell" => (NamedKind::Zone, 1),
                "crossed" => (NamedKind::Line, 1),
                "seen" => (NamedKind::Zone, 3),
                // The lists of a track, asked for directly.
                "array_contains" => match argument(0).map(|list| &list.kind) {
                    Some(ExprKind::Arrow(_, list) | ExprKind::Field { name: list, .. }) => match list.as_ref() {
                        "zones" | "entered" | "left" => (NamedKind::Zone, 1),
                        "crossed" => (NamedKind::Line, 1),
                        _ => return,
                    },
                    _ => return,
                },
                _ => return,
            };
            let stream = argument(0).and_then(base).flatten();
            if let Some(text) = argument(at) {
                add(kind, stream, text);
            }
        }
        _ => {}
    }
}

/// The stream of the column that an access begins with; `None` when it begins with none.
fn base(expr: &Expr) -> Option<Option<&Name>> {
    match &expr.kind {
        ExprKind::Arrow(inner, _) | ExprKind::Index(inner, _) => base(inner),
        _ => column(expr).map(|(stream, _)| stream),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::parse_select;

    fn found(sql: &str) -> Vec<(NamedKind, String, u32)> {
        let named = parse_select(sql).unwrap().named();
        named.into_iter().map(|named| (named.kind, named.name.to_string(), named.pos.column)).collect()
    }

    #[test]
    fn zones_and_lines_are_found_in_every_clause_with_their_places() {
        let sql = "SELECT dwell(track, 'a') FROM demo WHERE in_zone(track, 'b') THEN crossed(track, 'c', 'left') WITHIN 1s \
                   PER entered(track, 'd') RESOLVE AFTER 1s";
        let expected = [
            (NamedKind::Zone, "a", 21),
            (NamedKind::Zone, "b", 57),
            (NamedKind::Line, "c", 82),
            (NamedKind::Zone, "d", 124),
        ];
        assert_eq!(found(sql), expected.map(|(kind, name, column)| (kind, name.to_owned(), column)));
        assert_eq!(found("SELECT * FROM demo GROUP BY statewindow(left_zone(t, 'e')) HAVING count(*) > 0").len(), 1);
        assert_eq!(found("SELECT in_zone(track, zone) FROM demo"), []);
        let lists = "SELECT seen(things, 'person', 0.6, 'f') AS n FROM demo WHERE array_contains(track->crossed, 'g')";
        let kinds: Vec<NamedKind> = found(lists).iter().map(|(kind, ..)| *kind).collect();
        assert_eq!(kinds, [NamedKind::Zone, NamedKind::Line]);
    }

    #[test]
    fn cameras_and_models_are_what_their_columns_are_compared_with() {
        let sql = "SELECT label FROM demo WHERE camera = 'a' OR 'b' != d.camera OR camera IN ('c', 'd') OR model = 'e'";
        let names: Vec<String> = found(sql).into_iter().map(|(_, name, _)| name).collect();
        assert_eq!(names, ["a", "b", "c", "d", "e"]);
        assert_eq!(parse_select(sql).unwrap().named()[1].stream.as_deref(), Some("d"));
        let read = found("SELECT attributes->helmet->label FROM demo WHERE label = 'camera' AND camera = site");
        assert_eq!(read, [(NamedKind::Model, "helmet".to_owned(), 8)]);
    }
}
