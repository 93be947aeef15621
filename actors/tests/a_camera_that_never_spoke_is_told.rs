//! A rule that waits for silence expects the cameras of its site: one that never brings a frame is told, one that is not enabled is
//! not. A whole site with fakes of its ports, of which the cameras bring nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/bare_site.rs"]
mod bare_site;

use std::sync::Arc;

use bare_site::{messages, start, write};
use parapet_testkit::{
    MemoryStore,
    wait::{PATIENCE, until_async},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_told_after_the_time_and_once_also_when_the_site_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "site.yaml", "site: {id: yard}\n");
    write(folder.path(), "cameras/gate.yaml", "source: test://ball\n");
    write(folder.path(), "cameras/yard.yaml", "source: test://ball\nenabled: false\n");
    let rule = "sql: SELECT camera FROM frames ABSENT 1s PER camera\ncooldown: 0s\nmessage: \"{camera} is silent\"\n";
    write(folder.path(), "rules/silent.yaml", rule);
    write(folder.path(), "streams/doors.yaml", "http: {}\ncolumns: {door: string}\n");
    let quiet = "sql: SELECT 'nothing' AS said FROM doors ABSENT 1s\ncooldown: 0s\nmessage: no door ever moved\n";
    write(folder.path(), "rules/quiet.yaml", quiet);
    let store = Arc::new(MemoryStore::new());
    let site = start(folder.path(), &store).await;
    let all = || {
        let mut all = messages(&store);
        all.sort();
        all
    };
    until_async("both are told", PATIENCE, || all() == ["gate is silent", "no door ever moved"]).await;
    site.streams()["doors"].push(br#"{"door": "dock"}"#, false).unwrap();
    let rules = site.rules();
    until_async("the stream speaks", PATIENCE, || rules["quiet"].status().stats.resolved == 1).await;
    site.shutdown(PATIENCE).await;

    // What goes on still goes on, and is not told again.
    let again = start(folder.path(), &store).await;
    let rules = again.rules();
    until_async("the stream is silent again", PATIENCE, || rules["quiet"].status().stats.fired == 2).await;
    assert_eq!(all(), ["gate is silent", "no door ever moved", "no door ever moved"]);
    assert_eq!(rules["silent"].status().stats.fired, 1);
    again.shutdown(PATIENCE).await;
}
