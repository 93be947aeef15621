//! `bus:` in `site.yaml`: the embedded broker and its users, a broker elsewhere, and the one of Azure IoT Operations.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::TestSite;
use parapet_config::{BrokerConfig, BusConfig, EmbeddedConfig, TlsConfig};

const HASH: &str = "$7$101$YWJjZGVmZ2hpamts$YWJj";

fn site(bus: &str, files: &[(&str, &str)]) -> TestSite {
    let site = TestSite::new(files);
    site.write("site.yaml", format!("site: {{id: yard}}\nbus:\n  {}\n", bus.replace('\n', "\n  ")));
    site
}

fn broker(site: &TestSite, variables: &[(&'static str, &'static str)]) -> BrokerConfig {
    let loaded = site.load_with(variables).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    match &loaded.config.site.bus {
        BusConfig::Broker(broker) => broker.clone(),
        BusConfig::Embedded(_) => panic!("a broker elsewhere was expected"),
    }
}

#[test]
fn users_of_the_embedded_broker_may_read_the_site_and_write_nothing_unless_told() {
    let text = format!(
        "embedded:\n  listen: 0.0.0.0:8883\n  reach: users\n  tls: {{cert: server.pem, key: server.key, client_ca: ca.pem}}\n  users:\n    panel: {{password_hash: {HASH}}}\n    door: {{password_hash: {HASH}, subscribe: [], publish: [doors/+/state]}}"
    );
    let site = site(&text, &[("server.pem", "x"), ("server.key", "x"), ("ca.pem", "x")]);
    let loaded = site.load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    let BusConfig::Embedded(EmbeddedConfig { listen, anybody, tls, users }) = &loaded.config.site.bus else { panic!() };
    assert_eq!((listen.to_string().as_str(), *anybody), ("0.0.0.0:8883", false));
    let tls = tls.as_ref().unwrap();
    assert_eq!((&tls.cert, tls.client_ca.as_ref()), (&site.dir().join("server.pem"), Some(&site.dir().join("ca.pem"))));
    let [door, panel] = &users[..] else { panic!("{users:?}") };
    assert_eq!((door.name.as_str(), door.publish.as_slice()), ("door", &["doors/+/state".to_owned()][..]));
    assert!(door.subscribe.is_empty() && panel.publish.is_empty());
    assert_eq!(panel.subscribe, ["parapet/yard/#"]);
    assert_eq!(panel.password_hash.expose(), HASH);
}

#[test]
fn what_is_wrong_with_the_embedded_broker_is_told() {
    for (text, told) in [
        (
            "embedded: {listen: \"0.0.0.0:1883\"}",
            "site.yaml:3:22: the embedded broker would listen on an address that other machines reach; say so with `reach: users`",
        ),
        ("embedded: {reach: users}", "`reach: users`, and there are none; name them in `users`"),
        (
            "embedded: {users: {a: {password_hash: secret}}}",
            "this is no hash of a password; make one with `parapet hash-password`",
        ),
        (
            "embedded: {users: {a: {password_hash: $7$101$YWJj$YWJj, publish: [\"a/#/b\"]}}}",
            "`a/#/b` is no topic filter",
        ),
        ("embedded: {users: {a: {}}}", "password_hash"),
        ("embedded: {tls: {cert: a.pem, key: b.pem}}\n", "there is no file `a.pem`"),
        ("embedded: {reach: all}", "expected one of `loopback`, `users`, `anybody`"),
    ] {
        let errors = site(text, &[]).errors().join("\n");
        assert!(errors.contains(told), "{text}\n{errors}");
        assert!(!errors.contains("secret"), "{errors}");
    }
}

#[test]
fn passwords_in_the_clear_and_open_doors_are_warned_of() {
    let open = format!("embedded: {{listen: \"0.0.0.0:1883\", reach: users, users: {{a: {{password_hash: {HASH}}}}}}}");
    for (text, told) in [
        (open.as_str(), "passwords travel unencrypted to the embedded broker"),
        ("embedded: {listen: \"0.0.0.0:1883\", reach: anybody}", "lets in everybody who reaches it"),
        ("broker: mqtt://host\ntoken_file: token", "a token travels unencrypted to the broker"),
    ] {
        let loaded = site(text, &[("token", "x")]).load().unwrap_or_else(|problems| panic!("{problems}"));
        let [warning] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
        assert!(warning.to_string().contains(told), "{warning}");
    }
}

#[test]
fn a_token_takes_the_place_of_a_user() {
    let site_with = site("broker: mqtts://host:18883\ntoken_file: token\nsession_expiry: 0s", &[("token", "x")]);
    let found = broker(&site_with, &[]);
    assert_eq!((found.port, found.token_file), (18883, Some(site_with.dir().join("token"))));
    assert_eq!((found.session_expiry, found.credentials), (Duration::ZERO, None));
    let errors = site("broker: mqtts://host\ntoken_file: nothing\nusername: u\npassword: p", &[]).errors().join("\n");
    for told in ["there is no file `nothing`", "the bus has both a `token_file` and a user"] {
        assert!(errors.contains(told), "{errors}");
    }
    let error = site("token_file: token", &[("token", "x")]).error();
    assert!(error.contains("`token_file` belongs to a broker elsewhere"), "{error}");
}

#[test]
fn azure_iot_operations_is_found_by_its_variables() {
    let site = site("broker: azure-iot-operations", &[("token", "x"), ("ca.crt", "x")]);
    let leak = |name: &str| &*site.dir().join(name).display().to_string().leak();
    let (token, ca) = (leak("token"), leak("ca.crt"));
    let found = broker(
        &site,
        &[
            ("AIO_BROKER_HOSTNAME", "broker.elsewhere"),
            ("AIO_BROKER_TCP_PORT", "8884"),
            ("AIO_MQTT_CLIENT_ID", "yard-north"),
            ("AIO_TLS_CA_FILE", ca),
            ("AIO_SAT_FILE", token),
            ("AIO_MQTT_SESSION_EXPIRY", "120"),
        ],
    );
    let tls = Some(TlsConfig { ca: Some(ca.into()), client: None });
    assert_eq!(
        found,
        BrokerConfig {
            host: "broker.elsewhere".into(),
            port: 8884,
            tls,
            credentials: None,
            token_file: Some(token.into()),
            client_id: "yard-north".into(),
            session_expiry: Duration::from_secs(120),
        }
    );
    // Without the others: what every pod has.
    let found = broker(&site, &[("AIO_TLS_CA_FILE", ca), ("AIO_SAT_FILE", token)]);
    assert_eq!((found.host.as_str(), found.port, found.client_id.as_str()), ("aio-broker", 18883, "parapet-yard"));
    assert_eq!(found.session_expiry, Duration::from_secs(3600));
}

#[test]
fn a_client_certificate_of_azure_iot_operations_takes_the_place_of_a_token() {
    let site = site("broker: azure-iot-operations", &[("ca.crt", "x"), ("c.pem", "x"), ("c.key", "x")]);
    let leak = |name: &str| &*site.dir().join(name).display().to_string().leak();
    let found = broker(
        &site,
        &[
            ("AIO_TLS_CA_FILE", leak("ca.crt")),
            ("AIO_TLS_CERT_FILE", leak("c.pem")),
            ("AIO_TLS_KEY_FILE", leak("c.key")),
        ],
    );
    assert_eq!(found.token_file, None);
    assert_eq!(found.tls.unwrap().client, Some((site.dir().join("c.pem"), site.dir().join("c.key"))));
}

#[test]
fn the_file_goes_before_the_variables() {
    let text = "broker: azure-iot-operations\ntoken_file: own\nclient_id: mine\nsession_expiry: 5m\ntls: {ca: own.pem}";
    let site = site(text, &[("own", "x"), ("own.pem", "x")]);
    let found = broker(
        &site,
        &[
            ("AIO_MQTT_CLIENT_ID", "theirs"),
            ("AIO_SAT_FILE", "/nowhere"),
            ("AIO_TLS_CA_FILE", "/nowhere"),
            ("AIO_MQTT_SESSION_EXPIRY", "120"),
        ],
    );
    assert_eq!((found.token_file, found.client_id.as_str()), (Some(site.dir().join("own")), "mine"));
    assert_eq!(found.session_expiry, Duration::from_secs(300));
    assert_eq!(found.tls.unwrap().ca, Some(site.dir().join("own.pem")));
}

#[test]
fn variables_that_can_not_be_right_are_told_and_not_quoted() {
    let site = site("broker: azure-iot-operations", &[]);
    let told = site
        .load_with(&[
            ("AIO_BROKER_TCP_PORT", "canary"),
            ("AIO_MQTT_SESSION_EXPIRY", "-1"),
            ("AIO_MQTT_USE_TLS", "canary"),
            ("AIO_SAT_FILE", "/no/token"),
            ("AIO_TLS_CA_FILE", "/no/ca"),
        ])
        .expect_err("nothing of it is right")
        .to_string();
    for part in [
        "the environment variable AIO_BROKER_TCP_PORT can't be read",
        "AIO_MQTT_SESSION_EXPIRY can't be read",
        "AIO_MQTT_USE_TLS can't be read",
        "there is no file /no/token, the one of AIO_SAT_FILE",
        "there is no file /no/ca, the one of AIO_TLS_CA_FILE",
        "site.yaml:3:",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    assert!(!told.contains("canary"), "{told}");
}
