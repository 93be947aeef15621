//! The webhook against a receiver that answers, refuses, asks for patience, hangs up, and sends elsewhere.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use parapet_contracts::{
    ErrorKind, Secret,
    ports::{
        sink::{SinkError, SinkPort},
        store::OutboxItem,
    },
};
use parapet_sink_http::{HttpSettings, HttpSink};
use parapet_testkit::{BadHttp, bad_http::Manner};
use ring::hmac;

fn item(n: u128) -> OutboxItem {
    OutboxItem::new(uuid::Uuid::from_u128(n), "alert", "t", format!("{{\"n\":{n}}}"))
}

fn answer(status: u16) -> Manner {
    Manner::Answer(status, String::new())
}

fn sink(server: &BadHttp) -> HttpSink {
    let headers = vec![("authorization".to_owned(), Secret::new("Bearer canary"))];
    let settings = HttpSettings { headers, ..HttpSettings::new(format!("{}/hook?token=canary", server.url())) };
    HttpSink::new(&settings).unwrap()
}

fn kinds(fates: &[Result<(), SinkError>]) -> Vec<Result<(), (ErrorKind, &'static str)>> {
    fates.iter().map(|fate| fate.clone().map_err(|error| (error.kind, error.code))).collect()
}

#[tokio::test]
async fn each_item_is_a_post_and_the_answer_decides() {
    let server = BadHttp::start();
    server.next([answer(204), answer(410), answer(503)]);
    let fates = sink(&server).send(&[item(1), item(2), item(3), item(4)]).await;
    let expected = [Ok(()), Err((ErrorKind::Reject, "refused")), Err((ErrorKind::Retry, "busy"))];
    assert_eq!(kinds(&fates), expected, "what follows waits");
    assert!(!format!("{fates:?}").contains("canary"), "{fates:?}");
    let requests = server.received();
    assert_eq!((requests.len(), requests[0].line.as_str()), (3, "POST /hook?token=canary HTTP/1.1"));
    assert_eq!(requests[0].body, "{\"n\":1}");
    assert_eq!(requests[0].header("authorization"), "Bearer canary");
    assert_eq!(requests[0].header("content-type"), "application/cloudevents+json");
    assert_eq!(requests[0].header("idempotency-key"), item(1).id.to_string());
    assert_eq!(requests[0].header("webhook-signature"), "", "nothing is signed without a secret");
}

#[tokio::test]
async fn each_request_is_signed_with_its_time() {
    let server = BadHttp::start();
    let settings = HttpSettings { secret: Some(Secret::new("whsec_Y2FuYXJ5")), ..HttpSettings::new(server.url()) };
    assert_eq!(HttpSink::new(&settings).unwrap().send(&[item(7)]).await, [Ok(())]);
    let request = server.received().remove(0);
    let signed = format!("{}.{}.{}", request.header("webhook-id"), request.header("webhook-timestamp"), request.body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"canary");
    let signature = STANDARD.decode(request.header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    hmac::verify(&key, signed.as_bytes(), &signature).unwrap();
    let age = jiff::Timestamp::now().as_second() - request.header("webhook-timestamp").parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "{age}");
}

#[tokio::test]
async fn a_receiver_that_asks_for_patience_gets_it() {
    let server = BadHttp::start();
    server.next([
        Manner::Answer(429, "retry-after: 7\r\n".to_owned()),
        Manner::Answer(503, "retry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\n".to_owned()),
    ]);
    let sink = sink(&server);
    let first = sink.send(&[item(1)]).await.remove(0).unwrap_err();
    assert_eq!((first.code, first.retry_after), ("throttled", Some(Duration::from_secs(7))));
    let second = sink.send(&[item(1)]).await.remove(0).unwrap_err();
    assert_eq!((second.code, second.retry_after), ("busy", Some(Duration::ZERO)));
    assert_eq!(sink.send(&[item(1)]).await, [Ok(())]);
}

#[tokio::test]
async fn whoever_is_away_silent_or_hangs_up_is_tried_again() {
    let server = BadHttp::start();
    for manner in [Manner::HangUp, Manner::HalfAnAnswer, Manner::Refuse] {
        // The client itself may repeat a request on a connection that was closed under it: so none is left open.
        server.next([manner.clone(), manner.clone()]);
        let fates = sink(&server).send(&[item(1), item(2)]).await;
        assert_eq!(kinds(&fates), [Err((ErrorKind::Retry, "disconnected"))], "{manner:?}: {fates:?}");
        assert!(!format!("{fates:?}").contains("canary"), "{fates:?}");
    }
    let server = BadHttp::start();
    server.next([Manner::Silence]);
    let settings = HttpSettings { timeout: Duration::from_millis(100), ..HttpSettings::new(server.url()) };
    let error = HttpSink::new(&settings).unwrap().send(&[item(1)]).await.remove(0).unwrap_err();
    assert!(error.text.contains("no answer in time"), "{error:?}");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let fates = HttpSink::new(&HttpSettings::new(format!("http://{gone}/"))).unwrap().send(&[item(1)]).await;
    assert_eq!(kinds(&fates), [Err((ErrorKind::Retry, "disconnected"))]);
}

#[tokio::test]
async fn an_alert_goes_where_it_was_sent_or_nowhere() {
    let (server, elsewhere) = (BadHttp::start(), BadHttp::start());
    let to = |status, place: &str| Manner::Answer(status, format!("location: {place}\r\n"));
    let sink = sink(&server);
    server.next([to(308, "/new"), answer(204)]);
    assert_eq!(sink.send(&[item(1)]).await, [Ok(())], "within the host it is followed");
    assert_eq!(server.received()[1].line, "POST /new HTTP/1.1");
    assert_eq!(server.received()[1].body, "{\"n\":1}");
    for manner in [to(302, "/new"), to(307, &elsewhere.url()), to(301, &format!("{}/x", elsewhere.url()))] {
        server.next([manner.clone()]);
        let fates = sink.send(&[item(2)]).await;
        assert_eq!(kinds(&fates), [Err((ErrorKind::Reject, "redirected"))], "{manner:?}");
    }
    server.usually(Some(to(307, "/round")));
    assert_eq!(kinds(&sink.send(&[item(3)]).await), [Err((ErrorKind::Reject, "redirected"))], "round and round");
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn what_is_too_large_is_refused_here_or_there_and_nothing_waits_behind_it() {
    let server = BadHttp::start();
    let sink = HttpSink::new(&HttpSettings { max_body: 100, ..HttpSettings::new(server.url()) }).unwrap();
    let large = OutboxItem::new(uuid::Uuid::nil(), "event", "t", "x".repeat(101));
    server.next([answer(413), answer(204)]);
    let fates = sink.send(&[large, item(1), item(2)]).await;
    let too_large = Err((ErrorKind::Reject, "too_large"));
    assert_eq!(kinds(&fates), [too_large, too_large, Ok(())]);
    assert_eq!(server.received().len(), 2, "the large one never left");
}

#[test]
fn a_value_that_cannot_be_sent_is_told_without_it() {
    let headers = vec![("x".to_owned(), Secret::new("can\nary"))];
    let settings = HttpSettings { headers, ..HttpSettings::new("http://127.0.0.1/") };
    let error = HttpSink::new(&settings).err().unwrap();
    assert!(error.contains('x') && !error.contains("ary"), "{error}");
}
