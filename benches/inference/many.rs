//! A thousand cameras of 5 frames a second and a model that costs nothing: what is left is the framework.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parapet_testkit::{media::grey, site::SiteFolder};

use crate::{
    site::{BenchSite, Cameras, frame},
    support::{Figures, cpu_of_process, cpu_of_thread, memory_of, threads_of},
};

const CAMERAS: usize = 1000;
const FPS: f64 = 5.0;
const SPAN: Duration = Duration::from_secs(10);

/// Measures.
pub fn run(figures: &mut Figures) {
    let pid = std::process::id();
    let folder = SiteFolder::new("bench");
    folder.file("models/none.yaml", "kind: null\n");
    let media = Cameras::default();
    let site = BenchSite::start(&folder, |ports| ports.media = Arc::new(media.clone()));
    std::thread::sleep(Duration::from_millis(500));
    let before = memory_of(pid).anonymous;
    for n in 0..CAMERAS {
        folder.file(&format!("cameras/c{n}.yaml"), &format!("source: {}\nmodels: [none]\n", Cameras::source(n)));
    }
    site.reload(&folder);
    let (sinks, picture) = (media.sinks(CAMERAS), grey(8, 8));
    // Each camera has sent before anything is counted.
    let play = |span: Duration| {
        let (began, mut sent) = (Instant::now(), 0_u64);
        while began.elapsed() < span {
            let due = (began.elapsed().as_secs_f64() * FPS * CAMERAS as f64) as u64;
            while sent < due {
                sinks[sent as usize % CAMERAS].frame(frame(sent, &picture));
                sent += 1;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        sent as f64
    };
    play(Duration::from_secs(2));
    let (cpu, own, looks) = (cpu_of_process(pid), cpu_of_thread(), site.looks());
    let sent = play(SPAN);
    let (cpu, own) = (cpu_of_process(pid) - cpu, cpu_of_thread() - own);
    let looked = site.looks() - looks;
    figures.one(
        "1,000 cameras: CPU a frame, the benchmark's own thread included",
        cpu.as_secs_f64() * 1e6 / sent,
        "µs",
        Some(20.0),
    );
    figures.one("1,000 cameras: of that the thread that plays them all", own.as_secs_f64() * 1e6 / sent, "µs", None);
    figures.one("1,000 cameras: frames looked at, of those sent", looked / sent, "", None);
    let memory = (memory_of(pid).anonymous - before) * 1024.0 / CAMERAS as f64;
    figures.one("1,000 cameras: memory each", memory, "KiB", Some(64.0));
    figures.one("1,000 cameras: threads of the process", threads_of(pid), "", None);
}
