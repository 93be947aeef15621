//! What the reference saw on the shared videos, and how much of it `parapet detect` sees.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use parapet_contracts::BBox;
use serde_json::Value;

/// A file of the shared test data.
pub fn shared(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    assert!(path.exists(), "{} is absent: this test needs the shared test data", path.display());
    path.canonicalize().unwrap()
}

/// Class, box and score of each thing, by frame; and the time of each frame.
type Seen = BTreeMap<u64, (f64, Vec<(u64, BBox, f64)>)>;

/// What has a lower score may be seen or not.
const SURE: f64 = 0.4;

fn bbox(value: &Value) -> BBox {
    let edges: Vec<f32> = value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
    BBox::from(<[f32; 4]>::try_from(edges).unwrap())
}

fn detect(model: &Path, video: &Path, every: u64, more: &[&str]) -> Seen {
    let output = Command::new(env!("CARGO_BIN_EXE_parapet"))
        .args(["detect", "--every", &every.to_string(), "--model"])
        .arg(model)
        .arg("--input")
        .arg(video)
        .args(more)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {told}", model.display());
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    lines
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("standard output holds JSON lines alone");
            let things = line["detections"].as_array().unwrap().iter();
            let things =
                things.map(|d| (d["class"].as_u64().unwrap(), bbox(&d["box"]), d["score"].as_f64().unwrap())).collect();
            (line["frame"].as_u64().unwrap(), (line["t"].as_f64().unwrap(), things))
        })
        .collect()
}

/// How a model is compared with the reference.
pub struct Comparison<'a> {
    /// The video, without `.mp4`.
    pub video: &'a str,
    /// The model that the reference ran.
    pub oracle: &'a str,
    /// Only this class of the reference counts.
    pub class: Option<u64>,
    /// Flags of `parapet detect`.
    pub flags: &'a [&'a str],
}

impl Comparison<'_> {
    /// Fails unless 95 of 100 boxes that the reference saw with a score of 0.4 and more are seen: same class, an overlap of 0.7.
    pub fn holds(&self, model: &Path) {
        let Self { video, oracle, class, flags } = *self;
        let name = model.file_name().unwrap().to_string_lossy();
        let oracle = std::fs::read(shared(&format!("oracle/{video}.{oracle}.json"))).unwrap();
        let oracle: Value = serde_json::from_slice(&oracle).unwrap();
        let every = oracle["frame_step"].as_u64().unwrap();
        let seen = detect(model, &shared(&format!("videos/{video}.mp4")), every, flags);
        let frames = oracle["frames"].as_array().unwrap();
        assert_eq!(seen.len(), frames.len(), "one line for each examined frame");
        // The reference ended at a score of its own.
        let all = frames.iter().flat_map(|frame| frame["d"].as_array().unwrap());
        let lowest = all.map(|d| d["s"].as_f64().unwrap()).fold(1.0, f64::min);
        let (mut wanted, mut found, mut more) = (0, 0, 0);
        for frame in frames {
            let (t, things) = &seen[&frame["i"].as_u64().unwrap()];
            assert!((t - frame["t"].as_f64().unwrap()).abs() < 1e-3, "frame {} is at {t} s", frame["i"]);
            let mut left = things.clone();
            for want in frame["d"].as_array().unwrap() {
                let counts = want["s"].as_f64().unwrap() >= SURE;
                let (number, want) = (want["c"].as_u64().unwrap(), bbox(&want["b"]));
                if class.is_some_and(|class| class != number) {
                    continue;
                }
                wanted += usize::from(counts);
                if let Some(at) = left.iter().position(|(c, b, _)| *c == number && b.iou(&want) >= 0.7) {
                    left.swap_remove(at);
                    found += usize::from(counts);
                }
            }
            more += left.iter().filter(|(.., score)| *score >= SURE.max(lowest + 0.1)).count();
        }
        eprintln!("{name}, {video}: {found} of {wanted}, {more} that the reference doesn't have");
        assert!(wanted > 100, "the reference has something to find");
        assert!(found * 100 >= wanted * 95, "{name}, {video}: {found} of {wanted} boxes were found");
        assert!(
            more * 4 <= wanted,
            "{name}, {video}: {more} boxes that the reference doesn't have, beside its {wanted}"
        );
    }
}
