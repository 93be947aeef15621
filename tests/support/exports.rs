//! The shared YOLOX with the endings of other families: what each exporter would have written for the same detector.
//!
//! The base is the derived model whose graph has boxes in pixels: `xy` and `wh` `[1, 3549, 2]`, `obj` `[1, 3549, 1]`, `cls`
//! `[1, 3549, 80]`; `output` is as the raw model has it, and `grid` and `stride` say where its cells lie.
#![allow(dead_code, clippy::unwrap_used)]

use parapet_testkit::onnx::{
    Elements::{F32, I32, I64},
    ending::{
        Attribute::{Int, Ints},
        Ending,
    },
};

/// Boxes before suppression.
pub const ALL: usize = 3549;
/// Side of the input in pixels.
const SIDE: f32 = 416.0;
/// How many boxes exports with a fixed number have.
const PLACES: usize = 100;

/// `corners` `[1, all, 4]`, `centres` (the same as centre and size), `sc` `[1, all, 80]`.
pub fn decoded() -> Ending {
    let mut e = Ending::default();
    e.floats("two", &[1], &[2.0])
        .floats("side", &[1], &[SIDE])
        .floats("one", &[1], &[1.0])
        .op("Div", &["wh", "two"], "half")
        .op("Sub", &["xy", "half"], "p1")
        .op("Add", &["xy", "half"], "p2")
        .concat(&["p1", "p2"], 2, "corners")
        .concat(&["xy", "wh"], 2, "centres")
        .op("Mul", &["obj", "cls"], "sc");
    e
}

/// Beside it what a suppression chose: `sel` `[n, 3]`, `sc_t` `[1, 80, all]`, `gb` `[n, 4]`, `gs` `[n]`, `gc` `[n]`.
pub fn suppressed() -> Ending {
    let mut e = decoded();
    e.with("Transpose", &["sc"], "sc_t", &[("perm", Ints(vec![0, 2, 1]))])
        .integers("k", &[200])
        .floats("iou", &[1], &[0.45])
        .floats("thr", &[1], &[0.2])
        .op("NonMaxSuppression", &["corners", "sc_t", "k", "iou", "thr"], "sel")
        .integers("col_c", &[1])
        .integers("col_b", &[2])
        .with("Gather", &["sel", "col_c"], "sel_c", &[("axis", Int(1))])
        .with("Gather", &["sel", "col_b"], "sel_b", &[("axis", Int(1))])
        .with("Squeeze", &["sel_c"], "gc", &[("axes", Ints(vec![1]))])
        .with("Squeeze", &["sel_b"], "gi", &[("axes", Ints(vec![1]))])
        .with("Squeeze", &["corners"], "flat", &[("axes", Ints(vec![0]))])
        .op("Gather", &["flat", "gi"], "gb")
        .op("GatherND", &["sc_t", "sel"], "gs")
        .with("Cast", &["gc"], "gcf", &[("to", Int(1))]);
    e
}

/// Beside it a fixed number of places, the best first: `tb` `[100, 4]`, `ts` `[100]`, `tc` `[100]` (floats).
pub fn placed() -> Ending {
    let mut e = suppressed();
    e.floats("no_boxes", &[PLACES, 4], &[0.0; 4 * PLACES])
        .floats("no_scores", &[PLACES], &[0.0; PLACES])
        .concat(&["gb", "no_boxes"], 0, "pb")
        .concat(&["gs", "no_scores"], 0, "ps")
        .concat(&["gcf", "no_scores"], 0, "pc")
        .integers("places", &[PLACES as i64])
        .with("TopK", &["ps", "places"], "ts ti", &[("axis", Int(0))])
        .op("Gather", &["pb", "ti"], "tb")
        .op("Gather", &["pc", "ti"], "tc");
    e
}

fn batch(e: &mut Ending, from: &str, to: &str) {
    e.with("Unsqueeze", &[from], to, &[("axes", Ints(vec![0]))]);
}

fn column(e: &mut Ending, from: &str, to: &str) {
    e.with("Unsqueeze", &[from], to, &[("axes", Ints(vec![1]))]);
}

/// Indices of a suppression, and what it chose from: corners, corners with y first, or centre and size.
pub fn nms_indices(form: &str) -> Ending {
    let mut e = suppressed();
    e.integers("down", &[1, 0, 3, 2]).with("Gather", &["corners", "down"], "corners_down", &[("axis", Int(2))]);
    e.op("Identity", &[form], "boxes").op("Identity", &["sc_t"], "scores").op("Identity", &["sel"], "selected_indices");
    e.output("selected_indices", I64, &[0, 3]).output("boxes", F32, &[1, ALL, 4]).output("scores", F32, &[1, 80, ALL]);
    e
}

/// `num_dets`, `det_boxes`, `det_scores`, `det_classes`.
pub fn efficient_nms() -> Ending {
    let mut e = placed();
    e.op("Greater", &["ts", "thr"], "counted")
        .with("Cast", &["counted"], "ones", &[("to", Int(6))])
        .with("ReduceSum", &["ones"], "count", &[("axes", Ints(vec![0])), ("keepdims", Int(1))])
        .with("Cast", &["tc"], "classes", &[("to", Int(6))]);
    for (from, to) in [("count", "num_dets"), ("tb", "det_boxes"), ("ts", "det_scores"), ("classes", "det_classes")] {
        batch(&mut e, from, to);
    }
    e.output("num_dets", I32, &[1, 1])
        .output("det_boxes", F32, &[1, PLACES, 4])
        .output("det_scores", F32, &[1, PLACES])
        .output("det_classes", I32, &[1, PLACES]);
    e
}

/// `dets` with a score in the fifth column, and `labels`.
pub fn mmdet() -> Ending {
    let mut e = placed();
    column(&mut e, "ts", "ts1");
    e.concat(&["tb", "ts1"], 1, "rows").with("Cast", &["tc"], "whole", &[("to", Int(7))]);
    batch(&mut e, "rows", "dets");
    batch(&mut e, "whole", "labels");
    e.output("dets", F32, &[1, PLACES, 5]).output("labels", I64, &[1, PLACES]);
    e
}

/// `boxes`, `labels`, `scores` without a batch, as many as are found, labels counted from `first`.
pub fn flat(first: f32) -> Ending {
    let mut e = suppressed();
    e.floats("first", &[1], &[first])
        .op("Add", &["gcf", "first"], "counted")
        .with("Cast", &["counted"], "labels", &[("to", Int(7))])
        .op("Identity", &["gb"], "boxes")
        .op("Identity", &["gs"], "scores");
    e.output("boxes", F32, &[0, 4]).output("labels", I64, &[0]).output("scores", F32, &[0]);
    e
}

/// Labels, boxes and scores with a batch, all floats; boxes are pixels or fractions, names may say nothing.
pub fn labelled(fractions: bool, names: [&str; 3]) -> Ending {
    let mut e = placed();
    e.op("Div", &["tb", "side"], "tbf");
    let [labels, boxes, scores] = names;
    batch(&mut e, "tc", labels);
    batch(&mut e, if fractions { "tbf" } else { "tb" }, boxes);
    batch(&mut e, "ts", scores);
    e.output(scores, F32, &[1, PLACES]).output(labels, F32, &[1, PLACES]).output(boxes, F32, &[1, PLACES, 4]);
    e
}

/// Rows of six (class, score, corners) and their count.
pub fn paddle() -> Ending {
    let mut e = suppressed();
    column(&mut e, "gcf", "c1");
    column(&mut e, "gs", "s1");
    e.concat(&["c1", "s1", "gb"], 1, "rows").op("Shape", &["gs"], "many");
    e.with("Cast", &["many"], "count", &[("to", Int(6))]);
    e.output("rows", F32, &[0, 6]).output("count", I32, &[1]);
    e
}

/// Rows of six: corners, score, class.
pub fn end2end() -> Ending {
    let mut e = placed();
    column(&mut e, "ts", "s1");
    column(&mut e, "tc", "c1");
    e.concat(&["tb", "s1", "c1"], 1, "rows");
    batch(&mut e, "rows", "found");
    e.output("found", F32, &[1, PLACES, 6]);
    e
}

/// Rows of seven as YOLO-NAS has them: the score before the class.
pub fn flat_predictions() -> Ending {
    let mut e = suppressed();
    column(&mut e, "gs", "s1");
    column(&mut e, "gcf", "c1");
    e.floats("zero", &[1], &[0.0]).op("Mul", &["s1", "zero"], "n1");
    e.concat(&["n1", "gb", "s1", "c1"], 1, "graph2_flat_predictions");
    e.output("graph2_flat_predictions", F32, &[0, 7]);
    e
}

/// Boxes and scores apart; `boxes` is one of the tensors of [`decoded`], as pixels or as fractions.
pub fn boxes_scores(boxes: &str, fractions: bool) -> Ending {
    let mut e = decoded();
    e.op("Div", &[boxes, "side"], "fractions").op("Identity", &[if fractions { "fractions" } else { boxes }], "boxes");
    e.op("Identity", &["sc"], "scores").output("boxes", F32, &[1, ALL, 4]).output("scores", F32, &[1, ALL, 80]);
    e
}

/// Boxes, objectness and classes, each apart.
pub fn boxes_objectness() -> Ending {
    let mut e = decoded();
    e.output("corners", F32, &[1, ALL, 4]).output("obj", F32, &[1, ALL, 1]).output("cls", F32, &[1, ALL, 80]);
    e
}

/// Boxes, and the best class of each with its score.
pub fn best_class() -> Ending {
    let mut e = decoded();
    let along = [("axis", Int(2)), ("keepdims", Int(0))];
    e.with("ArgMax", &["sc"], "class_idx", &along)
        .with("ReduceMax", &["sc"], "scores", &[("axes", Ints(vec![2])), ("keepdims", Int(0))])
        .op("Identity", &["corners"], "boxes");
    e.output("boxes", F32, &[1, ALL, 4]).output("scores", F32, &[1, ALL]).output("class_idx", I64, &[1, ALL]);
    e
}

/// Boxes as fractions, and scores behind one for the background.
pub fn ssd() -> Ending {
    let mut e = decoded();
    e.with("ReduceMax", &["sc"], "most", &[("axes", Ints(vec![2])), ("keepdims", Int(1))])
        .op("Sub", &["one", "most"], "nothing")
        .concat(&["nothing", "sc"], 2, "scores")
        .op("Div", &["corners", "side"], "boxes");
    e.output("scores", F32, &[1, ALL, 81]).output("boxes", F32, &[1, ALL, 4]);
    e
}

/// A row a box: centre, size (fractions), classes.
pub fn rows(fractions: bool) -> Ending {
    let mut e = decoded();
    e.op("Div", &["centres", "side"], "fractions");
    e.concat(&[if fractions { "fractions" } else { "centres" }, "sc"], 2, "found");
    e.output("found", F32, &[1, ALL, 84]);
    e
}

/// OpenVINO's rows: batch, class from 1, score, corners as fractions.
pub fn detection_output() -> Ending {
    let mut e = placed();
    column(&mut e, "ts", "s1");
    column(&mut e, "tc", "c0");
    e.op("Add", &["c0", "one"], "c1").floats("zero", &[1], &[0.0]).op("Mul", &["s1", "zero"], "n1");
    e.op("Div", &["tb", "side"], "fractions").concat(&["n1", "c1", "s1", "fractions"], 1, "rows");
    e.with("Unsqueeze", &["rows"], "detection_out", &[("axes", Ints(vec![0, 1]))]);
    e.output("detection_out", F32, &[1, 1, PLACES, 7]);
    e
}

/// The queries of RT-DETR as rows: what a suppression chose, centre and size as fractions, classes.
pub fn rtdetr_rows() -> Ending {
    let mut e = suppressed();
    e.concat(&["centres", "sc"], 2, "all_rows").floats("no_rows", &[300, 84], &[0.0; 300 * 84]);
    let divisors: Vec<f32> = (0..84).map(|column| if column < 4 { SIDE } else { 1.0 }).collect();
    e.floats("divisors", &[84], &divisors)
        .with("Squeeze", &["all_rows"], "flat_rows", &[("axes", Ints(vec![0]))])
        .op("Div", &["flat_rows", "divisors"], "fractions")
        .op("Gather", &["fractions", "gi"], "chosen")
        .concat(&["chosen", "no_rows"], 0, "enough")
        .integers("from", &[0])
        .integers("to", &[300])
        .op("Slice", &["enough", "from", "to", "from"], "queries");
    batch(&mut e, "queries", "found");
    e.output("found", F32, &[1, 300, 84]);
    e
}

/// The raw heads of each grid: as one, or boxes, objectness and classes apart, the last two before the sigmoid.
pub fn yolox_heads(apart: bool) -> Ending {
    let mut e = Ending::default();
    let grids = [
        (52, "1066", ["1062", "1063", "1045"]),
        (26, "1108", ["1104", "1105", "1087"]),
        (13, "1150", ["1146", "1147", "1129"]),
    ];
    for (side, both, parts) in grids {
        if apart {
            for (name, channels) in parts.into_iter().zip([4, 1, 80]) {
                e.output(name, F32, &[1, channels, side, side]);
            }
        } else {
            e.output(both, F32, &[1, 85, side, side]);
        }
    }
    e
}

/// The rows of each grid: name, from, to, cells.
const GRIDS: [(&str, i64, i64); 3] = [("8", 0, 2704), ("16", 2704, 3380), ("32", 3380, 3549)];

/// `person` `[1, all, 1]`, the score of a person; `raw_box` `[1, all, 4]`, as the raw model has it; `unit` `[1, all, 2]`, sizes in cells.
fn people() -> Ending {
    let mut e = decoded();
    e.integers("n0", &[0]).integers("n1", &[1]).integers("n4", &[4]).integers("ax", &[2]).integers("rows_axis", &[1]);
    e.op("Slice", &["sc", "n0", "n1", "ax"], "person")
        .op("Slice", &["output", "n0", "n4", "ax"], "raw_box")
        .op("Slice", &["output", "n0", "s2", "ax"], "offset")
        .op("Div", &["half", "stride"], "half_cells");
    e
}

/// `from`, cut to the rows of each grid, times `each` behind another; comes out as `[1, rows, columns]`.
fn by_grid(e: &mut Ending, from: &str, name: &str, columns: usize) {
    for (stride, first, end) in GRIDS {
        let (a, b) = (format!("{name}_{stride}_first"), format!("{name}_{stride}_end"));
        let out = format!("{name}_{stride}");
        e.integers(&a, &[first]).integers(&b, &[end]).op("Slice", &[from, &a, &b, "rows_axis"], &out);
        e.output(&out, F32, &[1, (end - first) as usize, columns]);
    }
}

/// People as YuNet sees faces: two scores whose product's root counts, and boxes that are placed as YOLOX's.
pub fn yunet() -> Ending {
    let mut e = people();
    e.op("Mul", &["person", "person"], "squared").op("Div", &["person", "person"], "sure");
    by_grid(&mut e, "squared", "cls", 1);
    by_grid(&mut e, "sure", "obj", 1);
    by_grid(&mut e, "raw_box", "bbox", 4);
    e
}

/// People as RetinaFace sees faces: two priors a cell, of which the second sees nothing.
pub fn retinaface() -> Ending {
    let mut e = people();
    let stride_of = |row: usize| {
        if row < 2704 {
            8.0
        } else if row < 3380 {
            16.0
        } else {
            32.0f32
        }
    };
    let prior = |row: usize| match stride_of(row) as u32 {
        8 => 16.0,
        16 => 64.0,
        _ => 256.0f32,
    };
    let sides: Vec<f32> = (0..ALL).map(prior).collect();
    e.floats("prior", &[1, ALL, 1], &sides)
        .floats("half_cell", &[1], &[0.5])
        .floats("tenth", &[1], &[0.1])
        .floats("fifth", &[1], &[0.2])
        // Sizes in priors, and how far centres lie from the middle of their cell.
        .op("Sub", &["offset", "half_cell"], "off")
        .op("Mul", &["off", "stride"], "off_px")
        .op("Div", &["off_px", "prior"], "off_prior")
        .op("Div", &["off_prior", "tenth"], "loc_xy")
        .op("Div", &["wh", "prior"], "wh_prior")
        .op("Log", &["wh_prior"], "log_wh")
        .op("Div", &["log_wh", "fifth"], "loc_wh")
        .concat(&["loc_xy", "loc_wh"], 2, "loc_one")
        .op("Sub", &["one", "person"], "nobody")
        .concat(&["nobody", "person"], 2, "conf_one")
        .floats("no_loc", &[1, ALL, 4], &[0.0; ALL * 4])
        .floats("no_conf", &[1, ALL, 2], &[1.0, 0.0].repeat(ALL));
    for (name, columns) in [("loc", 4), ("conf", 2)] {
        // Both priors of a cell beside each other are both rows one after the other.
        let (one, none, both) = (format!("{name}_one"), format!("no_{name}"), format!("{name}_both"));
        let shape = format!("{name}_shape");
        e.concat(&[&one, &none], 2, &both).integers(&shape, &[1, 2 * ALL as i64, columns]);
        e.op("Reshape", &[&both, &shape], name).output(name, F32, &[1, 2 * ALL, columns as usize]);
    }
    e.floats("no_landms", &[1, 2 * ALL, 10], &[0.0; 2 * ALL * 10]).op("Identity", &["no_landms"], "landms");
    e.output("landms", F32, &[1, 2 * ALL, 10]);
    e
}

/// People as SCRFD sees faces: distances in cells from a cell's corner, two boxes a cell, of which the first sees nothing.
pub fn scrfd() -> Ending {
    let mut e = people();
    e.op("Sub", &["half_cells", "offset"], "near")
        .op("Add", &["half_cells", "offset"], "far")
        .concat(&["near", "far"], 2, "sides_one")
        .op("Identity", &["person"], "scores_one")
        .floats("no_sides", &[1, ALL, 4], &[0.0; ALL * 4])
        .floats("no_scores", &[1, ALL, 1], &[0.0; ALL]);
    for (name, columns) in [("scores", 1), ("sides", 4)] {
        let (one, none, both) = (format!("{name}_one"), format!("no_{name}"), format!("{name}_both"));
        e.concat(&[&none, &one], 2, &both);
        for (stride, first, end) in GRIDS {
            let (a, b) = (format!("{name}_{stride}_a"), format!("{name}_{stride}_b"));
            let (cut, shape, out) =
                (format!("{name}_{stride}_cut"), format!("{name}_{stride}_shape"), format!("{name}_{stride}"));
            let rows = 2 * (end - first);
            e.integers(&a, &[first]).integers(&b, &[end]).integers(&shape, &[rows, columns]);
            e.op("Slice", &[&both, &a, &b, "rows_axis"], &cut).op("Reshape", &[&cut, &shape], &out);
            e.output(&out, F32, &[rows as usize, columns as usize]);
        }
    }
    e
}
