//! What a graph with suppression has found.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn efficient_nms_counts_what_it_found_and_its_classes_begin_at_0() {
    let outputs = [
        ("num_dets", vec![1, 1], vec![2.0]),
        ("det_boxes", vec![1, 3, 4], three(false)),
        ("det_scores", vec![1, 3], vec![0.9, 0.2, 0.8]),
        ("det_classes", vec![1, 3], vec![2.0, 0.0, 1.0]),
    ];
    sees("efficient_nms", &outputs, &[("c", 0.9, BOX)]);
    let lies = [("num_dets", vec![1, 1], vec![9.0]), outputs[1].clone(), outputs[2].clone(), outputs[3].clone()];
    assert_eq!(decode("efficient_nms", &lies).unwrap_err().reason, Reason::WrongShape);
}

#[test]
fn mmdet_has_scores_beside_boxes_and_labels_apart() {
    let outputs = [("dets", vec![1, 3, 5], three(true)), ("labels", vec![1, 3], vec![1.0, 0.0, 7.0])];
    let refused = sees("mmdet", &outputs, &[("b", 0.9, BOX)]);
    assert_eq!(refused, [Refused { reason: Reason::BadClass, count: 1 }]);
}

#[test]
fn torchvision_has_no_batch_and_a_background() {
    let outputs = [
        ("boxes", vec![3, 4], three(false)),
        ("labels", vec![3], vec![3.0, 1.0, 0.0]),
        ("scores", vec![3], vec![0.9, 0.2, 0.8]),
    ];
    let refused = sees("torchvision", &outputs, &[("c", 0.9, BOX)]);
    assert_eq!(refused, [Refused { reason: Reason::BadClass, count: 1 }], "the background is no object");
}

#[test]
fn paddle_puts_class_and_score_first() {
    let [x1, y1, x2, y2] = BOX;
    let rows = vec![1.0, 0.9, x1, y1, x2, y2, -1.0, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9, 0.0, 0.0, 5.0, 5.0];
    let outputs = [("multiclass_nms3_0.tmp_0", vec![3, 6], rows), ("multiclass_nms3_0.tmp_2", vec![1], vec![2.0])];
    sees("paddle", &outputs, &[("b", 0.9, BOX)]);
}

#[test]
fn end_to_end_rows_keep_what_the_model_kept_and_count_classes_without_a_name() {
    // Two of a class overlap wholly but for a row: the model meant both.
    let rows = vec![
        8.0, 16.0, 24.0, 48.0, 0.9, 1.0, 8.0, 17.0, 24.0, 48.0, 0.8, 1.0, 1.0, 1.0, 9.0, 9.0, 0.7, 3.0, 0.0, 0.0, 0.0,
        0.0, 0.0, 0.0,
    ];
    let refused =
        sees("end2end", &[("output0", vec![1, 4, 6], rows)], &[("b", 0.9, BOX), ("b", 0.8, [8.0, 17.0, 24.0, 48.0])]);
    assert_eq!(refused, [Refused { reason: Reason::BadClass, count: 1 }]);
}

#[test]
fn rows_of_seven_are_read_and_none_is_an_answer() {
    let rows = vec![0.0, 8.0, 16.0, 24.0, 48.0, 2.0, 0.6];
    sees("n7", &[("detections", vec![1, 7], rows)], &[("c", 0.6, BOX)]);
    sees("n7", &[("detections", vec![0, 7], vec![])], &[]);
}

#[test]
fn tensorflows_boxes_are_fractions_top_first_and_classes_count_from_one() {
    let outputs = |count: f32| -> Vec<Tensor> {
        vec![
            ("detection_boxes", vec![1, 2, 4], vec![0.25, 0.125, 0.75, 0.375, 0.0, 0.0, 0.5, 0.5]),
            ("detection_classes", vec![1, 2], vec![2.0, 1.0]),
            ("detection_scores", vec![1, 2], vec![0.9, 0.8]),
            ("num_detections", vec![1], vec![count]),
        ]
    };
    sees("tfod", &outputs(1.0), &[("b", 0.9, BOX)]);
    sees("tfod", &outputs(2.0), &[("b", 0.9, BOX), ("a", 0.8, [0.0, 0.0, 32.0, 32.0])]);
    assert_eq!(decode("tfod", &outputs(3.0)).unwrap_err().reason, Reason::WrongShape);
    assert_eq!(decode("tfod", &outputs(f32::NAN)).unwrap_err().reason, Reason::WrongShape);
}

#[test]
fn rtdetr_is_read_by_names() {
    let outputs: Vec<Tensor> = vec![
        ("scores", vec![1, 2], vec![0.9, 0.1]),
        ("labels", vec![1, 2], vec![1.0, 0.0]),
        ("boxes", vec![1, 2, 4], vec![8.0, 16.0, 24.0, 48.0, 0.0, 0.0, 9.0, 9.0]),
    ];
    sees("rtdetr", &outputs, &[("b", 0.9, BOX)]);
}

#[test]
fn labels_from_0_or_from_1_and_with_or_without_a_batch() {
    for batch in [&[1][..], &[]] {
        let shape = |more: &[usize]| [batch, more].concat();
        let outputs = [
            ("boxes", shape(&[3, 4]), three(false)),
            ("labels", shape(&[3]), vec![2.0, 1.0, 1.0]),
            ("scores", shape(&[3]), vec![0.9, 0.2, 0.1]),
        ];
        sees("rtdetr", &outputs, &[("c", 0.9, BOX)]);
        sees("torchvision", &outputs, &[("b", 0.9, BOX)]);
    }
}

#[test]
fn scores_and_labels_without_names_are_told_apart_by_whole_numbers() {
    let labels: Tensor = ("1234", vec![1, 3], vec![2.0, 1.0, 1.0]);
    let scores: Tensor = ("1235", vec![1, 3], vec![0.9, 0.2, 0.1]);
    let boxes: Tensor = ("1233", vec![1, 3, 4], three(false));
    sees("rtdetr", &[boxes.clone(), labels.clone(), scores.clone()], &[("c", 0.9, BOX)]);
    sees("rtdetr", &[boxes, scores, labels], &[("c", 0.9, BOX)]);
}

#[test]
fn boxes_that_all_lie_within_0_to_1_are_fractions() {
    let outputs = |boxes: Vec<f32>| -> [Tensor; 3] {
        [
            ("boxes", vec![1, 2, 4], boxes),
            ("labels", vec![1, 2], vec![2.0, 0.0]),
            ("scores", vec![1, 2], vec![0.9, 0.8]),
        ]
    };
    let fractions = vec![0.125, 0.25, 0.375, 0.75, -0.05, 0.0, 0.5, 0.5];
    sees("rtdetr", &outputs(fractions), &[("c", 0.9, BOX), ("a", 0.8, [0.0, 0.0, 32.0, 32.0])]);
    // One that lies elsewhere shows that they are pixels.
    let pixels = vec![0.0, 0.0, 1.0, 1.0, 8.0, 16.0, 24.0, 48.0];
    sees("rtdetr", &outputs(pixels), &[("c", 0.9, [0.0, 0.0, 1.0, 1.0]), ("a", 0.8, BOX)]);
}

#[test]
fn a_column_of_whole_numbers_is_that_of_the_class() {
    let [x1, y1, x2, y2] = BOX;
    let rows = vec![x1, y1, x2, y2, 2.0, 0.9, 0.0, 0.0, 9.0, 9.0, 1.0, 0.1];
    sees("end2end", &[("output0", vec![1, 2, 6], rows)], &[("c", 0.9, BOX)]);
    let rows = vec![0.0, x1, y1, x2, y2, 0.9, 2.0, 0.0, 0.0, 0.0, 9.0, 9.0, 0.1, 1.0];
    sees("n7", &[("flat_predictions", vec![2, 7], rows)], &[("c", 0.9, BOX)]);
}

#[test]
fn indices_choose_boxes_and_scores_and_minus_1_chooses_none() {
    let indices: Tensor = ("selected_indices", vec![3, 3], vec![0.0, 2.0, 1.0, 0.0, 0.0, 0.0, -1.0, -1.0, -1.0]);
    let boxes: Tensor = ("boxes", vec![1, 2, 4], [[0.0, 0.0, 4.0, 4.0], BOX].concat());
    let scores: Tensor = ("scores", vec![1, 3, 2], vec![0.7, 0.0, 0.0, 0.0, 0.0, 0.9]);
    let want = [("c", 0.9, BOX), ("a", 0.7, [0.0, 0.0, 4.0, 4.0])];
    sees("nms_indices", &[indices.clone(), boxes.clone(), scores], &want);
    let turned: Tensor = ("scores", vec![1, 2, 3], vec![0.7, 0.0, 0.0, 0.0, 0.0, 0.9]);
    sees("nms_indices", &[boxes.clone(), turned.clone(), indices], &want);
    let beyond: Tensor = ("selected_indices", vec![1, 3], vec![0.0, 2.0, 2.0]);
    assert_eq!(decode("nms_indices", &[beyond, boxes, turned]).unwrap_err().reason, Reason::WrongShape);
}

#[test]
fn openvinos_rows_put_class_and_score_first_and_a_negative_index_ends_them() {
    let rows = vec![
        0.0, 2.0, 0.9, 0.125, 0.25, 0.375, 0.75, -1.0, 1.0, 0.9, 0.0, 0.0, 0.5, 0.5, 0.0, 1.0, 0.9, 0.0, 0.0, 0.5, 0.5,
    ];
    sees("detection_output", &[("detection_out", vec![1, 1, 3, 7], rows)], &[("b", 0.9, BOX)]);
}

#[test]
fn rtdetrs_rows_are_centres_as_fractions_and_nothing_is_suppressed() {
    let row = [0.25, 0.5, 0.25, 0.5, 0.1, 0.2, 0.7];
    sees("rtdetr_rows", &[("output0", vec![1, 2, 7], [row, row].concat())], &[("c", 0.7, BOX), ("c", 0.7, BOX)]);
}
