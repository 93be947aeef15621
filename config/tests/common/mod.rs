//! A site in a temporary folder, and what its tests ask of it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeMap, path::Path};

use parapet_config::{Environment, Files, Loaded, NoSecret, Problems, SecretProvider, Secrets, load};
use parapet_contracts::ports::probe::ModelProbe;

/// The labels of every model file.
pub struct Probe(pub Option<Vec<&'static str>>);

impl ModelProbe for Probe {
    fn labels(&self, model: &Path) -> Result<Option<Vec<String>>, String> {
        if std::fs::read(model).unwrap_or_default().starts_with(b"broken") {
            return Err("it is no ONNX model".to_owned());
        }
        Ok(self.0.as_ref().map(|labels| labels.iter().map(|l| (*l).to_owned()).collect()))
    }
}

/// `${env:…}` from a map.
pub struct Env(pub BTreeMap<&'static str, &'static str>);

impl SecretProvider for Env {
    fn scheme(&self) -> &str {
        "env"
    }
    fn read(&self, name: &str, _site: &Path) -> Result<String, NoSecret> {
        self.0.get(name).map(|v| (*v).to_owned()).ok_or_else(|| "this environment variable is not set".into())
    }
}

/// A site's folder.
pub struct TestSite(pub tempfile::TempDir);

impl TestSite {
    /// A site with a minimal `site.yaml` and these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        site.write("site.yaml", "site:\n  id: yard\n");
        for (name, text) in files {
            site.write(name, text);
        }
        site
    }

    pub fn dir(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.dir().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn load(&self) -> Result<Loaded, Problems> {
        self.load_with(&[])
    }

    pub fn load_with(&self, env: &[(&'static str, &'static str)]) -> Result<Loaded, Problems> {
        let secrets = Secrets::new(vec![Box::new(Env(env.iter().copied().collect())), Box::new(Files)]);
        load(self.dir(), &Probe(Some(vec!["person", "car"])), &secrets)
    }

    /// The lines that a user would see.
    pub fn errors(&self) -> Vec<String> {
        self.load().expect_err("this site has an error").list.iter().map(ToString::to_string).collect()
    }

    /// The only line that a user would see.
    pub fn error(&self) -> String {
        let errors = self.errors();
        assert_eq!(errors.len(), 1, "one error was expected:\n{}", errors.join("\n"));
        errors[0].clone()
    }
}

/// The standard providers exist, too.
pub fn standard() -> [&'static str; 2] {
    let (env, file) = (Environment, Files);
    assert_eq!((env.scheme(), file.scheme()), ("env", "file"));
    ["env", "file"]
}

/// A site that uses every key.
pub const FULL: &[(&str, &str)] = &[
    (
        "site.yaml",
        "site:\n  id: yard\n  name: The yard\ntime_zone: Europe/Berlin\nmedia: [media, /dev]\nstore:\n  path: data/store\n  retention: {events: 3d, events_size: 1GiB, alerts: 30d, errors: 10d, errors_most: 5000}\n  backups: {path: /mnt/backups, keep: 3, every: 1d}\nevidence: {path: data/evidence, quality: 90, keep_for: 30d, size: 20GiB, clips: {keep_for: 10d, size: 50GiB}, min_free: 2GiB}\nbus:\n  broker: mqtts://mqtt.example.org\n  username: ${env:USER}\n  password: ${env:PASS}\n  client_id: yard-1\n  session_expiry: 10m\n  tls: {ca: ca.pem, cert: cert.pem, key: key.pem}\nhttp: {listen: \"127.0.0.1:8081\"}\ntelemetry: {level: \"info,parapet=debug\", format: json, otlp: \"http://127.0.0.1:4318\"}\nonnxruntime: lib.so\nshutdown: 5s\n",
    ),
    ("ca.pem", "x"),
    ("cert.pem", "x"),
    ("key.pem", "x"),
    ("lib.so", "x"),
    ("models/people.onnx", "onnx"),
    (
        "models/people.yaml",
        "file: models/people.onnx\nlayout: yolox\ninput: {size: [416, 320], channels: bgr, scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: letterbox, pad: 114}\nlabels: [person, car]\nmin_score: {person: 0.5, default: 0.3}\nnms: 0.5\nmax_detections: 50\nslots: [{device: cpu, threads: 2}, {device: \"cuda:1\", fallback: cpu}]\nmax_fps: 5fps\ntrack: false\nisolation: process\nhung_after: 3s\n",
    ),
    ("models/none.yaml", "kind: null\n"),
    ("models/next.yaml", "kind: null\nshadow: {of: people, share: 0.2}\n"),
    (
        "cameras/gate.yaml",
        "name: Gate\nsource: rtsp://192.168.1.20/stream1\nusername: admin\npassword: ${env:PASS}\nfps: 5fps\ntransport: udp\nlatency: 200ms\nstall_after: 4s\nmodels: [people, none]\nzones:\n  dock: [[0.1, 0.5], [0.9, 0.5], [0.9, 1], [0.1, 1]]\nlines: {gate: [[0.5, 0], [0.5, 1]]}\nsubstream: rtsp://192.168.1.20/stream2\nmotion: {every: 10s, hold: 3s, sensitivity: low, masks: [[[0, 0], [0.2, 0.1]]]}\nidle: keyframes\npicture_faults: [covered, moved]\nregions: [[[0, 0.4], [1, 1]]]\nplace: {latitude: 53.5, longitude: 10, floor: 2}\nlink: 5G\nsim: 8949020000001234567\ntags: [outside]\nenabled: true\n",
    ),
    ("cameras/ball.yaml", "source: test://ball?size=320x240&fps=5\nmodels: [none]\n"),
    (
        "rules/intruder.yaml",
        "name: Intruder\ncameras: [gate]\nwhen:\n  - label: person\n    min_score: 0.6\n    min_count: 2\n  - label: [car]\nzone: dock\nheld_for: 2s\ncooldown: 30s\nseverity: critical\nmessage: \"{count} {label} at {camera}\"\nschedule:\n  - {days: [mon, weekend], from: \"22:00\", to: \"06:00\"}\nmodel: people\nenabled: true\n",
    ),
    (
        "uploaders/file.yaml",
        "what: [alerts, events]\nsink: {file: {path: data/out.jsonl, rotate: 5MiB, keep: 3}}\nbackoff: {first: 2s, max: 1m}\nenabled: false\n",
    ),
];
