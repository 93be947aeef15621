//! What four numbers of a box mean, told by all boxes of an answer: exporters that leave suppression to others write corners, x or
//! y first, or centre and size, and name none of it.

/// What a box's four numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Left, top, right, bottom.
    Corners,
    /// Top, left, bottom, right.
    CornersDown,
    /// Centre across and down, width, height.
    Centre,
}

/// Fewer boxes than this are no grid whose direction could be seen.
const A_GRID: usize = 500;

impl Form {
    /// What the boxes of an answer are, most of which mean nothing; the less that is shown, the more usual form.
    ///
    /// Corners are in order for (nearly) all boxes; a size is nearly always smaller than the place of a centre. Boxes of grids follow
    /// each other row by row, so that the next one lies to the right.
    pub(crate) fn of(boxes: &[f32]) -> Self {
        let each = || boxes.chunks_exact(4).filter(|b| b.iter().all(|v| v.is_finite()));
        let count = each().count();
        let ordered = each().filter(|b| b[2] >= b[0] && b[3] >= b[1]).count();
        if ordered * 100 < count * 95 {
            return Self::Centre;
        }
        let mut steps = [0.0f64; 2];
        for (a, b) in each().zip(each().skip(1)) {
            for (axis, step) in steps.iter_mut().enumerate() {
                *step += f64::from((b[axis] + b[axis + 2] - a[axis] - a[axis + 2]).abs());
            }
        }
        if count >= A_GRID && steps[1] > 2.0 * steps[0] { Self::CornersDown } else { Self::Corners }
    }

    /// Left, top, right, bottom of a box of this form.
    pub(crate) fn corners(self, b: &[f32]) -> [f32; 4] {
        match *b {
            [a, b, c, d] => match self {
                Self::Corners => [a, b, c, d],
                Self::CornersDown => [b, a, d, c],
                Self::Centre => [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0],
            },
            _ => [f32::NAN; 4],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four numbers of a box, of its centre and size.
    type Write = fn([f32; 4]) -> [f32; 4];

    /// Boxes of 20 × 10 pixels on a grid of 40 × 30 cells of 8 pixels.
    fn grid(write: Write) -> Vec<f32> {
        let cell = |i: usize| [(i % 40) as f32 * 8.0 + 4.0, (i / 40) as f32 * 8.0 + 4.0];
        (0..1200).map(cell).flat_map(|[x, y]| write([x, y, 20.0, 10.0])).collect()
    }

    #[test]
    fn a_grid_of_boxes_shows_its_form() {
        let seen: [(Form, Write); 3] = [
            (Form::Corners, |[x, y, w, h]| [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0]),
            (Form::CornersDown, |[x, y, w, h]| [y - h / 2.0, x - w / 2.0, y + h / 2.0, x + w / 2.0]),
            (Form::Centre, |b| b),
        ];
        for (form, write) in seen {
            let boxes = grid(write);
            assert_eq!(Form::of(&boxes), form);
            assert_eq!(form.corners(&boxes[4..8]), [2.0, -1.0, 22.0, 9.0]);
        }
    }

    #[test]
    fn few_boxes_or_none_are_corners() {
        assert_eq!(Form::of(&[]), Form::Corners);
        assert_eq!(Form::of(&[8.0, 16.0, 24.0, 48.0, f32::NAN, 0.0, 0.0, 0.0]), Form::Corners);
    }
}
