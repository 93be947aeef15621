//! Faces on grids: each detector sees one in one cell.
#![allow(clippy::unwrap_used)]

use super::*;

/// Outputs of 64, 16 and 4 cells, `each` boxes a cell, with these columns; `at` of the second grid's box `place` is set.
fn grids(each: usize, columns: &[(&'static str, usize)], place: usize, values: &[&[f32]]) -> Vec<Tensor> {
    let of = |(level, cells): (usize, usize)| {
        columns.iter().zip(values).map(move |((name, columns), values)| {
            let n = cells * each;
            let mut data = vec![0.0; n * columns];
            if level == 1 {
                data[place * columns..][..*columns].copy_from_slice(values);
            }
            (*name, vec![1, n, *columns], data)
        })
    };
    [64, 16, 4].into_iter().enumerate().flat_map(of).collect()
}

#[test]
fn yunet_multiplies_two_scores_and_places_boxes_on_its_grid() {
    // Stride 16, second cell of the second row: sizes are exponentials.
    let sides = [0.0, 1.0, 0.0, 2f32.ln()];
    let columns = [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)];
    let outputs = grids(1, &columns, 5, &[&[0.9], &[0.4], &sides, &[0.0; 10]]);
    sees("yunet", &outputs, &[("face", 0.6, [8.0, 16.0, 24.0, 48.0])]);
}

#[test]
fn scrfd_measures_sides_from_the_corner_of_a_cell_that_has_two_boxes() {
    let columns = [("score", 1), ("bbox", 4)];
    // The second box of the sixth cell: its corner is at 16, 16.
    let outputs = grids(2, &columns, 11, &[&[0.8], &[0.5, 0.0, 0.5, 2.0]]);
    sees("scrfd", &outputs, &[("face", 0.8, BOX)]);
    // Without a batch, as the original export has it.
    let flat: Vec<Tensor> = outputs.into_iter().map(|(name, shape, data)| (name, shape[1..].to_vec(), data)).collect();
    sees("scrfd", &flat, &[("face", 0.8, BOX)]);
}

#[test]
fn retinaface_moves_its_priors_and_takes_probabilities_or_logits() {
    let outputs = |nothing: [f32; 2], face: [f32; 2]| -> Vec<Tensor> {
        let mut loc = vec![0.0; 168 * 4];
        let mut conf: Vec<f32> = std::iter::repeat_n(nothing, 168).flatten().collect();
        // Behind 128 priors of stride 8, the second of the first cell of stride 16: a square of 128 around 8, 8.
        let at = 129;
        conf[at * 2..][..2].copy_from_slice(&face);
        let size = |pixels: f32| (pixels / 128.0).ln() / 0.2;
        loc[at * 4..][..4].copy_from_slice(&[8.0 / 12.8, 24.0 / 12.8, size(16.0), size(32.0)]);
        vec![
            ("loc", vec![1, 168, 4], loc),
            ("conf", vec![1, 168, 2], conf),
            ("landms", vec![1, 168, 10], vec![0.0; 1680]),
        ]
    };
    sees("retinaface", &outputs([1.0, 0.0], [0.2, 0.8]), &[("face", 0.8, BOX)]);
    sees("retinaface", &outputs([5.0, -5.0], [0.0, 4f32.ln()]), &[("face", 0.8, BOX)]);
}
