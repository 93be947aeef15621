//! Fault: a rule's actor fails in the middle of a window and while an alert goes on. Another one goes on where it was: the window
//! counts what came before, and nothing is told twice. A whole site with fakes of its ports; messages of a stream drive it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/bare_site.rs"]
mod bare_site;

use std::sync::Arc;

use bare_site::{messages, start, write};
use fail::FailScenario;
use parapet_actors::site::Site;
use parapet_contracts::ports::store::{AlertQuery, StorePort};
use parapet_testkit::{
    MemoryStore,
    wait::{PATIENCE, until_async},
};

fn push(site: &Site, second: u32, open: bool) {
    let text =
        format!(r#"{{"door": "dock", "open": {open}, "at": "2026-01-05T12:{:02}:{:02}Z"}}"#, second / 60, second % 60);
    site.streams()["doors"].push(text.as_bytes(), false).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_actor_goes_on_where_the_failed_one_was() {
    let scenario = FailScenario::setup();
    let folder = tempfile::tempdir().unwrap();
    let doors = "http: {}\ncolumns: {door: string, open: boolean, at: time}\ntimestamp: at\nkey: door\n";
    let counted = "sql: |\n  SELECT door, count(*) AS times FROM doors\n  GROUP BY tumblingwindow(mi, 10), door HAVING count(*) >= 3\n\
                   key: \"{door}\"\ncooldown: 0s\nmessage: \"{times} times\"\n";
    let open =
        "sql: SELECT door FROM doors WHERE open\nkey: \"{door}\"\nresolve_after: 0s\ncooldown: 0s\nmessage: open\n";
    write(folder.path(), "site.yaml", "site: {id: yard}\n");
    write(folder.path(), "streams/doors.yaml", doors);
    write(folder.path(), "rules/counted.yaml", counted);
    write(folder.path(), "rules/open.yaml", open);
    let store = Arc::new(MemoryStore::new());
    let site = start(folder.path(), &store).await;
    let rules = site.rules();
    let (counted, open) = (&rules["counted"], &rules["open"]);
    let heard = async |events: u64| {
        until_async("both have heard", PATIENCE, || {
            counted.status().stats.events == events && open.status().stats.events == events
        })
        .await;
    };

    push(&site, 1, true);
    push(&site, 2, true);
    heard(2).await;
    until_async("the door is an alert", PATIENCE, || messages(&store) == ["open"]).await;

    // Both actors fail at the next message, which has not been judged then, and are started again.
    fail::cfg("rule::hear", "2*return(broken)->off").unwrap();
    push(&site, 3, true);
    let restarts = |id: &str| {
        let tree = site.tree();
        tree.find(&format!("rules/{id}")).map_or(0, |node| node.restarts)
    };
    until_async("both have failed", PATIENCE, || restarts("counted") == 1 && restarts("open") == 1).await;
    fail::remove("rule::hear");
    push(&site, 4, true);
    push(&site, 660, false);
    until_async("the window is whole", PATIENCE, || messages(&store).len() == 2).await;
    // The message that the actor failed at is lost with it, and the two before it are not.
    assert_eq!(messages(&store), ["open", "3 times"]);
    until_async("the alert of before is over", PATIENCE, || open.status().stats.resolved == 1).await;
    let id = store.alerts(&AlertQuery { limit: 9, ..AlertQuery::default() }).unwrap().items[1].id;
    until_async("and it is recorded", PATIENCE, || store.alert_updates(id).unwrap().len() == 1).await;
    site.shutdown(PATIENCE).await;

    // A site that stops in order leaves what the next one goes on from.
    let again = start(folder.path(), &store).await;
    until_async("it goes on from what it had counted", PATIENCE, || {
        again.rules()["counted"].status().stats.events == 4
    })
    .await;
    assert_eq!(messages(&store).len(), 2, "nothing is told by a start alone");
    again.shutdown(PATIENCE).await;
    scenario.teardown();
}
