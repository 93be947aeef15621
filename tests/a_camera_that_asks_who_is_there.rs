//! Cameras that ask for a password, and cameras that speak TLS: who is let in, what is said otherwise, and that no secret is in it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{fs, process::Command, time::Duration};

use parapet_contracts::{Secret, camera::Credentials};
use parapet_media_gstreamer::simulate::{RtspSimulator, SimOptions};
use parapet_testkit::{RunningSite, SiteFolder, pace::journalled, shared_data};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;
use support::PARAPET;

const USER: &str = "canary-user-51c2";
const RIGHT: &str = "canary-right/ö @51c2";
const WRONG: &str = "canary-wrong-51c2";
const LIMIT: Duration = Duration::from_secs(20);

fn wait(site: &RunningSite, what: &str, good: impl Fn(&Value) -> bool) -> Value {
    site.wait_for(what, "/api/v1/cameras/door", LIMIT, |told| good(&told["status"]))["status"].clone()
}

#[test]
fn a_wrong_password_is_told_without_telling_it_and_the_right_one_is_taken_up() {
    for digest in [false, true] {
        let users = vec![Credentials { username: Secret::new(USER), password: Secret::new(RIGHT) }];
        let options = SimOptions { users, digest, ..SimOptions::default() };
        let server = RtspSimulator::start(shared_data("videos/ahmetozlu_vehicle.mp4"), &options).unwrap();
        let folder = SiteFolder::with("secrets", "telemetry: {level: debug}\n");
        let file = |password: &str| {
            let path = folder.path().join("password.txt");
            fs::write(&path, password).unwrap();
            let text = format!(
                "source: {}\nusername: {USER}\npassword: ${{file:{}}}\nmodels: [none]\n# {}\n",
                server.url(),
                path.display(),
                password.len()
            );
            folder.file("cameras/door.yaml", &text);
        };
        folder.file("models/none.yaml", "kind: null\n");
        file(WRONG);
        let site = RunningSite::start(PARAPET, &folder);
        let told = wait(&site, "the camera waits", |told| told["state"] == "waiting");
        let error = told["last_error"].as_str().unwrap();
        assert!(error.contains("refuses user or password (401)"), "{error}");
        site.wait_for("the journal says so", "/api/v1/errors", LIMIT, |_| {
            journalled(&site, "cameras/door", "unauthorized") >= 1
        });
        file(RIGHT);
        wait(&site, "the right password lets in", |told| told["state"] == "live");

        for path in ["status", "site", "tree", "cameras", "errors?limit=500"] {
            let text = site.ask(&format!("/api/v1/{path}")).text();
            assert!(!text.contains("canary"), "{path}: {text}");
        }
        assert!(!site.ask("/metrics").text().contains("canary"));
        let ended = site.terminate();
        assert!(!ended.all().contains("canary"), "{}", ended.all());
    }
}

#[test]
fn a_camera_with_tls_is_watched_when_its_certificate_is_trusted_and_refused_when_it_is_not() {
    let files = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "the site's own authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "camera");
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let (trusted, pair) = (files.path().join("authority.pem"), files.path().join("camera.pem"));
    fs::write(&trusted, authority.pem()).unwrap();
    fs::write(&pair, certificate.pem() + &key.serialize_pem()).unwrap();
    let options = SimOptions { tls: Some(pair), ..SimOptions::default() };
    let server = RtspSimulator::start(shared_data("videos/ahmetozlu_vehicle.mp4"), &options).unwrap();
    assert!(server.url().starts_with("rtsps://"), "{}", server.url());
    let folder = SiteFolder::new("tls");
    folder
        .file("models/none.yaml", "kind: null\n")
        .file("cameras/door.yaml", &format!("source: {}\nmodels: [none]\n", server.url()));

    let site = RunningSite::start(PARAPET, &folder);
    let told = wait(&site, "the camera waits", |told| told["state"] == "waiting");
    let error = told["last_error"].as_str().unwrap();
    assert!(error.contains("certificate of the camera is not trusted"), "{error}");
    assert_eq!(told["frames_in"], 0);
    assert_eq!(site.terminate().code, Some(0));

    // The machine's trust store, as this one process sees it.
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "sh",
            "-c",
            "mount --bind \"$1\" /etc/ssl/certs/ca-certificates.crt && exec \"$2\" run --config \"$3\"",
            "sh",
        ])
        .arg(&trusted)
        .args([PARAPET, folder.arg()]);
    let site = RunningSite::start_with(&mut command, folder.http());
    let told =
        wait(&site, "frames through TLS", |told| told["state"] == "live" && told["frames_in"].as_u64() > Some(10));
    assert_eq!((&told["reconnects"], &told["last_error"]), (&0.into(), &Value::Null), "{told:#}");
    assert_eq!(site.terminate().code, Some(0));
}
