//! Raw heads as outputs of their own: one box in one cell, as probabilities and as logits.
#![allow(clippy::unwrap_used)]

use super::*;

/// Planes of `channels` for each stride; those in `set` of a cell of the grid `level` have values.
fn planes(
    strides: &[usize],
    channels: usize,
    rest: f32,
    level: usize,
    cell: usize,
    set: &[(usize, f32)],
) -> Vec<Tensor> {
    let of = |(at, stride): (usize, &usize)| {
        let side = 64 / stride;
        let mut data = vec![rest; channels * side * side];
        set.iter().filter(|_| at == level).for_each(|(channel, v)| data[channel * side * side + cell] = *v);
        ("head", vec![1, channels, side, side], data)
    };
    strides.iter().enumerate().map(of).collect()
}

fn logit(p: f32) -> f32 {
    (p / (1.0 - p)).ln()
}

const STRIDES: [usize; 3] = [8, 16, 32];

#[test]
fn yoloxs_heads_come_as_one_or_apart_in_any_order() {
    // Stride 16, the sixth cell: 1, 1.
    let bbox = [(0, 0.0), (1, 1.0), (2, 0.0), (3, 2f32.ln())];
    let both = [&bbox[..], &[(4, 0.9), (6, 0.8)]].concat();
    sees("yolox_heads", &planes(&STRIDES, 8, 0.0, 1, 5, &both), &[("b", 0.72, BOX)]);
    let raw = [&bbox[..], &[(4, logit(0.9)), (6, logit(0.8))]].concat();
    sees("yolox_heads", &planes(&STRIDES, 8, -20.0, 1, 5, &raw), &[("b", 0.72, BOX)]);
    let apart: Vec<Tensor> = [
        planes(&STRIDES, 3, 0.0, 1, 5, &[(1, 0.8)]),
        planes(&STRIDES, 4, 0.0, 1, 5, &bbox),
        planes(&STRIDES, 1, 0.0, 1, 5, &[(0, 0.9)]),
    ]
    .concat();
    sees("yolox_heads", &apart, &[("b", 0.72, BOX)]);
    let coarse_first: Vec<Tensor> = apart.into_iter().rev().collect();
    sees("yolox_heads", &coarse_first, &[("b", 0.72, BOX)]);
}

/// A head of YOLOv5 on the grid of stride 16 with one box of the first anchor, 30 × 61.
fn anchored(rest: f32, of: fn(f32) -> f32) -> [f32; 8] {
    let [width, height] = [(16.0f32 / 30.0).sqrt() / 2.0, (32.0f32 / 61.0).sqrt() / 2.0];
    // A half stays in the middle of the cell; 0.75 reaches its end.
    [of(0.25), of(0.75), of(width), of(height), of(0.9), rest, of(0.8), rest]
}

#[test]
fn yolov5s_heads_are_boxes_on_anchors_in_five_dimensions_or_four() {
    for (rest, row) in [(-20.0, anchored(-20.0, logit)), (0.0, anchored(0.0, |v| v))] {
        let flat: Vec<(usize, f32)> = row.into_iter().enumerate().collect();
        let four = planes(&STRIDES, 24, rest, 1, 5, &flat);
        sees("yolov5_heads", &four, &[("b", 0.72, BOX)]);
        let five: Vec<Tensor> = [8, 4, 2]
            .into_iter()
            .map(|side: usize| {
                let mut data = vec![rest; 3 * side * side * 8];
                if side == 4 {
                    data[5 * 8..6 * 8].copy_from_slice(&row);
                }
                ("head", vec![1, 3, side, side, 8], data)
            })
            .collect();
        sees("yolov5_heads", &five, &[("b", 0.72, BOX)]);
        // On other anchors the same is a box of another size.
        let [width, height] = [16.0 * 36.0 / 30.0, 32.0 * 75.0 / 61.0];
        sees(
            "yolov7_heads",
            &five,
            &[("b", 0.72, [16.0 - width / 2.0, 32.0 - height / 2.0, 16.0 + width / 2.0, 32.0 + height / 2.0])],
        );
    }
}

#[test]
fn darknets_boxes_stay_in_their_cell_and_grow_as_exponentials() {
    // Stride 16, cell 0, 1 ends at 16, 32; the second anchor of that grid is 62 × 45.
    let near = logit(0.9999);
    let row = [near, near, (16.0f32 / 62.0).ln(), (32.0f32 / 45.0).ln(), logit(0.9), -20.0, logit(0.8), -20.0];
    let set: Vec<(usize, f32)> = row.into_iter().enumerate().map(|(i, v)| (8 + i, v)).collect();
    sees("yolov3_heads", &planes(&STRIDES, 24, -20.0, 1, 4, &set), &[("b", 0.72, BOX)]);
    let row = [near, near, (16.0f32 / 23.0).ln(), (32.0f32 / 27.0).ln(), logit(0.9), -20.0, logit(0.8), -20.0];
    let set: Vec<(usize, f32)> = row.into_iter().enumerate().map(|(i, v)| (8 + i, v)).collect();
    sees("yolov3_tiny_heads", &planes(&[16, 32], 24, -20.0, 0, 4, &set), &[("b", 0.72, BOX)]);
}

#[test]
fn yolov2s_classes_share_a_softmax() {
    // One grid of two by two cells: the middle of the first, on the first anchor of 34.56 × 38.08.
    let row = [0.0, 20.0, (16.0f32 / 34.56).ln(), (32.0f32 / 38.08).ln(), logit(0.9), 0.0, 3.0, 0.0];
    let set: Vec<(usize, f32)> = row.into_iter().enumerate().collect();
    let probability = 3f32.exp() / (3f32.exp() + 2.0);
    sees("yolov2", &planes(&[32], 40, -20.0, 0, 0, &set), &[("b", 0.9 * probability, BOX)]);
}

#[test]
fn yolov8s_heads_measure_sides_in_bins_from_the_middle_of_a_cell() {
    // Stride 8, cell 2, 2: its middle is at 20, 20. One bin holds all the weight of each side.
    let bins = [(1, 50.0), (16, 50.0), (32, 50.0), (48 + 3, 50.0)];
    let want = [("c", 0.8, [12.0, 20.0, 20.0, 44.0])];
    let both = [&bins[..], &[(66, logit(0.8))]].concat();
    sees("yolov8_heads", &planes(&STRIDES, 67, -20.0, 0, 18, &both), &want);
    let apart = [
        planes(&STRIDES, 3, 0.0, 0, 18, &[(2, 0.8)]),
        planes(&STRIDES, 64, -20.0, 0, 18, &bins),
        planes(&STRIDES, 1, 0.0, 0, 18, &[(0, 0.8)]),
    ];
    sees("yolov8_heads", &apart.concat(), &want);
}
