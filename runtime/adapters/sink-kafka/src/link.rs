//! The link to the brokers: one producer that has been seen to work, or why there is none.
//!
//! A producer is looked at before it is used: its brokers have to answer, so that wrong passwords, names and certificates are told before anything
//! is sent. One that has stopped, or on which acknowledgements stay away, is given up for a new one; nothing of the old one is relied on.

use std::{sync::Arc, time::Duration};

use parapet_contracts::ports::sink::SinkError;
use rdkafka::{
    config::FromClientConfigAndContext as _,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, Producer as _, PurgeConfig, ThreadedProducer},
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    health::{Ear, Health},
    record::Record,
    refusal::words,
    settings::{KafkaSettings, Login, Manner, client_config},
    window::{Said, Window},
};

/// How long brokers may take to answer the first question.
const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// Between questions that were not answered.
const PAUSE: Duration = Duration::from_millis(500);
/// How long what was given up may take to come back.
const GIVEN_UP: Duration = Duration::from_secs(5);

/// A producer, which ends on a thread of its own: ending takes a while, and blocks.
pub(crate) struct Producer {
    inner: Option<ThreadedProducer<Ear>>,
    health: Arc<Health>,
    patience: Duration,
    /// One of the brokers, for people.
    broker: String,
}

impl Producer {
    /// A producer that knows no broker yet. Blocks for as long as reading its files takes.
    ///
    /// # Errors
    /// When the settings are no good: a file that is no certificate, a name that is none.
    fn new(settings: &KafkaSettings, manner: Manner) -> Result<Self, String> {
        let health = Arc::<Health>::default();
        let tokens = if let Login::Token(tokens) = &settings.login { Some(Arc::clone(tokens)) } else { None };
        let (secrets, client) = (settings.login.secrets(), settings.client_id.clone());
        let ear = Ear { health: Arc::clone(&health), tokens, secrets, client };
        let inner = ThreadedProducer::from_config_and_context(&client_config(settings, manner), ear);
        // Of a setting that is refused the name is told, and never the value.
        let inner = inner.map_err(|error| match error {
            KafkaError::ClientConfig(_, why, key, _) => format!("the setting `{key}` is refused: {why}"),
            KafkaError::ClientCreation(why) => format!("there can be no producer: {why}"),
            other => format!("there can be no producer: {}", other.rdkafka_error_code().map(words).unwrap_or_default()),
        })?;
        let broker = settings.brokers.first().cloned().unwrap_or_default();
        Ok(Self { inner: Some(inner), health, patience: settings.timeout, broker })
    }

    /// Asks the brokers for a topic. Blocks.
    fn look(&self, topic: &str) -> Result<(), String> {
        let Some(inner) = &self.inner else { return Ok(()) };
        let answer = inner.client().fetch_metadata(Some(topic), FIRST_ANSWER);
        answer.map(|_| self.health.fine()).map_err(|error| {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
            let why = self.health.last_error().unwrap_or_else(|| words(code));
            if why.contains(&self.broker) { why } else { format!("{}: {why}", self.broker) }
        })
    }

    /// Sends records in their order, and returns what the brokers have said of each; it waits no longer than it may.
    pub(crate) async fn send(&self, records: &[&Record<'_>]) -> Vec<Said> {
        let Some(inner) = &self.inner else { return vec![None; records.len()] };
        let window = Window::new(records.len());
        for (index, record) in records.iter().enumerate() {
            let message = BaseRecord::with_opaque_to(&record.topic, window.place(index))
                .key(record.key)
                .payload(&*record.value)
                .headers(record.owned_headers());
            if let Err((error, message)) = inner.send(message) {
                message.delivery_opaque.said(Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)));
            }
        }
        let over = tokio::select! {
            () = window.complete() => false,
            () = self.health.stopped() => true,
            () = sleep(self.patience) => true,
        };
        if over {
            // What has not been acknowledged comes back now, as given up.
            inner.purge(PurgeConfig::default().queue().inflight());
            drop(timeout(GIVEN_UP, window.complete()).await);
        }
        let fates = window.fates();
        if fates.iter().all(|said| *said == Some(Ok(()))) {
            self.health.fine();
        }
        fates
    }

    /// Whether it has stopped for good. Asked of librdkafka as well, whose word to [`Health`] may still be on its way.
    pub(crate) fn is_stopped(&self) -> bool {
        self.health.is_stopped() || self.inner.as_ref().is_some_and(|inner| inner.client().fatal_error().is_some())
    }

    /// How it fares.
    pub(crate) fn health(&self) -> &Health {
        &self.health
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let inner = self.inner.take();
        std::thread::spawn(move || drop(inner));
    }
}

/// How the link is.
#[derive(Clone)]
enum State {
    Up(Arc<Producer>),
    Down(String),
}

/// See the module.
pub(crate) struct Link {
    state: Arc<watch::Sender<State>>,
    settings: Arc<KafkaSettings>,
    task: JoinHandle<()>,
}

impl Link {
    /// A link that connects by itself, and again whenever it is [given up](Self::give_up). `batch` is asked for the size of batches in bytes.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn new(settings: Arc<KafkaSettings>, batch: impl Fn() -> u64 + Send + 'static) -> Self {
        let state = Arc::new(watch::Sender::new(State::Down("the brokers have not answered yet".to_owned())));
        let task = tokio::spawn(keep_up(Arc::clone(&state), Arc::clone(&settings), batch));
        Self { state, settings, task }
    }

    /// The producer that works.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn producer(&self) -> Result<Arc<Producer>, SinkError> {
        match &*self.state.borrow() {
            State::Up(producer) => Ok(Arc::clone(producer)),
            State::Down(why) => Err(SinkError::retry("disconnected", why.clone())),
        }
    }

    /// Why there is no producer.
    pub(crate) fn down(&self) -> Option<String> {
        self.producer().err().map(|error| error.text)
    }

    /// Returns when there is a producer.
    pub(crate) async fn up(&self) {
        // The sender lives as long as this.
        drop(self.state.subscribe().wait_for(|state| matches!(state, State::Up(_))).await);
    }

    /// Gives a producer up, unless another one has taken over already.
    pub(crate) fn give_up(&self, producer: &Arc<Producer>, why: &str) {
        self.state.send_if_modified(|state| {
            let is_it = matches!(state, State::Up(current) if Arc::ptr_eq(current, producer));
            if is_it {
                *state = State::Down(why.to_owned());
            }
            is_it
        });
    }

    /// A producer beside this link's own, that sends each record alone.
    ///
    /// # Errors
    /// When there can be none.
    pub(crate) async fn alone(&self) -> Result<Producer, SinkError> {
        let settings = Arc::clone(&self.settings);
        let made = tokio::task::spawn_blocking(move || Producer::new(&settings, Manner::Alone)).await;
        match made {
            Ok(made) => made.map_err(|why| SinkError::retry("disconnected", why)),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes a producer whenever there is none, for ever.
async fn keep_up(state: Arc<watch::Sender<State>>, settings: Arc<KafkaSettings>, batch: impl Fn() -> u64 + Send) {
    let mut seen = state.subscribe();
    let topic = Arc::<str>::from(settings.topic.replace("{kind}", "alerts"));
    loop {
        let (config, manner) = (Arc::clone(&settings), Manner::Batches(batch()));
        let made = blocking(move || Producer::new(&config, manner)).await;
        match made {
            Ok(producer) => {
                let producer = Arc::new(producer);
                if answered(&state, &producer, &topic).await {
                    state.send_replace(State::Up(producer));
                    // Until somebody gives it up.
                    drop(seen.wait_for(|state| matches!(state, State::Down(_))).await);
                    continue;
                }
            }
            Err(why) => drop(state.send_replace(State::Down(why))),
        }
        sleep(PAUSE).await;
    }
}

/// Asks until the brokers answer, and tells why they do not; false when the producer has stopped.
async fn answered(state: &watch::Sender<State>, producer: &Arc<Producer>, topic: &Arc<str>) -> bool {
    loop {
        let (asking, topic) = (Arc::clone(producer), Arc::clone(topic));
        match blocking(move || asking.look(&topic)).await {
            Ok(()) => return true,
            Err(why) => drop(state.send_replace(State::Down(why))),
        }
        if producer.is_stopped() {
            return false;
        }
        sleep(PAUSE).await;
    }
}

/// Runs what blocks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
