//! Draws boxes on a JPEG, to look at: `draw_boxes IN.jpg OUT.jpg [LABEL SCORE X1 Y1 X2 Y2]…`
#![allow(clippy::unwrap_used, clippy::print_stdout)]

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (files, boxes) = arguments.split_at(2);
    let boxes: Vec<_> = boxes
        .chunks_exact(6)
        .map(|part| {
            let number = |at: usize| part[at].parse::<f32>().unwrap();
            ([number(2), number(3), number(4), number(5)].into(), part[0].as_str(), number(1))
        })
        .collect();
    let drawn = parapet_evidence_fs::draw::with_boxes(&std::fs::read(&files[0]).unwrap(), (0, 0), &boxes).unwrap();
    std::fs::write(&files[1], drawn).unwrap();
    println!("{}: {} boxes", files[1], boxes.len());
}
