//! Uploaders that send e-mail: what a file may say, and each mistake with its place.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::TestSite;
use parapet_config::{Digest, Encryption, Sink, SmtpSinkConfig};
use parapet_contracts::{AlertChange, Severity};

const REST: &str = "from: p@example.org, to: [g@example.org]";

fn mail(text: &str) -> (SmtpSinkConfig, Vec<String>) {
    let site = TestSite::new(&[("uploaders/u.yaml", &format!("sink: {{smtp: {{{text}}}}}\n"))]);
    let loaded = site.load_with(&[("X", "canary-7f3a")]).unwrap_or_else(|problems| panic!("{problems}"));
    let Sink::Smtp(mail) = &loaded.config.uploaders["u"].sink else { panic!("no mail") };
    (mail.clone(), loaded.warnings.iter().map(ToString::to_string).collect())
}

fn error(text: &str) -> String {
    TestSite::new(&[("uploaders/u.yaml", text)]).errors().join("\n")
}

#[test]
fn the_defaults_are_encrypted_and_send_each_alert_alone() {
    let (mail, warnings) = mail(&format!("server: \"smtps://mail.example.org\", {REST}"));
    assert_eq!((mail.host.as_str(), mail.port, mail.encryption), ("mail.example.org", 465, Encryption::Tls));
    assert_eq!((mail.hold.digest, &mail.hold.quiet_hours, mail.hold.urgent), (None, &None, Some(Severity::Critical)));
    assert_eq!(mail.updates, [AlertChange::Resolved, AlertChange::Escalated, AlertChange::Reminded]);
    assert!(mail.picture && warnings.is_empty(), "{warnings:?}");
}

#[test]
fn all_that_can_be_said_is_taken() {
    let (mail, _) = mail(
        "server: \"smtp://mail.example.org\", username: \"${env:X}\", password: \"${env:X}\", from: \"Parapet <p@example.org>\", to: [a@b.org, \"B <b@b.org>\"], \
         cc: [c@b.org], bcc: [d@b.org], subject: \"{site} {time}\", updates: [], digest: {within: 10m, most: 20}, quiet_hours: \"mon-fri 22:00-06:00, sat\", \
         urgent: never, picture: false, max_size: 1MiB, timeout: 5s",
    );
    assert_eq!(
        (mail.port, mail.encryption, mail.to.len(), mail.timeout),
        (587, Encryption::StartTls, 2, Duration::from_secs(5))
    );
    assert_eq!(mail.hold.digest, Some(Digest { within: Duration::from_secs(600), most: 20 }));
    assert_eq!((mail.hold.quiet_hours.as_deref(), mail.hold.urgent), (Some("mon-fri 22:00-06:00, sat"), None));
    assert!(!format!("{mail:?}").contains("canary"));
}

#[test]
fn in_clear_only_on_this_machine_or_when_told_and_then_with_a_warning() {
    let (here, warnings) = mail(&format!("server: \"smtp://127.0.0.1:25\", {REST}"));
    assert_eq!((here.encryption, warnings.len()), (Encryption::StartTlsIfOffered, 0));
    let (told, warnings) = mail(&format!("server: \"smtp://mail.example.org:25\", plain: true, {REST}"));
    assert_eq!((told.encryption, told.port), (Encryption::None, 25));
    let expected = "uploaders/u.yaml:1:23: alerts and their pictures travel unencrypted; use `smtps://`";
    assert_eq!(warnings, [expected]);
}

#[test]
fn mistakes_are_told_with_their_place() {
    let with = |text: &str| error(&format!("sink: {{smtp: {{server: \"smtps://h\", {text}}}}}\n"));
    for (told, expected) in [
        (
            error(&format!("sink: {{smtp: {{server: \"http://h\", {REST}}}}}\n")),
            "uploaders/u.yaml:1:23: this is no address of a mail server",
        ),
        (
            error(&format!("sink: {{smtp: {{server: \"smtp://u:p@h\", {REST}}}}}\n")),
            "uploaders/u.yaml:1:23: the address holds a user or password",
        ),
        (with("from: nobody, to: [a@b.org]"), "uploaders/u.yaml:1:42: this is no address of a mailbox"),
        (with("from: a@b.org, to: [a@b.org, b]"), "uploaders/u.yaml:1:65: this is no address of a mailbox"),
        (
            with(&format!("subject: \"{{sit}}\", {REST}")),
            "uploaders/u.yaml:1:45: a subject knows no `{sit}`; did you mean `site`?",
        ),
        (with(&format!("quiet_hours: noon, {REST}")), "uploaders/u.yaml:1:49: this is no schedule"),
        (with(&format!("quiet_hours: mon-sun, {REST}")), "uploaders/u.yaml:1:49: it is always quiet"),
        (with(&format!("plain: true, {REST}")), "uploaders/u.yaml:1:36: `plain` and `smtps://` contradict each other"),
        (with(&format!("username: x, {REST}")), "uploaders/u.yaml:1:36: `username` needs `password`"),
        (
            error(&format!("what: [alerts, events]\nsink: {{smtp: {{server: \"smtps://h\", {REST}}}}}\n")),
            "uploaders/u.yaml:1:16: no mail is sent of `events`; make a rule of what is worth a mail",
        ),
        (
            error(&format!("batch: {{events: 5}}\nsink: {{smtp: {{server: \"smtps://h\", {REST}}}}}\n")),
            "uploaders/u.yaml:1:1: a mail has no batch",
        ),
    ] {
        assert!(told.starts_with(expected), "{told}\nexpected: {expected}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}
