//! What stands before suppression.
#![allow(clippy::unwrap_used)]

use super::*;

/// Heads in which one cell of one stride has something: one bin holds all the weight of each side.
fn heads(strides: &[usize], at: (usize, usize), class: usize, bins: [usize; 4]) -> Vec<Tensor> {
    let mut scores: Vec<Tensor> = Vec::new();
    let mut distances: Vec<Tensor> = Vec::new();
    for (level, stride) in strides.iter().enumerate() {
        let cells = (64usize / stride).pow(2);
        let (mut s, mut d) = (vec![0.0; cells * 3], vec![0.0; cells * 32]);
        if level == at.0 {
            s[at.1 * 3 + class] = 0.75;
            bins.iter().enumerate().for_each(|(side, bin)| d[at.1 * 32 + side * 8 + bin] = 50.0);
        }
        scores.push(("cls", vec![1, cells, 3], s));
        distances.push(("dis", vec![1, cells, 32], d));
    }
    scores.into_iter().chain(distances).collect()
}

#[test]
fn nanodet_and_picodet_measure_sides_from_the_middle_of_a_cell() {
    // Stride 16, second cell of the second row: its middle is at 24, 24; NanoDet means the middle of its pixels. The lower
    // edge is beyond the picture.
    let want = [("c", 0.75, [7.5, 23.5, 39.5, 64.0])];
    sees("nanodet", &heads(&[8, 16, 32], (1, 5), 2, [1, 0, 1, 3]), &want);
    let want = [("c", 0.75, [8.0, 24.0, 40.0, 64.0])];
    sees("picodet", &heads(&[8, 16, 32, 64], (1, 5), 2, [1, 0, 1, 3]), &want);
}

#[test]
fn nanodet_plus_measures_sides_from_the_corner_of_a_cell() {
    let mut data = vec![0.0; 85 * 35];
    // Behind 64 cells of stride 8, the sixth of stride 16: its corner is at 16, 16.
    let row = &mut data[69 * 35..70 * 35];
    row[0] = 0.5;
    [0, 0, 1, 2].iter().enumerate().for_each(|(side, bin)| row[3 + side * 8 + bin] = 50.0);
    sees("nanodet_plus", &[("output", vec![1, 85, 35], data)], &[("a", 0.5, [16.0, 16.0, 32.0, 48.0])]);
}

#[test]
fn fastestdet_reads_one_grid() {
    let (rows, columns) = (4, 4);
    let mut data = vec![0.0f32; 8 * rows * columns];
    let mut put = |channel: usize, value: f32| data[channel * 16 + 6] = value;
    // Cell 2, 1, no offset; a sigmoid of 0 is half of the input.
    put(0, 0.8);
    put(6, 0.9);
    let score = 0.8f32.powf(0.6) * 0.9f32.powf(0.4);
    sees("fastestdet", &[("758", vec![1, 8, rows, columns], data)], &[("b", score, [16.0, 0.0, 48.0, 32.0])]);
}

#[test]
fn transposed_yolov8_is_read_by_rows() {
    let rows = vec![16.0, 32.0, 16.0, 32.0, 0.1, 0.2, 0.7, 16.0, 32.0, 16.0, 32.0, 0.1, 0.2, 0.6];
    sees("yolov8_rows", &[("output0", vec![1, 2, 7], rows)], &[("c", 0.7, BOX)]);
}

#[test]
fn detr_takes_a_softmax_with_nothing_or_a_sigmoid() {
    let boxes: Tensor = ("pred_boxes", vec![1, 2, 4], vec![0.25, 0.5, 0.25, 0.5, 0.5, 0.5, 0.5, 0.5]);
    // The second query sees nothing: the last logit.
    let logits: Tensor = ("logits", vec![1, 2, 4], vec![0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0]);
    let probability = 3f32.exp() / (3f32.exp() + 3.0);
    sees("detr", &[logits, boxes.clone()], &[("b", probability, BOX)]);
    let logits: Tensor = ("logits", vec![1, 2, 3], vec![-9.0, -9.0, 2.0, -9.0, -9.0, -9.0]);
    sees("detr_sigmoid", &[boxes, logits], &[("c", 1.0 / (1.0 + (-2f32).exp()), BOX)]);
}

#[test]
fn boxes_and_scores_apart_may_lie_either_way() {
    let boxes: Tensor = ("boxes", vec![1, 2, 4], vec![8.0, 16.0, 24.0, 48.0, 0.0, 0.0, 4.0, 4.0]);
    let rows: Tensor = ("scores", vec![1, 2, 3], vec![0.1, 0.8, 0.0, 0.0, 0.0, 0.2]);
    let columns: Tensor = ("scores", vec![1, 3, 2], vec![0.1, 0.0, 0.8, 0.0, 0.0, 0.2]);
    sees("boxes_scores", &[boxes.clone(), rows], &[("b", 0.8, BOX)]);
    sees("boxes_scores", &[columns, boxes], &[("b", 0.8, BOX)]);
}

#[test]
fn faces_are_the_second_score_and_fractions() {
    let outputs: Vec<Tensor> = vec![
        ("scores", vec![1, 2, 2], vec![0.1, 0.9, 0.99, 0.01]),
        ("boxes", vec![1, 2, 4], vec![0.125, 0.25, 0.375, 0.75, 0.0, 0.0, 1.0, 1.0]),
    ];
    sees("face", &outputs, &[("face", 0.9, BOX)]);
}

#[test]
fn an_ssd_has_a_background_before_its_classes() {
    let boxes: Tensor = ("boxes", vec![1, 2, 4], vec![0.125, 0.25, 0.375, 0.75, 0.0, 0.0, 1.0, 1.0]);
    let scores: Tensor = ("scores", vec![1, 2, 4], vec![0.1, 0.0, 0.9, 0.0, 0.97, 0.01, 0.01, 0.01]);
    sees("ssd", &[scores, boxes], &[("b", 0.9, BOX)]);
}

#[test]
fn boxes_and_scores_may_have_a_dimension_of_one_and_be_fractions() {
    let boxes: Tensor = ("boxes", vec![1, 2, 1, 4], vec![0.125, 0.25, 0.375, 0.75, 0.0, 0.0, 0.1, 0.1]);
    let scores: Tensor = ("confs", vec![1, 2, 3], vec![0.1, 0.8, 0.0, 0.0, 0.0, 0.2]);
    sees("boxes_scores", &[boxes, scores], &[("b", 0.8, BOX)]);
}

#[test]
fn centernet_takes_peaks_of_its_map() {
    let (mut heat, mut sizes, mut offsets) = (vec![-9.0; 3 * 256], vec![0.0; 512], vec![0.0; 512]);
    // Cell 3, 7 of class b, and a lower neighbour; a sigmoid of 2.
    let cell = 7 * 16 + 3;
    (heat[256 + cell], heat[256 + cell + 1]) = (2.0, 1.5);
    (sizes[cell], sizes[256 + cell], offsets[cell], offsets[256 + cell]) = (4.0, 8.0, 1.0, 1.0);
    let outputs: [Tensor; 3] =
        [("hm", vec![1, 3, 16, 16], heat), ("reg", vec![1, 2, 16, 16], offsets), ("wh", vec![1, 2, 16, 16], sizes)];
    sees("centernet", &outputs, &[("b", 1.0 / (1.0 + (-2f32).exp()), BOX)]);
}

#[test]
fn an_objectness_beside_boxes_and_scores_is_multiplied_with_them() {
    let boxes: Tensor = ("boxes", vec![1, 2, 4], vec![8.0, 16.0, 24.0, 48.0, 0.0, 0.0, 9.0, 9.0]);
    let objectness: Tensor = ("obj", vec![1, 2, 1], vec![0.5, 0.5]);
    let scores: Tensor = ("cls", vec![1, 2, 3], vec![0.1, 0.8, 0.0, 0.0, 0.0, 0.4]);
    sees("boxes_scores", &[boxes, objectness, scores], &[("b", 0.4, BOX)]);
}

#[test]
fn the_best_class_of_each_box_is_suppressed_here() {
    let boxes: Tensor = ("boxes", vec![1, 2, 4], [BOX, BOX].concat());
    let outputs = [boxes, ("scores", vec![1, 2], vec![0.7, 0.9]), ("class_idx", vec![1, 2], vec![2.0, 2.0])];
    sees("best_class", &outputs, &[("c", 0.9, BOX)]);
}
