//! Polygons as people draw them.

use parapet_contracts::Polygon;

use crate::{document::Document, raw::Corner, yaml::Step};

/// Makes a polygon of corners; tells when no area can be meant.
pub(super) fn polygon<T>(document: &mut Document<T>, path: &[Step<'_>], corners: &[Corner]) -> Option<Polygon> {
    area_of(document, path, corners.iter().map(|corner| corner.map(|part| part.0)).collect())
}

/// As [`polygon`], for points that are fractions of the picture already.
pub(super) fn area_of<T>(document: &mut Document<T>, path: &[Step<'_>], mut points: Vec<[f32; 2]>) -> Option<Polygon> {
    // Some tools repeat the first corner at the end.
    if points.len() > 3 && points.first() == points.last() {
        points.pop();
    }
    let at = document.at(path);
    if area(&points).abs() < 1e-6 {
        document.error(at, "this polygon has no area", "its corners must not lie on one line");
        return None;
    }
    match crossing(&points) {
        Some((a, b)) => {
            let message = format!(
                "this polygon crosses itself: the edge from corner {} meets the one from corner {}",
                a + 1,
                b + 1
            );
            document.error(at, message, "give the corners in their order around the area");
            None
        }
        None => Some(Polygon(points)),
    }
}

/// Twice the signed area, by the shoelace formula.
fn area(points: &[[f32; 2]]) -> f64 {
    edges(points).map(|([ax, ay], [bx, by])| ax * by - bx * ay).sum()
}

fn edges(points: &[[f32; 2]]) -> impl Iterator<Item = ([f64; 2], [f64; 2])> {
    let wide = |p: [f32; 2]| p.map(f64::from);
    (0..points.len()).map(move |i| (wide(points[i]), wide(points[(i + 1) % points.len()])))
}

/// Two edges that meet and are not neighbours, or neighbours that lie on each other.
fn crossing(points: &[[f32; 2]]) -> Option<(usize, usize)> {
    let edges: Vec<_> = edges(points).collect();
    for (i, &first) in edges.iter().enumerate() {
        for (j, &second) in edges.iter().enumerate().skip(i + 1) {
            let neighbours = j == i + 1 || (i == 0 && j == edges.len() - 1);
            let bad = if neighbours { folded(first, second, j == i + 1) } else { meet(first, second) };
            if bad {
                return Some((i, j));
            }
        }
    }
    None
}

/// True when an edge runs back over its neighbour, or has no length.
fn folded(a: ([f64; 2], [f64; 2]), b: ([f64; 2], [f64; 2]), in_order: bool) -> bool {
    let (first, second) = if in_order { (a, b) } else { (b, a) };
    let (u, v) = (minus(first.1, first.0), minus(second.1, second.0));
    let dot = u[0] * v[0] + u[1] * v[1];
    let cross = u[0] * v[1] - u[1] * v[0];
    let no_length = |w: [f64; 2]| w == [0.0, 0.0];
    no_length(u) || no_length(v) || (cross.abs() < 1e-12 && dot < 0.0)
}

/// True when two segments have a point in common.
fn meet((a, b): ([f64; 2], [f64; 2]), (c, d): ([f64; 2], [f64; 2])) -> bool {
    let side = |p: [f64; 2], q: [f64; 2], r: [f64; 2]| {
        let (u, v) = (minus(q, p), minus(r, p));
        let cross = u[0] * v[1] - u[1] * v[0];
        if cross.abs() < 1e-12 {
            0
        } else if cross > 0.0 {
            1
        } else {
            -1
        }
    };
    let within =
        |p: [f64; 2], q: [f64; 2], r: [f64; 2]| (0..2).all(|i| r[i] >= p[i].min(q[i]) && r[i] <= p[i].max(q[i]));
    let (s1, s2, s3, s4) = (side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b));
    (s1 != s2 && s3 != s4)
        || (s1 == 0 && within(a, b, c))
        || (s2 == 0 && within(a, b, d))
        || (s3 == 0 && within(c, d, a))
        || (s4 == 0 && within(c, d, b))
}

fn minus(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] - b[0], a[1] - b[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_polygons_pass_whatever_their_order_and_shape() {
        for points in [
            vec![[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]],
            vec![[0.0, 0.0], [0.5, 1.0], [1.0, 0.0]],
            vec![[0.0, 0.0], [1.0, 0.0], [1.0, 0.5], [0.5, 0.5], [0.5, 1.0], [0.0, 1.0]],
            vec![[0.0, 0.0], [0.5, 0.0], [1.0, 0.0], [1.0, 1.0]],
        ] {
            assert_eq!(crossing(&points), None, "{points:?}");
        }
    }

    #[test]
    fn bow_ties_spikes_and_touching_corners_are_found() {
        for points in [
            vec![[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]],
            vec![[0.0, 0.0], [1.0, 0.0], [0.5, 0.0], [0.5, 1.0]],
            vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.0], [0.0, 1.0]],
            vec![[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 1.0]],
        ] {
            assert!(crossing(&points).is_some(), "{points:?}");
        }
    }
}
