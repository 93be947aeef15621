//! Mails to a real server (aiosmtpd), read by Python's own parser: what arrives, what is refused, and what the way needs.
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use parapet_contracts::{
    Alert, AlertChange, ErrorEvent, ErrorKind, Secret, Severity,
    cloudevent::CloudEvent,
    ports::{
        evidence::EvidenceError,
        sink::{SinkError, SinkPort},
        store::OutboxItem,
    },
};
use parapet_sink_smtp::{Encryption, People, SmtpSettings, SmtpSink};
use parapet_testkit::{MemoryEvidence, SmtpServer, conformance::samples, smtp::SmtpOptions};

const PASSWORD: &str = "canary-7f3a";

fn people() -> People {
    let text = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let to = text(&["Wächter <guard@example.org>"]);
    People::new("Parapet <parapet@example.org>", &to, &text(&["desk@example.org"]), &text(&["quiet@example.org"]))
        .unwrap()
}

fn settings(server: &SmtpServer) -> SmtpSettings {
    let mut settings = SmtpSettings::new("127.0.0.1", server.port(), Encryption::None, people());
    settings.timeout = Duration::from_secs(20);
    settings
}

fn sink(settings: SmtpSettings, evidence: &MemoryEvidence) -> SmtpSink {
    SmtpSink::new(settings, Arc::new(evidence.clone())).unwrap()
}

fn alert(n: u64, evidence: &MemoryEvidence, picture: &[u8]) -> Alert {
    let mut alert = samples::alert(n, "gate", "intruder", Severity::Critical, n);
    let path = alert.evidence.as_ref().unwrap().path.clone();
    alert.evidence = Some(evidence.put(&path, picture.to_vec()));
    alert
}

fn item(alert: &Alert) -> OutboxItem {
    let payload = serde_json::to_string(&CloudEvent::alert(alert)).unwrap();
    OutboxItem::new(alert.id, "alert", "t", payload).about(None, alert.raised_at)
}

fn kinds(fates: &[Result<(), SinkError>]) -> Vec<Result<(), (ErrorKind, &'static str)>> {
    fates.iter().map(|fate| fate.clone().map_err(|error| (error.kind, error.code))).collect()
}

/// Certificates of an authority of the test's own, in PEM: the authority, the server's, its key.
fn certificates() -> (String, String, String) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let server = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    (certificate.pem(), server.pem(), key.serialize_pem())
}

#[tokio::test]
async fn an_alert_is_a_mail_with_its_picture_as_text_and_as_html() {
    let (server, evidence) = (SmtpServer::start(&SmtpOptions::default()), MemoryEvidence::new());
    let picture: Vec<u8> = (0..40_000_u32).map(|n| (n % 251) as u8).collect();
    let sent = alert(1, &evidence, &picture);
    assert_eq!(sink(settings(&server), &evidence).send(&[item(&sent)]).await, [Ok(())]);
    let mails = server.mails();
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!((mail.from.as_str(), mail.defects.as_slice()), ("parapet@example.org", &[][..]));
    assert_eq!(mail.to, ["guard@example.org", "desk@example.org", "quiet@example.org"]);
    assert_eq!(mail.header("subject"), "[harbour] critical: Intruder");
    assert_eq!(mail.header("to"), "Wächter <guard@example.org>");
    assert_eq!(mail.header("message-id"), format!("<{}@example.org>", sent.id));
    assert_eq!((mail.header("auto-submitted"), mail.header("importance")), ("auto-generated", "high"));
    assert!(!mail.headers.iter().any(|(_, value)| value.contains("quiet@")), "a hidden copy: {:?}", mail.headers);
    let types = ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/jpeg"];
    assert_eq!(mail.types(), types);
    let text = mail.text("text/plain");
    assert!(text.contains("1 person in “yard” – since 3 s") && text.contains("Camera    gate"), "{text}");
    let image = &mail.parts[4];
    assert_eq!(image.disposition.as_deref(), Some("inline"));
    let id = image.content_id.as_deref().unwrap().trim_matches(['<', '>']);
    assert!(mail.text("text/html").contains(&format!("src=\"cid:{id}\"")), "{}", mail.text("text/html"));
    assert_eq!(decoded(image.base64.as_deref().unwrap()), picture);
    assert!(mail.longest_line <= 998, "RFC 5322, 2.1.1: {}", mail.longest_line);
}

fn decoded(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let place = |c: u8| DIGITS.iter().position(|digit| *digit == c).unwrap() as u32;
    let digits: Vec<u32> = text.bytes().filter(|c| *c != b'=').map(place).collect();
    let group = |part: &[u32]| {
        let bits = part.iter().chain([&0; 3]).take(4).fold(0, |sum, digit| sum << 6 | digit);
        bits.to_be_bytes()[1..part.len()].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}

#[tokio::test]
async fn what_is_sent_at_once_is_one_mail_and_what_became_of_an_alert_answers_its_mail() {
    let (server, evidence) = (SmtpServer::start(&SmtpOptions::default()), MemoryEvidence::new());
    let sink = sink(settings(&server), &evidence);
    let alerts: Vec<Alert> = (1..=3).map(|n| alert(n, &evidence, format!("picture {n}").as_bytes())).collect();
    let items: Vec<OutboxItem> = alerts.iter().map(item).collect();
    assert_eq!(sink.send(&items).await, vec![Ok(()); 3]);
    let update = |nth, change| {
        let update = samples::update(1, nth, change, 9);
        OutboxItem::new(
            update.id,
            "alert_update",
            "t",
            serde_json::to_string(&CloudEvent::alert_update(&update)).unwrap(),
        )
    };
    let both = [update(1, AlertChange::Acknowledged), update(2, AlertChange::Resolved)];
    assert_eq!(sink.send(&both).await, [Ok(()), Ok(())], "what nobody wants to be told counts as sent");
    let failure = ErrorEvent { site: "harbour".parse().unwrap(), record: samples::error(1, "cameras/gate", 5) };
    let payload = serde_json::to_string(&CloudEvent::error(&failure)).unwrap();
    let fates = sink
        .send(&[
            OutboxItem::new(samples::id(1), "error", "t", payload),
            OutboxItem::new(samples::id(2), "event", "t", "{}"),
        ])
        .await;
    assert_eq!(kinds(&fates), [Ok(()), Err((ErrorKind::Reject, "malformed"))]);
    let mails = server.mails();
    assert_eq!(mails.len(), 3, "{mails:?}");
    assert_eq!(mails[0].header("subject"), "[harbour] 3 messages, critical at most: intruder × 3");
    assert_eq!(mails[0].types().iter().filter(|kind| **kind == "image/jpeg").count(), 3);
    assert!(alerts.iter().all(|alert| mails[0].text("text/plain").contains(&alert.id.to_string())));
    assert_eq!(mails[1].header("in-reply-to"), format!("<{}@example.org>", alerts[0].id));
    assert!(mails[1].header("subject").contains("is over"), "{:?}", mails[1].headers);
    assert!(mails[2].header("subject").contains("cameras/gate"), "{:?}", mails[2].headers);
}

#[tokio::test]
async fn the_servers_answers_decide_and_a_repeat_has_the_same_id() {
    let (mut server, evidence) = (SmtpServer::start(&SmtpOptions::default()), MemoryEvidence::new());
    let sink = sink(settings(&server), &evidence);
    let one = item(&alert(1, &evidence, b"x"));
    let send = async |item: &OutboxItem| kinds(&sink.send(std::slice::from_ref(item)).await).remove(0);
    server.next(&[], &["451 4.3.0 not now"], &["554 5.7.1 it looks like spam", "452 4.3.1 full", "552 5.3.4 too big"]);
    assert_eq!(send(&one).await, Err((ErrorKind::Retry, "busy")), "MAIL");
    assert_eq!(send(&one).await, Err((ErrorKind::Reject, "refused")), "DATA");
    assert_eq!(send(&one).await, Err((ErrorKind::Retry, "busy")), "DATA");
    assert_eq!(send(&one).await, Err((ErrorKind::Reject, "too_large")), "DATA");
    assert_eq!(send(&one).await, Ok(()));
    assert_eq!(send(&one).await, Ok(()));
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].header("message-id"), mails[1].header("message-id"));
    server.next(&[], &[], &["hang up"]);
    assert_eq!(
        send(&one).await,
        Err((ErrorKind::Retry, "disconnected")),
        "no answer: it may have it, and gets it again"
    );
    server.kill();
    assert_eq!(send(&one).await, Err((ErrorKind::Retry, "disconnected")));
    server.next(&[], &[], &[]);
    server.restart();
    assert_eq!(send(&one).await, Ok(()));
}

#[tokio::test]
async fn each_receiver_is_answered_for_and_nobody_gets_a_mail_twice_while_another_waits() {
    let (mut server, evidence) = (SmtpServer::start(&SmtpOptions::default()), MemoryEvidence::new());
    let sink = sink(settings(&server), &evidence);
    let one = item(&alert(1, &evidence, b"x"));
    server.next(&[("desk@example.org", &["450 4.2.1 its box is locked"])], &[], &[]);
    let busy = sink.send(std::slice::from_ref(&one)).await.remove(0).unwrap_err();
    assert_eq!(busy.kind, ErrorKind::Retry);
    assert!(busy.text.contains("desk@example.org: 127.0.0.1: 450"), "{busy}");
    assert_eq!(sink.send(&[one]).await, [Ok(())]);
    let to: Vec<Vec<String>> = server.mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!(to, [vec!["guard@example.org", "quiet@example.org"], vec!["desk@example.org"]]);
    server.next(&[("guard@example.org", &["550 5.1.1 no such user"])], &[], &[]);
    let refused = sink.send(&[item(&alert(2, &evidence, b"x"))]).await.remove(0).unwrap_err();
    assert_eq!((refused.kind, refused.code), (ErrorKind::Reject, "refused_in_part"));
    assert!(refused.text.contains("no such user") && refused.text.contains("desk@example.org"), "{refused}");
}

#[tokio::test]
async fn nothing_is_sent_in_clear_where_encryption_is_asked_for_and_certificates_count() {
    let (authority, chain, key) = certificates();
    let folder = tempfile::tempdir().unwrap();
    let (ca, other) = (folder.path().join("ca.pem"), folder.path().join("other.pem"));
    std::fs::write(&ca, authority).unwrap();
    std::fs::write(&other, certificates().0).unwrap();
    let evidence = MemoryEvidence::new();
    let one = item(&alert(1, &evidence, b"x"));
    let user = Some(("site".to_owned(), PASSWORD.to_owned()));
    for wrapped in [true, false] {
        let tls = Some((chain.clone(), key.clone(), wrapped));
        let server = SmtpServer::start(&SmtpOptions { tls, require: true, user: user.clone(), size: None });
        let encryption = if wrapped { Encryption::Tls } else { Encryption::StartTls };
        let credentials = Some((Secret::new("site"), Secret::new(PASSWORD)));
        let right = SmtpSettings { encryption, ca_file: Some(ca.clone()), credentials, ..settings(&server) };
        assert_eq!(
            sink(right.clone(), &evidence).send(std::slice::from_ref(&one)).await,
            [Ok(())],
            "wrapped: {wrapped}"
        );
        let mails = server.mails();
        assert!(mails.len() == 1 && mails[0].encrypted && mails[0].authenticated, "{mails:?}");
        let wrong = Some((Secret::new("site"), Secret::new("canary-wrong")));
        for (settings, code) in [
            (SmtpSettings { ca_file: Some(other.clone()), ..right.clone() }, "tls"),
            (SmtpSettings { ca_file: None, ..right.clone() }, "tls"),
            (SmtpSettings { credentials: wrong, ..right.clone() }, "unauthorised"),
        ] {
            let error = sink(settings, &evidence).send(std::slice::from_ref(&one)).await.remove(0).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Retry, "{error}");
            // A handshake that the client ends may look like a broken line to some libraries.
            assert!(error.code == code || code == "tls" && error.text.contains("ertificate"), "{code}: {error:?}");
            assert!(!error.text.contains("canary"), "{error}");
        }
        assert_eq!(server.mails().len(), 1);
    }
    let plain = SmtpServer::start(&SmtpOptions::default());
    let strict = SmtpSettings { encryption: Encryption::StartTls, ..settings(&plain) };
    let error = sink(strict, &evidence).send(std::slice::from_ref(&one)).await.remove(0).unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Retry, "unencrypted"));
    let lax = SmtpSettings { encryption: Encryption::StartTlsIfOffered, ..settings(&plain) };
    assert_eq!(sink(lax, &evidence).send(&[one]).await, [Ok(())]);
}

#[tokio::test]
async fn a_picture_that_is_gone_or_too_big_keeps_no_mail_from_being_sent() {
    let (server, evidence) = (SmtpServer::start(&SmtpOptions::default()), MemoryEvidence::new());
    let small = SmtpSettings { max_bytes: 64 << 10, ..settings(&server) };
    let sink = sink(small, &evidence);
    let big = alert(1, &evidence, &[7; 60_000]);
    assert_eq!(sink.send(&[item(&big)]).await, [Ok(())]);
    let here = alert(2, &evidence, b"x");
    let text = "the folder is not mounted".to_owned();
    evidence.fail_with(Some(EvidenceError { kind: ErrorKind::Retry, code: "io", text }));
    assert_eq!(sink.send(&[item(&here)]).await, [Ok(())]);
    let mails = server.mails();
    assert!(mails[0].text("text/plain").contains("the mail would be too big"), "{:?}", mails[0]);
    assert!(mails[1].text("text/html").contains("could not be read at the site"), "{:?}", mails[1]);
}
