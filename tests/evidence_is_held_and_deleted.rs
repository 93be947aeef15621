//! Evidence goes when its time is over or when somebody says so, and both are told; what is held stays; and who did what can be verified.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parapet_contracts::{
    EvidenceRef, Severity,
    ports::store::{Batch, Durability, StorePort, Write},
};
use parapet_store_rocksdb::{RocksStore, StoreOptions};
use parapet_testkit::{
    RunningSite, SiteFolder,
    command::{Told, parapet},
    conformance::samples,
    site::until_free,
    wait::until,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);

/// Two cameras whose first pictures are evidence.
fn site() -> SiteFolder {
    let folder = SiteFolder::new("yard");
    folder.file("models/none.yaml", "kind: null\n").file(
        "rules/alive.yaml",
        "cameras: all\nsql: SELECT camera FROM status WHERE health = 'online' AND camera IN ('gate', 'dock')\nkey: \"{camera}\"\nmessage: \"{camera} is there\"\n",
    );
    for camera in ["gate", "dock"] {
        folder.file(&format!("cameras/{camera}.yaml"), "source: test://ball\nmodels: [none]\n");
    }
    folder
}

fn evidence(folder: &SiteFolder, args: &[&str]) -> Told {
    let told = parapet(PARAPET, &[&["evidence"], args, &["--config", folder.arg()]].concat());
    assert!(told.code.is_some(), "{}", told.all());
    told
}

fn said(told: &Told, words: &[&str]) {
    for word in words {
        assert!(told.out.contains(word), "{word:?} is not in: {}", told.all());
    }
}

/// The id of the alert of each camera: of the gate and of the dock.
fn alerts(site: &RunningSite) -> [String; 2] {
    let page = site.wait_for("two alerts", "/api/v1/alerts", MINUTE, |page| {
        page["items"].as_array().is_some_and(|items| items.len() == 2)
    });
    ["gate", "dock"].map(|camera| {
        let alert = page["items"].as_array().unwrap().iter().find(|alert| alert["camera"] == camera).unwrap();
        assert!(alert["evidence"]["bytes"].as_u64() > Some(500), "{alert:#}");
        alert["id"].as_str().unwrap().to_owned()
    })
}

#[test]
fn evidence_is_held_deleted_and_verified() {
    let folder = site();
    let site = RunningSite::start(PARAPET, &folder);
    let [gate, dock] = alerts(&site);
    let nothing = evidence(&folder, &["delete"]);
    assert_eq!(nothing.code, Some(2), "all of it is never meant: {}", nothing.all());
    let mute = evidence(&folder, &["hold", "--camera", "gate"]);
    assert_eq!((mute.code, mute.error().contains("say why")), (Some(1), true), "{}", mute.all());
    let held = evidence(&folder, &["hold", "--camera", "gate", "--why", "case 7", "--by", "ann"]);
    said(&held, &["camera gate by ann: case 7"]);
    let hold = held.out.split(' ').next().unwrap().to_owned();

    let stays = evidence(&folder, &["delete", &gate, "--why", "tidy", "--yes"]);
    said(&stays, &["deleted 0 files", "those of 1 alerts are held and stay"]);
    said(&evidence(&folder, &["delete", "--camera", "dock"]), &["1 files", "of 1 alerts would be deleted"]);
    assert_eq!(site.ask(&format!("/api/v1/alerts/{dock}/image")).status, 200);
    let gone = evidence(&folder, &["delete", "--camera", "dock", "--why", "on request", "--by", "bob", "--yes"]);
    said(&gone, &["deleted 1 files", "of 1 alerts"]);
    let answer = site.ask(&format!("/api/v1/alerts/{dock}/image"));
    assert_eq!((answer.status, answer.text().contains("by bob: on request")), (410, true), "{}", answer.text());
    assert_eq!(site.ask(&format!("/api/v1/alerts/{gate}/image")).status, 200);
    let story = site.get(&format!("/api/v1/alerts/{dock}/updates"));
    assert_eq!((&story["updates"][0]["change"], &story["updates"][0]["by"]), (&json!("removed"), &json!("bob")));

    let list = evidence(&folder, &["list"]);
    said(&list, &["HELD", "by bob: on request"]);
    said(
        &evidence(&folder, &["audit"]),
        &["held by ann: camera gate", "deleted by bob: camera dock, 1 files of 1 alerts: on request"],
    );
    let good = evidence(&folder, &["verify"]);
    assert_eq!(good.code, Some(0), "{}", good.all());
    said(
        &good,
        &[
            "2 alerts: 1 files are what was written, 1 were removed and it is told why, 0 are not",
            "2 records in the audit log",
        ],
    );
    assert_eq!(parapet(PARAPET, &["alerts", "verify", "--config", folder.arg()]).code, Some(0));
    assert_eq!(site.metric("parapet_evidence_removed_total{kind=\"picture\",reason=\"asked\"}"), Some(1.0));
    assert_eq!(site.terminate().code, Some(0));
    until_free(folder.http());

    // Somebody who has the disk makes the log say something else, and takes a picture away without a word.
    let store = RocksStore::open(folder.path().join("data/store"), StoreOptions::default()).unwrap();
    let (key, text) = store.kept_below("audit/").unwrap().pop().unwrap();
    let write = Write::Keep { key, value: Some(text.replace("bob", "eve")) };
    store.commit(&Batch { writes: vec![write], durability: Durability::Synced }).unwrap();
    drop(store);
    let site = RunningSite::start(PARAPET, &folder);
    let reference = site.get(&format!("/api/v1/alerts/{gate}"))["evidence"]["path"].as_str().unwrap().to_owned();
    std::fs::remove_file(folder.path().join("data/evidence").join(reference)).unwrap();
    let bad = evidence(&folder, &["verify"]);
    assert_eq!(bad.code, Some(1), "{}", bad.all());
    said(&bad, &["audit log BROKEN at record 2", &format!("not_found alert {gate}")]);

    let released = evidence(&folder, &["release", &hold, "--why", "closed", "--by", "ann"]);
    said(&released, &["released:"]);
    assert_eq!(evidence(&folder, &["holds"]).out, "");
}

/// Puts an alert with a picture into a site that does not run, raised `days` ago.
fn add(folder: &SiteFolder, store: &RocksStore, number: u64, days: i64) -> String {
    let raised = Timestamp::now() - SignedDuration::from_hours(24 * days);
    let mut alert = samples::alert(number, "gate", "alive", Severity::Info, 0);
    (alert.raised_at, alert.ts) = (raised, raised);
    let path = format!("{}/gate/{}.jpg", raised.strftime("%Y-%m-%d"), alert.id);
    let file = folder.path().join("data/evidence").join(&path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "a picture").unwrap();
    let sha256 = Sha256::digest("a picture").iter().map(|byte| format!("{byte:02x}")).collect();
    alert.evidence = Some(EvidenceRef { path: path.clone(), media_type: "image/jpeg".to_owned(), bytes: 9, sha256 });
    store.commit(&Batch { writes: vec![Write::Alert(alert)], durability: Durability::Synced }).unwrap();
    path
}

#[test]
fn old_evidence_goes_by_itself_unless_it_is_held_and_so_do_alerts() {
    let folder = SiteFolder::with("yard", "evidence: {keep_for: 1000d}\n");
    let store = RocksStore::open(folder.path().join("data/store"), StoreOptions::default()).unwrap();
    let paths = [(1, 100), (2, 100), (3, 1)].map(|(number, days)| add(&folder, &store, number, days));
    let there = |path: &str| folder.path().join("data/evidence").join(path).exists();
    drop(store);
    let site = RunningSite::start(PARAPET, &folder);
    let held = samples::id(1).to_string();
    said(&evidence(&folder, &["hold", &held, "--why", "case 7"]), &["case 7"]);
    assert_eq!(site.terminate().code, Some(0));
    until_free(folder.http());
    assert!(paths.iter().all(|path| there(path)));

    let lines = format!(
        "site: {{id: yard}}\nhttp: {{listen: \"{}\"}}\nbus: {{embedded: {{listen: \"127.0.0.1:{}\"}}}}\nevidence: {{keep_for: 30d}}\n",
        folder.http(),
        folder.mqtt()
    );
    folder.file("site.yaml", &lines);
    let site = RunningSite::start(PARAPET, &folder);
    until("the old picture goes", MINUTE, || !there(&paths[1]));
    let page = site.wait_for("it is told", "/api/v1/evidence", MINUTE, |page| {
        page["items"].as_array().unwrap().iter().any(|item| !item["files"][0]["removed"].is_null())
    });
    let why: Vec<Option<&Value>> = [1, 2, 3]
        .map(|number| {
            let id = samples::id(number).to_string();
            let item = page["items"].as_array().unwrap().iter().find(|item| item["alert"] == id.as_str()).unwrap();
            item["files"][0]["removed"].get("why")
        })
        .into();
    assert_eq!(why, [None, Some(&json!("its time was over")), None]);
    assert!(there(&paths[0]), "it is held");
    assert!(there(&paths[2]), "it is young");
    assert_eq!(evidence(&folder, &["verify"]).code, Some(0));
    let status = site.wait_for("the status", "/api/v1/status", MINUTE, |status| status["evidence"]["held"] == 1);
    assert_eq!(status["evidence"]["removed"], json!({"age": 1}), "{:#}", status["evidence"]);
}
