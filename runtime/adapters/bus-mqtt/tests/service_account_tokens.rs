//! Kubernetes service account tokens, against a mosquitto that asks for them as the broker of Azure IoT Operations does.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{DEADLINE, connected, message, next, publish_numbered, retained, settings, soon, subscribed, told};
use parapet_bus_mqtt::{BusSettings, MqttBus, TlsSettings};
use parapet_contracts::{ErrorKind, ports::bus::BusPort};
use parapet_testkit::{
    Mosquitto,
    certificates::Authority,
    conformance,
    k8s_sat::{self, Claims, SUBJECT, TokenIssuer},
    wait::until_async,
};

/// A broker that believes `issuer`, over TLS, and lets our service account publish and subscribe below `parapet/a`.
struct Site {
    broker: Mosquitto,
    issuer: TokenIssuer,
    folder: tempfile::TempDir,
}

impl Site {
    fn new(more: &[&str]) -> Self {
        Self::with("parapet/a/#", more)
    }

    fn with(topics: &str, more: &[&str]) -> Self {
        let (issuer, authority) = (TokenIssuer::new(), Authority::new("ours"));
        let server = authority.server(&["localhost"]);
        let (ca, key) = (authority.certificate(), issuer.public_key());
        let acl = format!("user {SUBJECT}\ntopic readwrite {topics}\n");
        let files = [
            ("sat.pub", &*key),
            ("ca.pem", &*ca),
            ("server.pem", &*server.certificate),
            ("server.key", &*server.key),
            ("acl", &*acl),
        ];
        let sat = k8s_sat::lines();
        let mut lines = vec!["certfile {folder}/server.pem", "keyfile {folder}/server.key", "acl_file {folder}/acl"];
        lines.extend(sat.iter().map(String::as_str));
        lines.extend(more);
        let broker = Mosquitto::start(&lines, &files);
        Self { broker, issuer, folder: tempfile::tempdir().unwrap() }
    }

    /// Puts a token in place, and says how to connect with it.
    fn settings(&self, claims: &Claims<'_>) -> BusSettings {
        let file = self.issuer.project(self.folder.path(), claims);
        let tls = TlsSettings { ca_file: Some(self.broker.folder().join("ca.pem")), client: None };
        BusSettings {
            host: "localhost".into(),
            tls: Some(tls),
            token_file: Some(file),
            ..settings(self.broker.port(), "site")
        }
    }

    fn rotate(&self, claims: &Claims<'_>) {
        self.issuer.project(self.folder.path(), claims);
    }
}

#[tokio::test]
async fn a_token_lets_in_as_its_service_account() {
    let site = Site::new(&[]);
    let bus = connected(site.settings(&Claims::default())).await;
    soon("acknowledged", bus.publish_acknowledged(message("parapet/a/alerts", "1"))).await.unwrap();
    let error = soon("an answer", bus.publish_acknowledged(message("parapet/b/alerts", "1"))).await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Reject, "refused"));
    assert!(site.broker.log().contains(&format!("k8s-sat: authenticated site as {SUBJECT}")));
}

#[tokio::test]
async fn it_is_a_bus() {
    let site = Site::with("#", &[]);
    let bus = MqttBus::connect(site.settings(&Claims::default()));
    conformance::bus::check(&bus).await;
}

#[tokio::test]
async fn a_token_that_is_replaced_is_shown_on_the_same_connection() {
    let site = Site::new(&["max_queued_messages 0"]);
    let bus = connected(site.settings(&Claims { seconds: 60, ..Claims::default() })).await;
    let mut all = subscribed(&bus, "parapet/a/#").await;
    let reading = tokio::spawn(async move {
        for _ in 0..3_000 {
            next(&mut all).await;
        }
        all.dropped()
    });
    // Messages of all sizes are under way meanwhile: an AUTH packet must stand between two of them.
    let publishing = publish_numbered(&bus, "parapet/a/alerts", 0..3_000);
    let rotating = async {
        for renewals in 1..=3 {
            site.rotate(&Claims::default());
            until_async("the broker took it", DEADLINE, || bus.token_renewals() == renewals).await;
        }
    };
    let (rejected, ()) = soon("both", async { tokio::join!(publishing, rotating) }).await;
    assert_eq!(rejected, Vec::<u32>::new());
    assert_eq!(soon("read", reading).await.unwrap(), 0);
    assert_eq!(bus.connections(), 1, "the connection stood");
    assert_eq!(site.broker.log().matches("k8s-sat: reauthenticated site").count(), 3);
}

#[tokio::test]
async fn a_token_that_expires_ends_the_connection_and_the_next_one_brings_it_back() {
    let site = Site::new(&[]);
    let bus = connected(site.settings(&Claims { seconds: 2, ..Claims::default() })).await;
    assert!(!soon("put out", bus.connection_changed(true)).await);
    let text = told(&bus, "does not believe the service account token").await;
    assert!(text.contains("broker-sat") && text.contains("expired"), "{text}");
    site.rotate(&Claims::default());
    assert!(soon("back", bus.connection_changed(false)).await);
    soon("acknowledged", bus.publish_acknowledged(message("parapet/a/alerts", "1"))).await.unwrap();
}

#[tokio::test]
async fn a_new_token_that_is_not_believed_ends_the_connection_with_the_reason() {
    let site = Site::new(&[]);
    let bus = connected(site.settings(&Claims::default())).await;
    site.rotate(&Claims { audience: "somebody-else", ..Claims::default() });
    assert!(!soon("put out", bus.connection_changed(true)).await);
    told(&bus, "does not believe the service account token in").await;
    site.rotate(&Claims::default());
    assert!(soon("back", bus.connection_changed(false)).await);
}

#[tokio::test]
async fn other_tokens_are_not_believed_and_never_shown() {
    let site = Site::new(&[]);
    let stranger = TokenIssuer::new().token(&Claims::default());
    let fine = site.issuer.token(&Claims::default());
    let mut parts = fine.split('.');
    let (_, payload) = (parts.next().unwrap(), parts.next().unwrap());
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");
    let claims = |change: fn(&mut Claims<'static>)| {
        let mut claims = Claims::default();
        change(&mut claims);
        site.issuer.token(&claims)
    };
    let others = [
        (stranger, "the signature does not hold"),
        (unsigned, "the signature does not hold"),
        (fine.replace('.', "-"), "no token"),
        (claims(|c| c.issuer = "https://elsewhere"), "another issuer"),
        (claims(|c| c.audience = "elsewhere"), "meant for another audience"),
        (claims(|c| c.seconds = -5), "expired"),
        (claims(|c| c.subject = "root"), "the subject is no service account"),
    ];
    for (token, why) in others {
        let settings = site.settings(&Claims::default());
        let file = site.folder.path().join("other-token");
        std::fs::write(&file, &token).unwrap();
        let bus = MqttBus::connect(BusSettings { token_file: Some(file), ..settings });
        let text = told(&bus, "does not believe the service account token").await;
        assert!(!text.contains(&token) && !format!("{bus:?}").contains(&token), "{text}");
        until_async(why, DEADLINE, || site.broker.log().contains(why)).await;
    }
}

#[tokio::test]
async fn a_broker_that_asks_once_more_gets_the_token_once_more() {
    let site = Site::new(&["plugin_opt_challenge true"]);
    let bus = connected(site.settings(&Claims::default())).await;
    soon("acknowledged", bus.publish_acknowledged(message("parapet/a/alerts", "1"))).await.unwrap();
    site.rotate(&Claims::default());
    until_async("the broker took it", DEADLINE, || bus.token_renewals() == 1).await;
    soon("acknowledged", bus.publish_acknowledged(message("parapet/a/alerts", "2"))).await.unwrap();
    assert_eq!((bus.connections(), site.broker.log().matches("k8s-sat: challenged site").count()), (1, 2));
}

#[tokio::test]
async fn the_will_follows_an_abrupt_end_only() {
    let site = Site::new(&[]);
    let mut own = site.settings(&Claims::default());
    own.last_will = Some(retained("parapet/a/status", "offline"));
    let reader = connected(BusSettings { client_id: "reader".into(), ..site.settings(&Claims::default()) }).await;
    let mut status = subscribed(&reader, "parapet/a/#").await;
    let bus = connected(own.clone()).await;
    soon("closed", bus.close()).await;
    soon("acknowledged", reader.publish_acknowledged(message("parapet/a/marker", "x"))).await.unwrap();
    assert_eq!(next(&mut status).await.topic, "parapet/a/marker");
    drop(connected(own).await);
    assert_eq!(&next(&mut status).await.payload[..], b"offline");
}

#[tokio::test]
async fn a_broker_that_knows_no_tokens_and_a_file_without_one_are_told() {
    let broker = Mosquitto::start(&[], &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = TokenIssuer::new().project(folder.path(), &Claims::default());
    let with = |file| BusSettings { token_file: Some(file), ..settings(broker.port(), "site") };
    let text = told(&MqttBus::connect(with(file)), "refused the connection").await;
    assert!(text.contains("K8S-SAT"), "{text}");
    told(&MqttBus::connect(with(folder.path().join("nothing"))), "nothing: the service account token can't be read")
        .await;
}

#[tokio::test]
async fn a_broker_that_hangs_or_goes_is_noticed_through_the_link() {
    let mut site = Site::new(&[]);
    let mut own = site.settings(&Claims::default());
    own.ack_timeout = Duration::from_millis(500);
    let bus = connected(own).await;
    site.broker.freeze();
    let error = soon("given up", bus.publish_acknowledged(message("parapet/a/alerts", "1"))).await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Retry, "disconnected"));
    site.broker.thaw();
    assert!(soon("back", bus.connection_changed(false)).await);
    site.broker.kill();
    assert!(!soon("noticed", bus.connection_changed(true)).await);
    told(&bus, "no connection to the broker").await;
    site.broker.restart();
    assert!(soon("back", bus.connection_changed(false)).await);
    soon("acknowledged", bus.publish_acknowledged(message("parapet/a/alerts", "2"))).await.unwrap();
}
