//! Values that are not there yet: what needs them is left out and told, everything else is a site.
#![allow(clippy::unwrap_used)]

mod common;

use std::{path::Path, sync::Arc};

use common::{Probe, TestSite};
use parapet_config::{EntraConfig, Loaded, NoSecret, Problems, SecretProvider, SecretSettings, Secrets, load};
use parking_lot::Mutex;

/// A vault that knows what it was told, and is away otherwise.
#[derive(Clone, Default)]
struct Vault(Arc<Mutex<State>>);

/// What it was told of itself, and what it knows.
type State = (Option<SecretSettings>, Vec<(&'static str, &'static str)>);

impl SecretProvider for Vault {
    fn scheme(&self) -> &str {
        "keyvault"
    }
    fn read(&self, name: &str, _site: &Path) -> Result<String, NoSecret> {
        let known = self.0.lock().1.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        known.ok_or_else(|| NoSecret::NotYet("the vault is away".to_owned()))
    }
    fn configure(&self, settings: &SecretSettings) {
        self.0.lock().0 = Some(settings.clone());
    }
}

fn loaded(site: &TestSite, vault: &Vault) -> Result<Loaded, Problems> {
    load(site.dir(), &Probe(Some(vec!["person"])), &Secrets::standard().with(Box::new(vault.clone())))
}

const SITE: &str = "site: {id: yard}\nsecrets:\n  mounts: mounted\n  keyvault: {url: \"https://v.vault.azure.net\", refresh: 1m, entra: {identity: managed}}\n";

#[test]
fn what_waits_for_a_value_is_left_out_and_told_and_the_rest_runs() {
    let site = TestSite::new(&[
        ("site.yaml", SITE),
        ("models/none.yaml", "kind: null\n"),
        ("cameras/gate.yaml", "source: rtsp://host/1\nusername: u\npassword: ${keyvault:gate}\nmodels: [none]\n"),
        ("cameras/yard.yaml", "source: test://ball\nmodels: [none]\n"),
        ("rules/r.yaml", "cameras: [gate, yard]\nwhen: [{label: person}]\n"),
        ("uploaders/u.yaml", "sink: {http: {url: \"https://h/\", secret: \"${keyvault:hook}\"}}\n"),
    ]);
    let vault = Vault::default();
    let first = loaded(&site, &vault).unwrap_or_else(|problems| panic!("{problems}"));
    let waiting: Vec<String> = first.waiting.iter().map(ToString::to_string).collect();
    assert_eq!(
        waiting,
        [
            "cameras/gate.yaml:3:11: `${keyvault:gate}` has no value yet: the vault is away; what needs it waits for it",
            "uploaders/u.yaml:1:42: `${keyvault:hook}` has no value yet: the vault is away; what needs it waits for it",
        ]
    );
    assert_eq!((first.config.cameras.len(), first.config.rules.len(), first.config.uploaders.len()), (1, 1, 0));
    let settings = vault.0.lock().0.clone().unwrap();
    let told = settings.vault.unwrap();
    assert_eq!(
        (told.url.as_str(), told.identity),
        ("https://v.vault.azure.net/", EntraConfig::Managed { client_id: None })
    );
    assert_eq!(settings.mounts, site.dir().join("mounted"));

    vault.0.lock().1.extend([("gate", "canary-7f3a"), ("hook", "canary-7f3a")]);
    let second = loaded(&site, &vault).unwrap();
    assert_eq!((second.config.cameras.len(), second.config.uploaders.len(), second.waiting.len()), (2, 1, 0));
    assert!(!format!("{second:?}").contains("canary-7f3a"));
}

#[test]
fn a_site_whose_own_file_waits_waits_as_a_whole_and_errors_come_first() {
    let site = TestSite::new(&[(
        "site.yaml",
        &format!("{SITE}bus: {{broker: \"mqtts://b\", username: u, password: \"${{keyvault:bus}}\"}}\n"),
    )]);
    let vault = Vault::default();
    let problems = loaded(&site, &vault).unwrap_err();
    assert!(problems.waits && problems.to_string().contains("`${keyvault:bus}` has no value yet"), "{problems}");
    site.write("cameras/a.yaml", "source: 5\n");
    assert!(!loaded(&site, &vault).unwrap_err().waits, "waiting does not mend it");
    site.write("cameras/a.yaml", "source: test://ball\n");
    vault.0.lock().1.push(("bus", "x"));
    assert!(loaded(&site, &vault).is_ok());
}

#[test]
fn mistakes_about_secrets_are_told_with_their_place() {
    let error = |text: &str| {
        let site = TestSite::new(&[("site.yaml", &format!("site: {{id: yard}}\n{text}"))]);
        loaded(&site, &Vault::default()).unwrap_err().to_string()
    };
    for (told, expected) in [
        (
            error("secrets: {keyvault: {url: \"ftp://x\", entra: {identity: managed}}}\n"),
            "site.yaml:2:27: this is no address of a vault",
        ),
        (
            error("secrets: {keyvault: {url: \"http://v.example\", entra: {identity: managed}}}\n"),
            "site.yaml:2:27: this is no address of a vault",
        ),
        (
            error("secrets: {keyvault: {url: \"https://v.vault.azure.net\", entra: {}}}\n"),
            "site.yaml:2:56: it is not said who the site is",
        ),
        (
            error("http: {listen: \"${kubernetes:x}\"}\n"),
            "site.yaml:2:16: `${kubernetes:x}` has no value: write the secret's name and a key of it",
        ),
        (error("http: {listen: \"${vault:x}\"}\n"), "site.yaml:2:16: a `${…}` names an unknown kind of secret"),
    ] {
        assert!(told.starts_with(expected), "{told}\nexpected: {expected}");
    }
}
