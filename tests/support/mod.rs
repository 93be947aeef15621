//! What the tests of whole sites share beside the test kit.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use parapet_bus_mqtt::{BusSettings, MqttBus, ReceivedMessage};

/// The binary under test.
pub const PARAPET: &str = env!("CARGO_BIN_EXE_parapet");

/// Somebody else at the broker, who keeps all that comes.
pub struct Listener {
    messages: Arc<Mutex<Vec<ReceivedMessage>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Listener {
    /// Subscribes `filter` at the broker on a port of the loopback; returns when the broker has granted it.
    pub fn at(port: u16, filter: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let messages = Arc::new(Mutex::new(Vec::new()));
        let (filter, kept) = (filter.to_owned(), Arc::clone(&messages));
        let subscribed = runtime.block_on(async move {
            let bus = MqttBus::connect(BusSettings::new("127.0.0.1", port, format!("listener-{}", std::process::id())));
            let mut subscription = bus.subscribe(&filter).await.unwrap();
            tokio::time::timeout(Duration::from_secs(20), subscription.ready()).await.map(|granted| {
                granted.unwrap();
                tokio::spawn(async move {
                    let _connection = bus;
                    while let Some(message) = subscription.next().await {
                        kept.lock().unwrap().push(message);
                    }
                });
            })
        });
        subscribed.expect("the broker grants the subscription within 20 s");
        Self { messages, _runtime: runtime }
    }

    /// What came until now.
    pub fn messages(&self) -> Vec<ReceivedMessage> {
        self.messages.lock().unwrap().clone()
    }

    /// How many messages have come.
    pub fn count(&self) -> usize {
        self.messages.lock().unwrap().len()
    }

    /// What came on a topic until now.
    pub fn on(&self, topic: &str) -> Vec<ReceivedMessage> {
        self.messages().into_iter().filter(|message| message.topic == topic).collect()
    }

    /// Waits until `good` holds of all that came on a topic.
    pub fn wait_for(
        &self,
        topic: &str,
        limit: Duration,
        good: impl Fn(&[ReceivedMessage]) -> bool,
    ) -> Vec<ReceivedMessage> {
        let give_up = Instant::now() + limit;
        loop {
            let messages = self.on(topic);
            if good(&messages) {
                return messages;
            }
            assert!(Instant::now() < give_up, "not within {limit:?} on {topic}: {messages:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// True when `PARAPET_SOAK` asks for the long form of a test, as `script/soak` does.
pub fn soak() -> bool {
    std::env::var_os("PARAPET_SOAK").is_some_and(|value| !value.is_empty() && value != "0")
}
