//! The records that follow an alert are chained: over a restart of the site, and for everybody who reads them. A record that was
//! changed in the store is told, by its place.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use parapet_contracts::{
    Alert, AlertUpdate, chain,
    ports::store::{Batch, Durability, StorePort, Write},
};
use parapet_store_rocksdb::{RocksStore, StoreOptions};
use parapet_testkit::{
    RunningSite, SiteFolder,
    command::{Told, parapet},
    site::until_free,
    wait::until,
};
use serde_json::{Value, json};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);

fn push(site: &RunningSite, open: bool) {
    let answer = site.post("/api/v1/streams/doors", &json!({"door": "dock", "open": open}));
    assert_eq!(answer.status, 202, "{}", answer.text());
}

fn story(site: &RunningSite, id: &str) -> (Alert, Vec<AlertUpdate>) {
    let alert = site.get(&format!("/api/v1/alerts/{id}"));
    let story = site.get(&format!("/api/v1/alerts/{id}/updates"));
    (serde_json::from_value(alert).unwrap(), serde_json::from_value(story["updates"].clone()).unwrap())
}

fn verify(folder: &SiteFolder, more: &[&str]) -> Told {
    parapet(PARAPET, &[&["alerts", "verify", "--config", folder.arg()][..], more].concat())
}

#[test]
fn records_are_chained_over_a_restart_and_a_changed_one_is_told() {
    let folder = SiteFolder::new("yard");
    folder
        .file("streams/doors.yaml", "http: {}\ncolumns: {door: string, open: boolean}\nkey: door\n")
        .file(
            "rules/open.yaml",
            "sql: SELECT door FROM doors WHERE open\nkey: \"{door}\"\nresolve_after: 0s\ncooldown: 0s\nmessage: \"{door} is open\"\n",
        );
    let site = RunningSite::start(PARAPET, &folder);
    push(&site, true);
    let page = site.wait_for("the alert", "/api/v1/alerts", MINUTE, |page| {
        page["items"].as_array().is_some_and(|items| !items.is_empty())
    });
    let id = page["items"][0]["id"].as_str().unwrap().to_owned();
    let told =
        parapet(PARAPET, &["alerts", "ack", &id, "--config", folder.arg(), "--by", "ann", "--note", "on my way"]);
    assert_eq!(told.code, Some(0), "{}", told.all());
    let running = verify(&folder, &[&id]);
    assert_eq!(
        (running.code, running.out.contains("sound: 1 records are chained")),
        (Some(0), true),
        "{}",
        running.all()
    );
    assert_eq!(site.terminate().code, Some(0));
    until_free(folder.http());

    let site = RunningSite::start(PARAPET, &folder);
    push(&site, false);
    until("it is resolved", MINUTE, || story(&site, &id).1.len() == 2);
    let (alert, records) = story(&site, &id);
    assert_eq!(chain::verify(&alert, &records), Ok(chain::Sound { linked: 2, unlinked: 0 }));
    let links: Vec<_> = records.iter().map(|record| record.link.clone().unwrap()).collect();
    assert_eq!(links.iter().map(|link| link.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(links[1].previous, links[0].hash, "each names the one before it");
    assert_eq!(site.terminate().code, Some(0));
    until_free(folder.http());

    let stopped = verify(&folder, &["--format", "json"]);
    let line: Value = serde_json::from_str(stopped.out.trim()).unwrap();
    assert_eq!((stopped.code, &line["sound"]["linked"]), (Some(0), &json!(2)), "{}", stopped.all());

    // Somebody who has the disk makes another of the record: under its place and its id, with its link.
    let store = RocksStore::open(folder.path().join("data/store"), StoreOptions::default()).unwrap();
    let changed = AlertUpdate { by: Some("mallory".to_owned()), ..records[0].clone() };
    store.commit(&Batch { writes: vec![Write::AlertUpdate(changed)], durability: Durability::Synced }).unwrap();
    drop(store);
    let told = verify(&folder, &[]);
    assert_eq!(told.code, Some(1), "{}", told.all());
    assert!(told.out.contains(&format!("{id}  BROKEN at record 1: it is not what was written")), "{}", told.all());
    assert!(told.out.contains("1 alerts, 2 records about them, 1 broken"), "{}", told.all());
    let nobody = verify(&folder, &["019ab0c4-7a4f-7d02-8b61-91c3e5f7a902"]);
    assert_eq!((nobody.code, nobody.error().contains("there is no alert")), (Some(1), true), "{}", nobody.all());
}
