//! Loops in Python, and peers that are installed from PyPI, on the same videos, the same model and the same rate: frames looked at by the clock, when each has the
//! machine for itself and all that it can use of it, and by the processor time that it took. Decoding is included.
//!
//! `script/bench` installs them into the cache (`benches/peers/install`); one that is not there is told. They read as fast as they can. The site reads in real time, as
//! it always does: it has as many cameras as it can't quite keep up with, a copy of each video for each.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use parapet_testkit::site::{SiteFolder, shared_data};

use crate::{
    site::BenchSite,
    support::{Figures, Spread, cpu_of_process},
};

const VIDEOS: [&str; 3] =
    ["videos/ahmetozlu_vehicle.mp4", "videos/azure_perimeterdemo720.mp4", "videos/intel_one-by-one-person.mp4"];
const MODEL: &str = "models/yolox_nano_416.onnx";
const SPAN: Duration = Duration::from_secs(10);
const ROUNDS: usize = 3;
/// Cameras on each video: 5 looks a second each are more than two cores can do.
const COPIES: usize = 8;

/// What one has done in a second of the clock, and in one of processor time.
#[derive(Clone, Copy)]
struct Looks {
    by_clock: f64,
    by_cpu: f64,
}

struct Python {
    name: &'static str,
    environment: &'static str,
    script: &'static str,
    arguments: &'static [&'static str],
    hold: f64,
}

const PEERS: [Python; 4] = [
    Python {
        name: "Python loop, default settings",
        environment: "python",
        script: "loop.py",
        arguments: &[],
        hold: 2.0,
    },
    Python {
        name: "Python loop, well tuned",
        environment: "python",
        script: "loop.py",
        arguments: &["--tuned"],
        hold: 1.0,
    },
    Python { name: "roboflow inference", environment: "roboflow", script: "roboflow.py", arguments: &[], hold: 1.0 },
    Python { name: "nvidia-pytriton", environment: "pytriton", script: "triton.py", arguments: &[], hold: 1.0 },
];

/// Measures, turn by turn.
pub fn run(figures: &mut Figures) {
    let mut own = Vec::new();
    let mut theirs: Vec<Vec<Looks>> = vec![Vec::new(); PEERS.len()];
    for _ in 0..ROUNDS {
        own.push(site());
        for (peer, seen) in PEERS.iter().zip(&mut theirs) {
            match peer.run() {
                Ok(looks) => seen.push(looks),
                Err(why) => figures.missing(peer.name, &why),
            }
        }
    }
    tell(figures, "site with decoder", &own);
    for (peer, seen) in PEERS.iter().zip(theirs).filter(|(_, seen)| seen.len() == ROUNDS) {
        tell(figures, peer.name, &seen);
        let ratios = |of: fn(&Looks) -> f64| {
            Spread::of(own.iter().zip(&seen).map(|(own, theirs)| of(own) / of(theirs)).collect())
        };
        figures.at_least(&format!("site ÷ {}, by the clock", peer.name), ratios(|looks| looks.by_clock), "", peer.hold);
        figures.spread(&format!("site ÷ {}, by processor time", peer.name), ratios(|looks| looks.by_cpu), "", None);
    }
}

fn tell(figures: &mut Figures, who: &str, seen: &[Looks]) {
    let spread = |of: fn(&Looks) -> f64| Spread::of(seen.iter().map(of).collect());
    figures.spread(&format!("{who}: looks"), spread(|looks| looks.by_clock), "a second", None);
    figures.spread(&format!("{who}: looks"), spread(|looks| looks.by_cpu), "a CPU second", None);
}

impl Python {
    fn run(&self) -> Result<Looks, String> {
        let folder = peers().join(self.environment);
        let python = folder.join("bin/python");
        if !python.exists() {
            return Err(format!("{} is not there: benches/peers/install", python.display()));
        }
        let mut command = Command::new(python);
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(self.script))
            .args(["--model".as_ref(), shared_data(MODEL).as_os_str()])
            .args(["--fps", "5", "--seconds", &SPAN.as_secs().to_string()])
            .args(self.arguments)
            .args(VIDEOS.map(shared_data))
            // Triton finds CUDA's library beside the wheel, also where there is no GPU.
            .env("LD_LIBRARY_PATH", folder.join("lib/python3.11/site-packages/nvidia_pytriton.libs"))
            .stderr(Stdio::null());
        let told = command.output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        let line = text.lines().rev().find(|line| line.starts_with('{')).unwrap_or_default();
        let line: serde_json::Value = serde_json::from_str(line).map_err(|_| format!("it said {text:?}"))?;
        match ["looked", "cpu", "wall"].map(|key| line[key].as_f64().filter(|number| *number > 0.0)) {
            [Some(looked), Some(cpu), Some(wall)] => Ok(Looks { by_clock: looked / wall, by_cpu: looked / cpu }),
            _ => Err(format!("it said {line}")),
        }
    }
}

fn peers() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache/parapet");
    std::env::var_os("PARAPET_CACHE").map_or_else(home, PathBuf::from).join("peers")
}

fn site() -> Looks {
    let folder = SiteFolder::with("bench", &format!("media: [\"{}\"]\n", shared_data("videos").display()));
    folder.file("models/coco.yaml", &format!("file: \"{}\"\nslots: 2\n", shared_data(MODEL).display()));
    for (n, video) in VIDEOS.into_iter().cycle().take(VIDEOS.len() * COPIES).enumerate() {
        let text = format!("source: \"{}\"\nrepeat: true\nfps: 5fps\nmodels: [coco]\n", shared_data(video).display());
        folder.file(&format!("cameras/c{n}.yaml"), &text);
    }
    let site = BenchSite::start(&folder, |_| {});
    std::thread::sleep(Duration::from_secs(3));
    let pid = std::process::id();
    let (began, cpu, looks) = (Instant::now(), cpu_of_process(pid), site.looks());
    while began.elapsed() < SPAN {
        std::thread::sleep(Duration::from_millis(100));
    }
    let looks = site.looks() - looks;
    Looks { by_clock: looks / began.elapsed().as_secs_f64(), by_cpu: looks / (cpu_of_process(pid) - cpu).as_secs_f64() }
}
