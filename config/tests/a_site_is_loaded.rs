//! A valid site becomes a complete, checked configuration.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{path::PathBuf, time::Duration};

use common::{FULL, TestSite};
use jiff::civil::Weekday;
use parapet_config::{
    BrokerConfig, BusConfig, Condition, EmbeddedConfig, Resize, RuleBody, Sink, SlotConfig, TlsConfig, UploadKind,
};
use parapet_contracts::{
    Polygon, Severity,
    camera::{Link, Location, Pace, Transport},
    ports::inference::Device,
};

#[test]
fn a_site_file_alone_is_a_whole_site_with_defaults() {
    let site = TestSite::new(&[]);
    let config = site.load().unwrap().config;
    assert_eq!(config.site.id.as_str(), "yard");
    assert_eq!(config.site.name, "yard");
    assert_eq!(config.site.http, "127.0.0.1:8080".parse().unwrap());
    let embedded =
        EmbeddedConfig { listen: "127.0.0.1:1883".parse().unwrap(), anybody: false, tls: None, users: Vec::new() };
    assert_eq!(config.site.bus, BusConfig::Embedded(embedded));
    assert_eq!(config.site.store.path, site.dir().join("data/store"));
    assert_eq!(config.site.evidence.path, site.dir().join("data/evidence"));
    assert_eq!(config.site.media, [site.dir().join("media")]);
    assert!(
        config.cameras.is_empty() && config.models.is_empty() && config.rules.is_empty() && config.uploaders.is_empty()
    );
}

#[test]
fn a_site_file_whose_sections_are_commented_out_is_the_same_site() {
    let site = TestSite::new(&[]);
    let plain = site.load().unwrap();
    site.write("site.yaml", "# the site\nsite:\n  id: yard\nstore:\n  # path: x\nmedia:\nbus:\n  embedded:\n");
    assert_eq!(site.load().unwrap().config, plain.config);
}

#[test]
fn every_key_arrives_in_the_checked_configuration() {
    let site = TestSite::new(FULL);
    let loaded = site.load_with(&[("USER", "u"), ("PASS", "p")]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    let config = loaded.config;
    let s = &config.site;
    assert_eq!(s.time_zone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(s.store.retention.events_bytes, 1 << 30);
    let days = |n: u64| Duration::from_secs(n * 86_400);
    assert_eq!((s.evidence.quality, s.evidence.min_free), (90, 2 << 30));
    assert_eq!((s.evidence.pictures.keep_for, s.evidence.pictures.most), (days(30), Some(20 << 30)));
    assert_eq!((s.evidence.clips.keep_for, s.evidence.clips.most), (days(10), Some(50 << 30)));
    assert_eq!(s.store.retention.errors_most, 5_000);
    let backups = &s.store.backups;
    assert_eq!((backups.path.to_str(), backups.keep, backups.every), (Some("/mnt/backups"), 3, Some(days(1))));
    let BusConfig::Broker(broker) = &s.bus else { panic!("{:?}", s.bus) };
    let BrokerConfig { host, port, tls, credentials, client_id, .. } = broker;
    assert_eq!((host.as_str(), *port, client_id.as_str()), ("mqtt.example.org", 8883, "yard-1"));
    assert_eq!((&broker.token_file, broker.session_expiry), (&None, Duration::from_secs(600)));
    let (user, password) = credentials.as_ref().unwrap();
    assert_eq!((user.expose(), password.expose()), ("u", "p"));
    let file = |name: &str| site.dir().join(name);
    assert_eq!(tls, &Some(TlsConfig { ca: Some(file("ca.pem")), client: Some((file("cert.pem"), file("key.pem"))) }));
    assert!(s.telemetry.json && s.telemetry.level == "info,parapet=debug");
    assert_eq!(s.shutdown, Duration::from_secs(5));

    let m = &config.models["people"];
    assert_eq!(m.digest.as_ref().unwrap().len(), 64);
    assert_eq!(
        (m.io.layout.as_deref(), m.io.size, m.io.resize, m.io.pad),
        (Some("yolox"), Some((416, 320)), Some(Resize::Letterbox), Some(114))
    );
    assert_eq!((m.min_score, m.min_score_by_label["person"]), (0.3, 0.5));
    assert_eq!(
        m.slots,
        [
            SlotConfig { device: Device::Cpu, fallback: None, threads: 2 },
            SlotConfig { device: Device::Cuda(1), fallback: Some(Device::Cpu), threads: 1 }
        ]
    );
    assert_eq!(config.models["none"].file, None);

    let c = &config.cameras["gate"];
    assert_eq!(c.source.location, Location::Rtsp { url: "rtsp://192.168.1.20/stream1".to_owned() });
    assert_eq!(c.source.credentials.as_ref().unwrap().password.expose(), "p");
    assert_eq!(
        (c.source.max_fps, c.source.transport, c.source.latency),
        (Some(5.0), Transport::Udp, Duration::from_millis(200))
    );
    assert_eq!((c.link, c.sim.as_deref()), (Some(Link::FiveG), Some("8949020000001234567")));
    assert_eq!(c.place.as_ref().unwrap().floor.as_deref(), Some("2"));
    let dock = Polygon(vec![[0.1, 0.5], [0.9, 0.5], [0.9, 1.0], [0.1, 1.0]]);
    assert_eq!(c.zones["dock"], dock);
    assert_eq!(c.lines["gate"], parapet_contracts::Segment([[0.5, 0.0], [0.5, 1.0]]));
    assert_eq!(
        config.cameras["ball"].source.location,
        Location::Test { pattern: "ball".to_owned(), width: 320, height: 240, fps: 5.0 }
    );

    let r = &config.rules["intruder"];
    let RuleBody::Classic(when) = &r.body else { panic!("{:?}", r.body) };
    assert_eq!(when[0], Condition { labels: vec!["person".to_owned()], min_score: 0.6, min_count: 2 });
    assert_eq!(r.zone.as_ref().unwrap().polygons[&c.id], dock);
    assert_eq!(r.severity, Severity::Critical);
    assert_eq!(r.schedule[0].days, [Weekday::Monday, Weekday::Saturday, Weekday::Sunday]);
    assert_eq!(r.model.as_ref(), Some(&m.id));

    let u = &config.uploaders["file"];
    assert_eq!(u.what, [UploadKind::Alerts, UploadKind::Events]);
    assert_eq!(u.sink, Sink::File { path: site.dir().join("data/out.jsonl"), rotate_bytes: 5 << 20, keep: 3 });
    assert!(!u.enabled);
}

#[test]
fn a_rule_for_all_cameras_names_them_and_a_polygon_of_its_own_is_a_zone_of_each() {
    let site = TestSite::new(&[
        ("cameras/a.yaml", "source: test://ball\n"),
        ("cameras/b.yaml", "source: test://ball\n"),
        ("rules/r.yaml", "cameras: all\nwhen: [{label: person}]\nzone: [[0, 0], [1, 0], [1, 1]]\n"),
    ]);
    let rule = site.load().unwrap().config.rules["r"].clone();
    assert_eq!(rule.cameras.len(), 2);
    assert_eq!(rule.zone.as_ref().unwrap().polygons.len(), 2);
    assert_eq!(rule.zone.as_ref().unwrap().name, None);
}

#[test]
fn a_source_is_told_apart_by_its_form() {
    let site = TestSite::new(&[("media/clip.mp4", "x"), ("media/pictures/1.jpg", "x")]);
    let location = |source: &str| {
        site.write("cameras/c.yaml", format!("source: {source}\nrepeat: true\n"));
        site.write("site.yaml", "site: {id: yard}\nmedia: [media, /dev]\n");
        site.load().unwrap().config.cameras["c"].source.location.clone()
    };
    let path = |p: &str| site.dir().join(p);
    assert_eq!(
        location("media/clip.mp4"),
        Location::File { path: path("media/clip.mp4"), pace: Pace::RealTime, repeat: true }
    );
    assert_eq!(
        location("media/pictures"),
        Location::Images { path: path("media/pictures"), fps: 1.0, pace: Pace::RealTime, repeat: true }
    );
    assert_eq!(location("/dev/video0"), Location::Device { path: PathBuf::from("/dev/video0") });
    assert_eq!(location("https://cam/video.mjpg"), Location::Http { url: "https://cam/video.mjpg".to_owned() });
    assert_eq!(location("rtsps://cam/1"), Location::Rtsp { url: "rtsps://cam/1".to_owned() });
}

#[test]
fn anchors_work_and_a_new_model_file_is_a_new_model() {
    let site = TestSite::new(&[
        ("models/m.onnx", "one"),
        ("models/m.yaml", "file: models/m.onnx\n"),
        ("cameras/c.yaml", "source: test://ball\nzones:\n  a: &area [[0, 0], [1, 0], [1, 1]]\n  b: *area\n"),
    ]);
    let before = site.load().unwrap();
    let camera = &before.config.cameras["c"];
    assert_eq!(camera.zones["a"], camera.zones["b"]);
    assert!(before.inputs.contains(&site.dir().join("models/m.onnx")));
    site.write("models/m.onnx", "two");
    let after = site.load().unwrap().config;
    let changes = parapet_config::diff(&before.config, &after);
    assert_eq!(changes.models.changed.len(), 1);
    assert!(changes.cameras.is_empty());
}
