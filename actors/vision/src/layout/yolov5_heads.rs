//! YOLOv5 and v7 with their heads raw: three outputs `[1, 3, rows, columns, 5 + classes]` or `[1, 3 × (5 + classes), rows, columns]` of
//! strides 8, 16 and 32. Both make boxes the same; their anchors differ, and no file shows them. Those of models that were trained with
//! anchors of their own are unknown: export such a model with its boxes decoded.

use super::anchors::{Family, Making, RawHeads};

/// `models/yolov5s.yaml` and its kin.
const V5: Family = Family {
    name: "yolov5_heads",
    grids: &[
        (8, &[(10.0, 13.0), (16.0, 30.0), (33.0, 23.0)]),
        (16, &[(30.0, 61.0), (62.0, 45.0), (59.0, 119.0)]),
        (32, &[(116.0, 90.0), (156.0, 198.0), (373.0, 326.0)]),
    ],
    making: Making::Squares,
    softmax: false,
};

/// `cfg/training/yolov7.yaml`.
const V7: Family = Family {
    name: "yolov7_heads",
    grids: &[
        (8, &[(12.0, 16.0), (19.0, 36.0), (40.0, 28.0)]),
        (16, &[(36.0, 75.0), (76.0, 55.0), (72.0, 146.0)]),
        (32, &[(142.0, 110.0), (192.0, 243.0), (459.0, 401.0)]),
    ],
    making: Making::Squares,
    softmax: false,
};

/// With the anchors of YOLOv5.
pub const YOLOV5_HEADS: RawHeads =
    RawHeads(&V5, "three outputs [1, 3, rows, columns, 5 + classes], raw, on the anchors of YOLOv5");
/// With the anchors of YOLOv7.
pub const YOLOV7_HEADS: RawHeads =
    RawHeads(&V7, "three outputs [1, 3, rows, columns, 5 + classes], raw, on the anchors of YOLOv7");
