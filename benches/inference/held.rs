//! How many cameras two things allow: what decoding and the model alone cost, and what the site makes of them.
//!
//! The ideal is processor time: `gst-launch-1.0` that decodes the same film and does nothing else, and ONNX Runtime in a loop. A machine of so many cores would hold
//! `cores ÷ (decode + 5 · look)` cameras; a site holds `cores ÷ what a camera costs it`. Both are measured in the same minute; a busy machine disturbs both alike.

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use parapet_testkit::site::{SiteFolder, shared_data};

use crate::{
    bare::Peer,
    pictures,
    site::BenchSite,
    support::{Figures, cpu_of_children, cpu_of_process},
};

const FPS: f64 = 5.0;
/// Cameras that are measured: few, so that a busy machine keeps up with them.
const FEW: usize = 3;
const SPAN: Duration = Duration::from_secs(10);

/// Measures.
pub fn run(figures: &mut Figures) {
    let cores = std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64);
    let model = shared_data("models/nanodet_m_320.onnx");
    for (name, width, height) in [("1080p30", 1920, 1080), ("360p30", 640, 360)] {
        let film = pictures::film(width, height);
        let look = 1.0 / bare_looks(&model);
        let ideal = decode_alone(&film) + FPS * look;
        let (cost, looked) = site_of(&film, &model, FEW, SPAN);
        figures.one(&format!("{name}: ideal, cameras at 5 fps by CPU cost"), cores / ideal, "", None);
        figures.one(&format!("{name}: held, cameras at 5 fps by CPU cost"), cores / cost, "", None);
        figures.one(&format!("{name}: frames looked at, of those wanted, with {FEW} cameras"), looked, "", None);
        figures.at_least(&format!("{name}: held ÷ ideal"), crate::support::Spread::one(ideal / cost), "", 0.9);
        let most = ((cores / ideal * 0.9) as usize).max(1);
        let (_, looked) = site_of(&film, &model, most, SPAN);
        figures.one(&format!("{name}: frames looked at, of those wanted, with {most} cameras"), looked, "", None);
    }
}

/// Looks a CPU second of ONNX Runtime alone.
fn bare_looks(model: &Path) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let tensor = folder.path().join("tensor.f32");
    std::fs::write(&tensor, vec![0_u8; 3 * 320 * 320 * 4]).unwrap();
    let mut peer = Peer::start(model, &tensor, Duration::from_secs(2));
    peer.turn();
    peer.turn().per_cpu_second()
}

/// Processors that decoding the film at its own rate takes.
fn decode_alone(film: &Path) -> f64 {
    let before = cpu_of_children();
    let ended = Command::new("gst-launch-1.0")
        .args(["-q", "filesrc", &format!("location={}", film.display()), "!", "qtdemux", "!", "h264parse", "!"])
        .args(["avdec_h264", "max-threads=1", "!", "fakesink", "sync=false"])
        .stdout(Stdio::null())
        .status()
        .expect("gst-launch-1.0");
    assert!(ended.success());
    (cpu_of_children() - before).as_secs_f64() / pictures::seconds(film)
}

/// Processors that a camera costs, and the part of the wanted frames that were looked at.
fn site_of(film: &Path, model: &Path, cameras: usize, span: Duration) -> (f64, f64) {
    let folder = SiteFolder::with("bench", &format!("media: [\"{}\"]\n", film.parent().unwrap().display()));
    folder.file("models/coco.yaml", &format!("file: \"{}\"\nslots: 2\n", model.display()));
    for n in 0..cameras {
        let text = format!("source: \"{}\"\nrepeat: true\nfps: 5fps\nmodels: [coco]\n", film.display());
        folder.file(&format!("cameras/c{n}.yaml"), &text);
    }
    let site = BenchSite::start(&folder, |_| {});
    std::thread::sleep(Duration::from_secs(2));
    let pid = std::process::id();
    let (began, cpu, looks) = (Instant::now(), cpu_of_process(pid), site.looks());
    std::thread::sleep(span);
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_of_process(pid) - cpu);
    let looked = (site.looks() - looks) / (FPS * cameras as f64 * seconds);
    let _keeps: Arc<_> = Arc::clone(&site.site);
    // What was not looked at was not paid for either.
    (cpu.as_secs_f64() / seconds / cameras as f64 / looked.max(0.01), looked)
}
