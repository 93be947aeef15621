//! Who gets how much of a slot that can't do it all: one camera of 30 frames a second, nine of 5, and one that is silent for five seconds and then sends 25 a second.
//!
//! Jain's index over what each got ÷ what it may get. What it may get is max–min fair, second by second: an equal part of the looks of that second,
//! unless it had fewer frames, and what it leaves goes to the others. The slot sleeps in the place of a model, so that the machine's load matters little.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parapet_contracts::Picture;
use parapet_testkit::{
    media::grey,
    site::{SiteFolder, shared_data},
};

use crate::{
    site::{BenchSite, Cameras, Watched, frame, place_of},
    support::{Figures, Spread},
};

const CAMERAS: usize = 11;
const SECONDS: usize = 30;
/// 25 looks a second, and about 87 wanted.
const LOOK: Duration = Duration::from_millis(40);

/// When camera `n` sends, in seconds from the beginning.
fn times(n: usize) -> Vec<f64> {
    let even = |fps: usize| (0..SECONDS * fps).map(move |k| k as f64 / fps as f64);
    match n {
        0 => even(30).collect(),
        10 => even(25).filter(|at| (at / 5.0) as usize % 2 == 1).collect(),
        // Out of step, as cameras are.
        _ => even(5).map(|at| at + n as f64 * 0.017).collect(),
    }
}

/// Measures.
pub fn run(figures: &mut Figures) {
    let folder = SiteFolder::new("bench");
    // Checked, and then not opened: a sleeper has its place.
    let file = shared_data("models/nanodet_m_320.onnx");
    folder.file("models/slow.yaml", &format!("file: \"{}\"\n", file.display()));
    for n in 0..CAMERAS {
        // One that is silent for seconds must not be taken for dead and opened anew.
        let text = format!("source: {}\nmodels: [slow]\nstall_after: 1m\n", Cameras::source(n));
        folder.file(&format!("cameras/c{n}.yaml"), &text);
    }
    let (media, watched) = (Cameras::default(), Watched::sleepers(LOOK));
    let site = BenchSite::start(&folder, |ports| {
        ports.media = Arc::new(media.clone());
        ports.engines = Arc::new(watched.clone());
    });
    let pictures: Vec<Picture> = (0..CAMERAS).map(|_| grey(8, 8)).collect();
    let sinks = media.sinks(CAMERAS);
    let mut events: Vec<(f64, usize)> =
        (0..CAMERAS).flat_map(|n| times(n).into_iter().map(move |at| (at, n))).collect();
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    let began = Instant::now();
    watched.looks.lock().clear();
    for (index, (at, n)) in events.iter().enumerate() {
        std::thread::sleep(Duration::from_secs_f64(*at).saturating_sub(began.elapsed()));
        sinks[*n].frame(frame(index as u64, &pictures[*n]));
    }
    drop(site);

    let camera: HashMap<usize, usize> =
        pictures.iter().enumerate().map(|(n, picture)| (place_of(picture), n)).collect();
    let mut got = vec![[0.0; CAMERAS]; SECONDS + 1];
    let mut had = vec![[0.0; CAMERAS]; SECONDS + 1];
    for (at, n) in &events {
        had[*at as usize][*n] += 1.0;
    }
    let mut gaps = [0.0_f64; CAMERAS];
    let mut last = [None::<f64>; CAMERAS];
    for look in watched.looks.lock().iter() {
        let (Some(&n), at) = (camera.get(&look.place), (look.from - began).as_secs_f64()) else { continue };
        got[(at as usize).min(SECONDS)][n] += 1.0;
        // The silence of the bursty one is no gap.
        let sends = |at: f64| n != 10 || (at / 5.0) as usize % 2 == 1;
        if let Some(last) = last[n].filter(|last| sends(*last) && sends(at) && at - last < 5.0) {
            gaps[n] = gaps[n].max(at - last);
        }
        last[n] = Some(at);
    }
    let (mut may, mut sums) = ([0.0; CAMERAS], [0.0; CAMERAS]);
    for (got, had) in got.iter().zip(&had) {
        // One frame may still wait from the second before.
        let wants: Vec<f64> = got.iter().zip(had).map(|(got, had)| f64::max(*had, *got)).collect();
        for (n, part) in fair(&wants, got.iter().sum()).into_iter().enumerate() {
            may[n] += part;
            sums[n] += got[n];
        }
    }
    for (n, (got, may)) in sums.iter().zip(&may).enumerate() {
        eprintln!("   camera {n}: {got} looks of {may:.1}");
    }
    let shares: Vec<f64> = sums.iter().zip(&may).map(|(got, may)| got / may).collect();
    let (sum, squares) = shares.iter().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    figures.at_least(
        "Jain's index over what each got ÷ what it may get",
        Spread::one(sum * sum / (11.0 * squares)),
        "",
        0.99,
    );
    figures.spread("got ÷ may get, by camera", Spread::of(shares), "", None);
    figures.one("longest gap, camera of 30 fps", gaps[0], "s", None);
    figures.one("longest gap, cameras of 5 fps", gaps[1..10].iter().copied().fold(0.0, f64::max), "s", None);
    figures.one("longest gap, bursty camera while it sends", gaps[10], "s", None);
}

/// Max–min fair parts of `total`.
fn fair(wants: &[f64], total: f64) -> Vec<f64> {
    let (mut low, mut high) = (0.0, total);
    for _ in 0..60 {
        let level = (low + high) / 2.0;
        if wants.iter().map(|want| want.min(level)).sum::<f64>() > total { high = level } else { low = level }
    }
    wants.iter().map(|want| want.min(low)).collect()
}
