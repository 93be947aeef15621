//! The sink on a real Kafka: keys, headers and order, who may log in and how, what is refused, and a broker that is killed.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parapet_contracts::{
    ErrorKind, Secret,
    ports::{
        sink::{SinkError, SinkPort},
        store::OutboxItem,
    },
};
use parapet_entra::{EntraTokens, Identity};
use parapet_sink_kafka::{KafkaSettings, KafkaSink, KafkaTls, Login};
use parapet_testkit::{
    EntraServer, Kafka, KafkaOptions,
    entra::{CLIENT, SECRET, TENANT},
    kafka::{KafkaRecord, KafkaWire},
    wait::until_async,
};

const MINUTE: Duration = Duration::from_secs(60);
const CANARY: &str = "canary-7f3a";

fn event(n: u64, camera: &str, bytes: usize) -> OutboxItem {
    let id = uuid::Uuid::from_u128(n.into());
    let filling = "x".repeat(bytes);
    let payload = format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"/parapet/yard/cameras/{camera}","type":"io.parapet.detection.v1","datacontenttype":"application/json","data":{{"n":{n},"x":"{filling}"}}}}"#
    );
    OutboxItem { key: Some(camera.to_owned()), ..OutboxItem::new(id, "event", "t", payload) }
}

fn number(record: &KafkaRecord) -> u64 {
    serde_json::from_str::<serde_json::Value>(&record.value).unwrap()["n"].as_u64().unwrap()
}

/// The numbers of each camera in the order of its partition, repeats aside, and how many repeats there were.
fn by_camera(records: &[KafkaRecord]) -> (BTreeMap<String, Vec<u64>>, usize) {
    let (mut seen, mut cameras) = (BTreeSet::new(), BTreeMap::<String, Vec<u64>>::new());
    for record in records {
        if seen.insert(number(record)) {
            cameras.entry(record.key.clone()).or_default().push(number(record));
        }
    }
    (cameras, records.len() - seen.len())
}

fn settings(kafka: &Kafka, topic: &str) -> KafkaSettings {
    KafkaSettings {
        timeout: Duration::from_secs(10),
        ..KafkaSettings::new(vec![kafka.address()], topic, "parapet-yard-hub")
    }
}

async fn ready(settings: KafkaSettings) -> KafkaSink {
    let sink = KafkaSink::connect(settings);
    let up = tokio::time::timeout(MINUTE, sink.ready()).await;
    assert!(up.is_ok(), "{:?}", sink.away());
    sink
}

/// Sends until all are taken, as the pump does; what is refused is returned.
async fn send_all(sink: &KafkaSink, items: &[OutboxItem], window: usize) -> Vec<(uuid::Uuid, SinkError)> {
    let (mut sent, mut refused) = (0, Vec::new());
    let give_up = tokio::time::Instant::now() + 2 * MINUTE;
    while sent < items.len() {
        assert!(tokio::time::Instant::now() < give_up, "{sent} of {} are sent: {:?}", items.len(), sink.away());
        assert!(tokio::time::timeout(MINUTE, sink.ready()).await.is_ok(), "{:?}", sink.away());
        for fate in sink.send(&items[sent..items.len().min(sent + window)]).await {
            match fate {
                Ok(()) => {}
                Err(error) if error.kind == ErrorKind::Reject => refused.push((items[sent].id, error)),
                Err(_) => break,
            }
            sent += 1;
        }
    }
    refused
}

fn password(mechanism: &'static str, user: &str, password: &str) -> Login {
    Login::Password { mechanism, username: Secret::new(user), password: Secret::new(password) }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_arrive_encrypted_with_keys_and_headers_and_in_order_and_strangers_are_told() {
    let string =
        format!("Endpoint=sb://localhost/;SharedAccessKeyName=send;SharedAccessKey={CANARY}-key=;EntityPath=events");
    let kafka = Kafka::start(KafkaOptions {
        protocol: "SASL_SSL",
        users: vec![("$ConnectionString".into(), string.clone())],
        scram_users: vec![("site".into(), format!("{CANARY}-scram"))],
        ..KafkaOptions::default()
    });
    kafka.topic("events", 3, &[]);
    let with = |login: Login| {
        let tls = Some(KafkaTls { ca: Some(kafka.ca()), client: None });
        KafkaSettings { tls, login, ..settings(&kafka, "{kind}") }
    };

    // As Event Hubs want it, then by SCRAM.
    let sink = ready(with(password("PLAIN", "$ConnectionString", &string))).await;
    assert_eq!(sink.away(), None);
    let items: Vec<_> = (0..200).map(|n| event(n, &format!("camera-{}", n % 4), 10)).collect();
    assert_eq!(sink.send(&items[..150]).await, vec![Ok(()); 150]);
    let sink = ready(with(password("SCRAM-SHA-256", "site", &format!("{CANARY}-scram")))).await;
    assert_eq!(sink.send(&items[150..]).await, vec![Ok(()); 50]);

    let records = kafka.read("events");
    let (cameras, repeats) = by_camera(&records);
    assert_eq!((cameras.len(), repeats), (4, 0));
    for (camera, numbers) in &cameras {
        let first: u64 = camera.trim_start_matches("camera-").parse().unwrap();
        assert_eq!(*numbers, (0..50).map(|n| first + 4 * n).collect::<Vec<_>>(), "{camera}");
    }
    let record = records.iter().find(|record| number(record) == 7).unwrap();
    assert_eq!(
        ["ce_specversion", "ce_id", "ce_type", "ce_source", "content-type"].map(|name| record.header(name)),
        [
            "1.0",
            "00000000-0000-0000-0000-000000000007",
            "io.parapet.detection.v1",
            "/parapet/yard/cameras/camera-3",
            "application/json"
        ]
    );
    assert_eq!(record.value, r#"{"n":7,"x":"xxxxxxxxxx"}"#);

    // Who can't log in, or can't be trusted, says so and waits; nothing is lost, and no secret shows.
    let stranger = KafkaSettings { tls: Some(KafkaTls::default()), ..with(Login::None) };
    for (settings, told) in [
        (with(password("PLAIN", "$ConnectionString", &format!("{string}{CANARY}"))), "uthentication"),
        (with(password("SCRAM-SHA-256", "site", CANARY)), "uthentication"),
        (stranger, "certificate"),
        (with(Login::None), ""),
    ] {
        let shown = format!("{:?}", settings.login);
        let sink = KafkaSink::connect(settings);
        until_async("it is told", MINUTE, || {
            sink.away().is_some_and(|why| !why.contains("not answered yet") && why.contains(told))
        })
        .await;
        let fates = sink.send(&items[..2]).await;
        let error = fates[0].clone().unwrap_err();
        assert_eq!((fates.len(), error.kind), (1, ErrorKind::Retry), "{shown}");
        let all = format!("{shown} {:?} {fates:?}", sink.away());
        assert!(!all.contains(CANARY), "{all}");
    }
    assert_eq!(kafka.read("events").len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_brokers_refuse_is_told_apart_and_what_is_missing_is_waited_for() {
    // As Event Hubs do: larger requests and silent connections are hung up on.
    let wire = KafkaWire::new();
    wire.largest_request(1_046_528);
    wire.hang_up_after(Duration::from_millis(1_500));
    let kafka = Kafka::start_behind(Some(&wire), KafkaOptions::default());
    kafka.topic("narrow", 2, &[("max.message.bytes", "3000")]);
    kafka.topic("wide", 2, &[]);

    // The topic takes less than the site thinks: those of a batch that are not meant arrive, in order.
    let narrow = ready(settings(&kafka, "narrow")).await;
    let items: Vec<_> =
        (0..60).map(|n| event(n, &format!("camera-{}", n % 3), if n % 20 == 7 { 4_000 } else { 100 })).collect();
    let refused = send_all(&narrow, &items, 30).await;
    let large: Vec<_> = [7, 27, 47].map(uuid::Uuid::from_u128).to_vec();
    assert_eq!(refused.iter().map(|(id, _)| *id).collect::<Vec<_>>(), large);
    for (_, error) in &refused {
        assert!(
            error.code == "too_large" && error.text.contains("`narrow`") && error.text.contains("`max_message`"),
            "{error}"
        );
    }
    let (cameras, repeats) = by_camera(&kafka.read("narrow"));
    assert_eq!(cameras.values().map(Vec::len).sum::<usize>(), 57, "{cameras:?}");
    assert!(cameras.values().all(|numbers| numbers.is_sorted()), "{cameras:?}");
    assert!(repeats <= 30, "{repeats}");

    // What no request can carry goes nowhere; what just fits arrives, over a wire that hangs up on anything larger.
    let wide = ready(settings(&kafka, "wide")).await;
    let fitting = event(100, "gate", 1_045_000);
    let fates = wide.send(&[event(99, "gate", 1_046_528), fitting, event(101, "gate", 1)]).await;
    let error = fates[0].clone().unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Reject, "too_large"));
    assert!(error.text.contains("1046528 may be sent"), "{error}");
    assert_eq!(fates[1..], [Ok(()), Ok(())]);
    assert_eq!(wire.too_large(), 0);
    let many: Vec<_> = (200..260).map(|n| event(n, "gate", 60_000)).collect();
    assert_eq!(send_all(&wide, &many, 60).await, [], "batches are no larger than a request may be");
    assert_eq!(wire.too_large(), 0);

    // A connection that was closed for its silence is opened again without a word.
    let before = wire.hung_up();
    until_async("the connections were silent", MINUTE, || wire.hung_up() > before).await;
    assert_eq!(wide.send(&[event(300, "gate", 1)]).await, [Ok(())]);
    assert_eq!(wide.away(), None);

    // A topic that is missing is no fault of the event.
    let missing = ready(settings(&kafka, "later")).await;
    let fates = missing.send(&[event(400, "gate", 1)]).await;
    let error = fates[0].clone().unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Retry, "not_found"), "{error}");
    assert!(error.text.contains("`later`") && error.text.contains("is the topic there?"), "{error}");
    kafka.topic("later", 1, &[]);
    assert_eq!(send_all(&missing, &[event(400, "gate", 1)], 1).await, []);
}

/// Fault 20, and 19 in small: the broker is killed again and again while answers are lost on the wire; whoever calls sends again what was not
/// acknowledged, as the pump does. What the broker holds in the end is the witness.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_broker_is_killed_and_only_what_was_on_its_way_comes_twice() {
    const COUNT: u64 = 600;
    const WINDOW: usize = 40;
    const KILLS: usize = 3;
    let wire = Arc::new(KafkaWire::new());
    let mut kafka = Kafka::start_behind(Some(&wire), KafkaOptions::default());
    kafka.topic("events", 3, &[]);
    let settings = KafkaSettings { timeout: Duration::from_secs(4), ..settings(&kafka, "events") };
    let sink = Arc::new(ready(settings).await);
    let items: Vec<_> = (0..COUNT).map(|n| event(n, &format!("camera-{}", n % 5), 200)).collect();
    let part = items.len() / (KILLS + 1);
    for (index, part) in items.chunks(part).enumerate() {
        if index == 0 {
            assert_eq!(send_all(&sink, part, WINDOW).await, []);
            continue;
        }
        let known = kafka.read("events").len();
        wire.mute(true);
        let sending = tokio::spawn({
            let (sink, part) = (Arc::clone(&sink), part.to_vec());
            async move { send_all(&sink, &part, WINDOW).await }
        });
        until_async("some have arrived, unacknowledged", MINUTE, || kafka.read("events").len() > known).await;
        kafka.kill();
        wire.mute(false);
        kafka.restart();
        assert_eq!(sending.await.unwrap(), []);
    }
    let (cameras, repeats) = by_camera(&kafka.read("events"));
    for (camera, numbers) in &cameras {
        let first: u64 = camera.trim_start_matches("camera-").parse().unwrap();
        assert_eq!(*numbers, (0..COUNT / 5).map(|n| first + 5 * n).collect::<Vec<_>>(), "{camera}");
    }
    println!("{COUNT} of {COUNT} arrived, {repeats} came twice over {KILLS} kills");
    assert!(repeats <= KILLS * WINDOW, "{repeats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_entra_let_in_and_are_renewed_and_a_refusal_is_told() {
    let entra = EntraServer::start();
    let audience = "https://sites.servicebus.windows.net".to_owned();
    let kafka = Kafka::start(KafkaOptions {
        protocol: "SASL_SSL",
        tokens: Some([entra.keys_url(), entra.issuer(), audience.clone()]),
        ..KafkaOptions::default()
    });
    kafka.topic("events", 1, &[]);
    let with = |secret: &str, scope: &str| {
        let (tenant, client) = (TENANT.to_owned(), CLIENT.to_owned());
        let identity = Identity::ClientSecret { tenant, client, secret: Secret::new(secret), authority: entra.url() };
        let login = Login::Token(Arc::new(EntraTokens::new(identity, scope).unwrap()));
        KafkaSettings {
            tls: Some(KafkaTls { ca: Some(kafka.ca()), client: None }),
            login,
            ..settings(&kafka, "events")
        }
    };
    // Tokens that live so shortly that several are needed.
    entra.lives(15);
    let sink = ready(with(SECRET, &format!("{audience}/.default"))).await;
    let mut sent = 0;
    let give_up = tokio::time::Instant::now() + 2 * MINUTE;
    while entra.issued() < 3 {
        assert!(tokio::time::Instant::now() < give_up, "{} tokens", entra.issued());
        assert_eq!(send_all(&sink, &[event(sent, "gate", 1)], 1).await, []);
        sent += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(kafka.read("events").len() as u64, sent);
    assert!(entra.wrong().is_empty() && entra.scopes().iter().all(|scope| *scope == audience), "{:?}", entra.wrong());

    for (secret, scope, told) in [
        ("canary-wrong", format!("{audience}/.default"), "AADSTS900000"),
        (SECRET, "https://elsewhere.servicebus.windows.net/.default".to_owned(), "uthentication"),
    ] {
        let sink = KafkaSink::connect(with(secret, &scope));
        until_async("it is told", MINUTE, || sink.away().is_some_and(|why| why.contains(told))).await;
        let why = sink.away().unwrap();
        assert!(!why.contains("canary"), "{why}");
    }
}
