//! Darknet's YOLO with its heads raw, `[1, anchors × (5 + classes), rows, columns]`: v3 and v4 on three grids, their tiny ones on two, and
//! tiny YOLOv2 of Pascal VOC on one, whose classes share a softmax (Redmon and Farhadi, "YOLO9000", 2017; "YOLOv3", 2018).

use super::anchors::{Family, Making, RawHeads};

const V3: Family = Family {
    name: "yolov3_heads",
    grids: &[
        (8, &[(10.0, 13.0), (16.0, 30.0), (33.0, 23.0)]),
        (16, &[(30.0, 61.0), (62.0, 45.0), (59.0, 119.0)]),
        (32, &[(116.0, 90.0), (156.0, 198.0), (373.0, 326.0)]),
    ],
    making: Making::Exponentials,
    softmax: false,
};

const TINY: Family = Family {
    name: "yolov3_tiny_heads",
    grids: &[(16, &[(10.0, 14.0), (23.0, 27.0), (37.0, 58.0)]), (32, &[(81.0, 82.0), (135.0, 169.0), (344.0, 319.0)])],
    making: Making::Exponentials,
    softmax: false,
};

/// `tiny-yolo-voc.cfg`: its anchors are in cells of 32 pixels.
const V2: Family = Family {
    name: "yolov2",
    grids: &[(32, &[(34.56, 38.08), (109.44, 141.12), (212.16, 364.16), (301.44, 163.52), (531.84, 336.64)])],
    making: Making::Exponentials,
    softmax: true,
};

/// YOLOv3 and v4.
pub const YOLOV3_HEADS: RawHeads =
    RawHeads(&V3, "three outputs [1, 3 × (5 + classes), rows, columns], raw, as Darknet's YOLOv3");
/// Their tiny ones.
pub const YOLOV3_TINY_HEADS: RawHeads =
    RawHeads(&TINY, "two outputs [1, 3 × (5 + classes), rows, columns], raw, as Darknet's tiny YOLOv3");
/// Tiny YOLOv2.
pub const YOLOV2: RawHeads =
    RawHeads(&V2, "[1, 5 × (5 + classes), rows, columns], raw, as Darknet's tiny YOLOv2 of Pascal VOC");
