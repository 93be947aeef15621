//! From the moment that an alert is durable until a subscriber at a real broker has it: once while nothing else happens, once at 1,000
//! alerts a second. Store, outbox, pump, MQTT client and broker are the real ones; the subscriber is a client in this process.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parapet_actors::bus::BusSink;
use parapet_bus_mqtt::{BusSettings, MqttBus};
use parapet_contracts::{Alert, Severity, ports::store::Write};
use parapet_testkit::{
    Mosquitto,
    conformance::samples::{alert, id, time},
};
use tokio::time::MissedTickBehavior;

use crate::{
    parts::{Store, event},
    support::{Figures, Spread},
};

const TOPIC: &str = "parapet/harbour/alerts";
/// Pace, how many alerts, and what it is called.
const PACES: [(Duration, u64, &str); 2] =
    [(Duration::from_millis(25), 400, "idle"), (Duration::from_millis(1), 20_000, "1,000 alerts/s")];

/// The row.
pub fn run(figures: &mut Figures) {
    crate::runtime().block_on(async {
        for (pace, alerts, name) in PACES {
            measure(pace, alerts, name, figures).await;
        }
    });
}

async fn measure(pace: Duration, alerts: u64, name: &str, figures: &mut Figures) {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Mosquitto::start(&["log_type error"], &[]));
    let store = Store::start(folder.path()).await;
    let bus = Arc::new(MqttBus::connect(BusSettings::new("127.0.0.1", broker.port(), "site")));
    let _pump = store.pump("bus", Arc::new(BusSink(bus))).await;
    let listener = MqttBus::connect(BusSettings::new("127.0.0.1", broker.port(), "listener"));
    let mut heard = listener.subscribe(TOPIC).await.unwrap();
    heard.ready().await.unwrap();
    let arrivals = tokio::spawn(async move {
        let _connection = listener;
        let mut arrivals = HashMap::new();
        while let Some(message) = heard.next().await {
            arrivals.entry(number(&message.payload)).or_insert_with(Instant::now);
            if arrivals.len() as u64 == alerts {
                break;
            }
        }
        arrivals
    });
    let template = Arc::new(alert(0, "gate", "r", Severity::Info, 0));
    let mut ticks = tokio::time::interval(pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (began, mut appends) = (Instant::now(), Vec::new());
    for n in 0..alerts {
        ticks.tick().await;
        let (handle, template) = (store.handle.clone(), Arc::clone(&template));
        appends.push(tokio::spawn(async move {
            let alert = Alert { id: id(n), raised_at: time(n), ..Alert::clone(&template) };
            handle.append(vec![Write::Alert(alert)], vec![("bus".to_owned(), event(n, TOPIC))]).await.unwrap();
            (n, Instant::now())
        }));
    }
    let rate = alerts as f64 / began.elapsed().as_secs_f64();
    let mut durable = HashMap::new();
    for append in appends {
        let (n, at) = append.await.unwrap();
        durable.insert(n, at);
    }
    let arrivals = tokio::time::timeout(Duration::from_secs(60), arrivals).await.expect("all arrive").unwrap();
    // The pump may be faster than the appender is woken: then it took no time.
    let mut took: Vec<f64> =
        arrivals.iter().map(|(n, at)| at.saturating_duration_since(durable[n]).as_secs_f64() * 1e3).collect();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    figures.one(&format!("alerts a second, {name}"), rate, "a second", None);
    figures.one(&format!("durable → subscriber, median, {name}"), at(0.5), "ms", None);
    figures.spread(
        &format!("durable → subscriber, p99, {name}"),
        Spread { median: at(0.99), low: at(0.0), high: at(1.0) },
        "ms",
        (name == "idle").then_some(10.0),
    );
    store.stop().await;
}

/// The number in an event's payload.
fn number(payload: &[u8]) -> u64 {
    let event: serde_json::Value = serde_json::from_slice(payload).unwrap();
    event["data"]["n"].as_u64().unwrap()
}
