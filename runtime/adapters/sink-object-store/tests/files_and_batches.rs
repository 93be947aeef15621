//! Evidence and batches of events in a folder, at azurite, and at something that speaks like S3.
#![allow(clippy::unwrap_used)]

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use object_store::{Attribute, ObjectStore, ObjectStoreExt as _, azure::MicrosoftAzureBuilder, path::Path};
use parapet_contracts::{
    ErrorKind, EvidenceEvent, Secret, Severity,
    cloudevent::CloudEvent,
    ports::{
        sink::{SinkError, SinkPort},
        store::OutboxItem,
    },
};
use parapet_sink_object_store::{ObjectStoreSettings, ObjectStoreSink, Place};
use parapet_testkit::{
    BadHttp, MemoryEvidence,
    azurite::{ACCOUNT, Azurite, KEY},
    bad_http::Manner,
    conformance::samples,
};
use ring::hmac;

/// An alert's picture in the evidence folder, and the item that tells of it.
fn picture(evidence: &MemoryEvidence, number: u64) -> OutboxItem {
    let alert = samples::alert(number, "gate", "intruder", Severity::Critical, number);
    let path = format!("2026-11-23/gate/{}.jpg", alert.id);
    let file = evidence.put(&path, format!("picture {number}").into_bytes());
    let event = EvidenceEvent::of(&alert, &file);
    let payload = serde_json::to_string(&CloudEvent::evidence(&event)).unwrap();
    OutboxItem::new(event.id, "evidence", "t", payload).about(Some("gate".to_owned()), alert.raised_at)
}

fn event(number: u64) -> OutboxItem {
    let item = OutboxItem::new(samples::id(number), "event", "t", format!("{{\"n\":{number}}}"));
    item.about(Some("gate".to_owned()), samples::time(number))
}

fn open(place: Place, prefix: &str, evidence: &MemoryEvidence) -> ObjectStoreSink {
    let settings = ObjectStoreSettings { place, prefix: prefix.to_owned(), timeout: Duration::from_secs(20) };
    ObjectStoreSink::open(&settings, Arc::new(evidence.clone())).unwrap()
}

fn kind(fate: &Result<(), SinkError>) -> Option<(ErrorKind, &'static str)> {
    fate.as_ref().err().map(|error| (error.kind, error.code))
}

#[tokio::test]
async fn a_folder_gets_files_by_date_and_camera_and_events_as_lines() {
    let (folder, evidence) = (tempfile::tempdir().unwrap(), MemoryEvidence::new());
    let sink = open(Place::Folder(folder.path().join("deep")), "", &evidence);
    let items = [event(1), event(2), picture(&evidence, 3), event(4)];
    assert_eq!(sink.send(&items).await, vec![Ok(()); 4]);
    let read = |name: &str| std::fs::read_to_string(folder.path().join("deep").join(name)).unwrap();
    assert_eq!(read(&format!("events/2026-11-23/{}.jsonl", samples::id(1))), "{\"n\":1}\n{\"n\":2}\n");
    assert_eq!(read(&format!("events/2026-11-23/{}.jsonl", samples::id(4))), "{\"n\":4}\n");
    assert_eq!(read(&format!("2026-11-23/gate/{}.jpg", samples::id(3))), "picture 3");
    // Again: the same keys, the same content.
    assert_eq!(sink.send(&items).await, vec![Ok(()); 4]);
    assert_eq!(std::fs::read_dir(folder.path().join("deep/events/2026-11-23")).unwrap().count(), 2);
}

#[tokio::test]
async fn a_file_that_is_gone_is_a_dead_letter_and_nothing_waits_behind_it() {
    let (folder, evidence) = (tempfile::tempdir().unwrap(), MemoryEvidence::new());
    let sink = open(Place::Folder(folder.path().to_owned()), "", &evidence);
    let gone = picture(&MemoryEvidence::new(), 1);
    let nonsense = OutboxItem::new(samples::id(9), "evidence", "t", "{}");
    let fates = sink.send(&[gone, nonsense, picture(&evidence, 2)]).await;
    assert_eq!(kind(&fates[0]), Some((ErrorKind::Reject, "not_found")));
    assert_eq!(kind(&fates[1]), Some((ErrorKind::Reject, "malformed")));
    assert_eq!(fates[2], Ok(()));
}

/// Makes a container, as <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key> says.
fn make_container(azurite: &Azurite, name: &str) {
    let date = httpdate::fmt_http_date(SystemTime::now());
    let resource = format!("/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container");
    let signed = format!("PUT{}x-ms-date:{date}\nx-ms-version:2021-08-06\n{resource}", "\n".repeat(12));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(KEY).unwrap());
    let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
    let mut stream = TcpStream::connect(azurite.address()).unwrap();
    let head = format!(
        "PUT /{ACCOUNT}/{name}?restype=container HTTP/1.1\r\nhost: {}\r\nx-ms-date: {date}\r\nx-ms-version: 2021-08-06\r\n\
         authorization: SharedKey {ACCOUNT}:{signature}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        azurite.address()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[tokio::test]
async fn azure_gets_files_with_their_hash_and_what_is_missing_there_is_waited_for() {
    let (azurite, evidence) = (Azurite::start(), MemoryEvidence::new());
    let place = |key: &str| Place::Azure {
        account: ACCOUNT.to_owned(),
        container: "evidence".to_owned(),
        endpoint: Some(azurite.endpoint()),
        key: Some(Secret::new(key)),
    };
    let sink = open(place(KEY), "harbour", &evidence);
    let items = [picture(&evidence, 1), event(2), event(3)];
    let fates = sink.send(&items).await;
    assert_eq!(kind(&fates[0]), Some((ErrorKind::Retry, "not_found")), "no container yet: {fates:?}");
    make_container(&azurite, "evidence");
    assert_eq!(sink.send(&items).await, vec![Ok(()); 3]);
    assert_eq!(sink.send(&items).await, vec![Ok(()); 3], "again changes nothing");

    let other = MicrosoftAzureBuilder::new()
        .with_account(ACCOUNT)
        .with_container_name("evidence")
        .with_access_key(KEY)
        .with_endpoint(azurite.endpoint())
        .with_allow_http(true)
        .build()
        .unwrap();
    let key = Path::from(format!("harbour/2026-11-23/gate/{}.jpg", samples::id(1)));
    let found = other.get_opts(&key, object_store::GetOptions::default()).await.unwrap();
    assert_eq!(found.attributes.get(&Attribute::ContentType).unwrap().as_ref(), "image/jpeg");
    assert_eq!(found.attributes.get(&Attribute::Metadata("sha256".into())).unwrap().as_ref(), "0".repeat(64));
    assert_eq!(&found.bytes().await.unwrap()[..], b"picture 1");
    let lines = other.get(&Path::from(format!("harbour/events/2026-11-23/{}.jsonl", samples::id(2)))).await.unwrap();
    assert_eq!(&lines.bytes().await.unwrap()[..], b"{\"n\":2}\n{\"n\":3}\n");

    // A wrong key is no fault of the file.
    let stranger = open(place(&STANDARD.encode("canary-7f3a-canary-7f3a")), "", &evidence);
    let fates = stranger.send(&items[..1]).await;
    assert_eq!(kind(&fates[0]), Some((ErrorKind::Retry, "unauthorised")), "{fates:?}");
    let shown = format!("{fates:?}");
    assert!(!shown.contains("canary") && !shown.contains(&STANDARD.encode("canary")), "{shown}");
}

#[tokio::test]
async fn what_speaks_like_s3_gets_signed_requests_and_its_errors_are_waited_out() {
    let (server, evidence) = (BadHttp::start(), MemoryEvidence::new());
    let place = Place::S3 {
        bucket: "evidence".to_owned(),
        region: "eu-north-1".to_owned(),
        endpoint: Some(server.url()),
        credentials: Some((Secret::new("ACCESS"), Secret::new("canary-7f3a"))),
    };
    let sink = open(place, "", &evidence);
    server.next([Manner::Answer(503, String::new()), Manner::Answer(403, String::new())]);
    server.usually(Some(Manner::Answer(200, "etag: \"x\"\r\n".to_owned())));
    let item = picture(&evidence, 1);
    let busy = sink.send(std::slice::from_ref(&item)).await;
    assert_eq!(kind(&busy[0]), Some((ErrorKind::Retry, "disconnected")), "{busy:?}");
    let refused = sink.send(std::slice::from_ref(&item)).await;
    assert_eq!(kind(&refused[0]), Some((ErrorKind::Retry, "unauthorised")), "{refused:?}");
    assert!(!format!("{busy:?}{refused:?}").contains("canary"));
    assert_eq!(sink.send(std::slice::from_ref(&item)).await, [Ok(())]);
    let request = server.received().pop().unwrap();
    assert_eq!(request.line, format!("PUT /evidence/2026-11-23/gate/{}.jpg HTTP/1.1", samples::id(1)));
    assert!(request.header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=ACCESS/"), "{request:?}");
    assert_eq!((request.header("content-type"), request.body.as_str()), ("image/jpeg", "picture 1"));
    assert_eq!(request.header("x-amz-meta-sha256"), "0".repeat(64));
}
