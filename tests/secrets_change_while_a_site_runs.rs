//! Secrets that come from elsewhere: a mounted secret of Kubernetes that is rotated, and a vault that is away, comes back, and has new values. Who uses a
//! value gets the new one, nobody else notices, and nothing is written to the disk.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{path::Path, time::Duration};

use parapet_testkit::{
    BadHttp, EntraServer, KeyVaultServer, RunningSite, SiteFolder,
    command::{parapet_command, tell},
    entra::{CLIENT, SECRET, TENANT},
    wait::until,
};
use serde_json::{Value, json};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);

fn rules(folder: &SiteFolder) {
    folder.file("streams/doors.yaml", "http: {}\ncolumns: {door: string}\n").file(
        "rules/open.yaml",
        "sql: SELECT door FROM doors\nkey: \"{door}\"\ncooldown: 0s\nmessage: \"{door} is open\"\n",
    );
}

fn open(site: &RunningSite, door: &str) {
    let answer = site.post("/api/v1/streams/doors", &json!([{ "door": door }]));
    assert_eq!(answer.status, 202, "{}", answer.text());
}

fn hook(server: &BadHttp, token: &str) -> String {
    format!(
        "sink: {{http: {{url: \"{}/x\", headers: {{authorization: \"Bearer {token}\"}}}}}}\nbackoff: {{first: 50ms, max: 200ms}}\n",
        server.url()
    )
}

fn uploader(list: &Value, id: &str) -> Value {
    list.as_array().unwrap().iter().find(|out| out["id"] == id).cloned().unwrap_or_default()
}

/// A new version of a mounted secret, as the kubelet writes it: a folder of its own, then the link swapped at once.
fn mount(secret: &Path, version: &str, password: &str) {
    let folder = secret.join(format!("..{version}"));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("token"), password).unwrap();
    std::os::unix::fs::symlink(format!("..{version}"), secret.join("..data_tmp")).unwrap();
    std::fs::rename(secret.join("..data_tmp"), secret.join("..data")).unwrap();
    if !secret.join("token").exists() {
        std::os::unix::fs::symlink("..data/token", secret.join("token")).unwrap();
    }
}

#[test]
fn a_mounted_secret_that_is_rotated_reaches_who_uses_it_and_nobody_else() {
    let mounts = tempfile::tempdir().unwrap();
    let secret = mounts.path().join("pager");
    mount(&secret, "2026_11_25_01", "first");
    let (pager, other) = (BadHttp::start(), BadHttp::start());
    let folder = SiteFolder::with("yard", &format!("secrets: {{mounts: {}}}\n", mounts.path().display()));
    rules(&folder);
    folder
        .file("uploaders/pager.yaml", &hook(&pager, "${kubernetes:pager/token}"))
        .file("uploaders/other.yaml", &hook(&other, "fixed"));
    let site = RunningSite::start(PARAPET, &folder);
    open(&site, "a");
    assert_eq!(pager.wait_for(1, MINUTE)[0].header("authorization"), "Bearer first");
    other.wait_for(1, MINUTE);
    mount(&secret, "2026_11_25_02", "second");
    until("the uploader that uses it restarts", MINUTE, || site.log().contains("uploader pager restarts"));
    open(&site, "b");
    assert_eq!(pager.wait_for(2, MINUTE)[1].header("authorization"), "Bearer second");
    other.wait_for(2, MINUTE);
    assert!(!site.log().contains("other restarts"), "{}", site.log());
    let out = uploader(&site.get("/api/v1/uploaders"), "other");
    assert_eq!(out["status"]["sent"], 2, "it was not started anew: {out}");
}

#[test]
fn a_vault_gives_values_keeps_them_while_it_is_away_and_is_waited_for_alone() {
    let (entra, vault) = (EntraServer::start(), KeyVaultServer::start());
    let (pager, other) = (BadHttp::start(), BadHttp::start());
    vault.put("pager-token", "canary-one");
    let settings = format!(
        "secrets:\n  keyvault:\n    url: {}\n    refresh: 1s\n    timeout: 2s\n    entra: {{tenant: {TENANT}, client_id: {CLIENT}, client_secret: \"${{env:VAULT_SECRET}}\", authority: \"{}\"}}\n",
        vault.url(),
        entra.url()
    );
    let folder = SiteFolder::with("yard", &settings);
    rules(&folder);
    folder
        .file("uploaders/pager.yaml", &hook(&pager, "${keyvault:pager-token}"))
        .file("uploaders/other.yaml", &hook(&other, "fixed"));
    let start = || {
        let mut command = parapet_command(PARAPET);
        command.args(["run", "--config", folder.arg()]).env("VAULT_SECRET", SECRET);
        RunningSite::start_with(&mut command, folder.http())
    };
    let site = start();
    open(&site, "a");
    assert_eq!(pager.wait_for(1, MINUTE)[0].header("authorization"), "Bearer canary-one");

    // A new version reaches who uses it.
    vault.put("pager-token", "canary-two");
    until("the uploader restarts with it", MINUTE, || site.log().contains("uploader pager restarts"));
    open(&site, "b");
    assert_eq!(pager.wait_for(2, MINUTE)[1].header("authorization"), "Bearer canary-two");

    // While the vault is away the last value serves, and the status and a metric say so.
    vault.away(true);
    let status = site.wait_for("it is told", "/api/v1/status", MINUTE, |status| {
        status["secrets"]["keyvault"]["failing"]["since"].is_string()
    });
    assert_eq!(status["secrets"]["keyvault"]["values"], 1);
    assert_eq!(site.metric("parapet_secrets_failing_info{provider=\"keyvault\"}"), Some(1.0));
    site.wait_for("the journal has it", "/api/v1/errors", MINUTE, |errors| {
        errors.to_string().contains("can't be asked for")
    });
    open(&site, "c");
    assert_eq!(pager.wait_for(3, MINUTE)[2].header("authorization"), "Bearer canary-two");

    // After a start without the vault, only what needs it waits: its value is not on the disk.
    site.kill();
    let site = start();
    let status = site.wait_for("it says what waits", "/api/v1/status", MINUTE, |status| {
        status["waiting_configuration"].to_string().contains("pager-token")
    });
    assert!(status["waiting_configuration"][0].as_str().unwrap().starts_with("uploaders/pager.yaml:1:"), "{status}");
    open(&site, "d");
    other.wait_for(4, MINUTE);
    assert_eq!(pager.received().len(), 3);
    let mut check = parapet_command(PARAPET);
    let told = tell(check.args(["check", "--config", folder.arg()]).env("VAULT_SECRET", SECRET), MINUTE);
    assert!(told.code == Some(0) && told.out.contains("has no value yet"), "{}", told.all());

    // It comes back, and so does the uploader.
    vault.away(false);
    site.wait_for("nothing waits", "/api/v1/status", MINUTE, |status| {
        status["waiting_configuration"].as_array().unwrap().is_empty()
    });
    open(&site, "e");
    until("what comes then is sent", MINUTE, || {
        pager.received().iter().any(|request| request.body.contains("e is open"))
    });
    assert_eq!(pager.received().last().unwrap().header("authorization"), "Bearer canary-two");
    assert_eq!((vault.wrong(), entra.wrong()), (Vec::new(), Vec::new()), "each request was as the reference says");

    // No answer, no metric, no line of the log and no file shows a value, of the vault or of who the site is there.
    for path in
        ["/api/v1/status", "/api/v1/uploaders", "/api/v1/errors?limit=500", "/api/v1/site", "/metrics", "/readyz"]
    {
        assert!(!site.ask(path).text().contains("canary"), "{path}");
    }
    let ended = site.terminate();
    assert!(!ended.all().contains("canary"), "{}", ended.all());
    let grep = std::process::Command::new("grep").args(["-rl", "canary", folder.arg()]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&grep.stdout), "", "no file of the site has a value");
}
