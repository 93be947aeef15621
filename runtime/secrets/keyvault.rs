//! `${keyvault:NAME}`: values of Azure Key Vault, asked for on a thread of its own, kept in memory and asked for again.
//!
//! It promises: a value is never on the disk; while the vault is away or refuses, the last value serves, and the status and a metric say so; a
//! value that was never there is waited for by what needs it, and by nothing else; a load waits at most once for each name, within the vault's timeout.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parapet_config::{NoSecret, SecretProvider, SecretSettings, VaultSettings};
use parapet_contracts::Timestamp;
use parapet_keyvault::{KeyVault, VaultError};
use parking_lot::{Condvar, Mutex};
use serde::Serialize;

use super::memory::{Known, Memory};
use crate::entra::identity;

/// A load waits so much longer than an answer may take, since a token may have to come first.
const GRACE: Duration = Duration::from_secs(12);

/// The provider. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Vault(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    revision: AtomicU64,
}

#[derive(Default)]
struct State {
    settings: Option<VaultSettings>,
    memory: Memory,
    /// Grows when the vault becomes another one: the thread of the old one ends.
    generation: u64,
    running: bool,
    failing: Option<Failing>,
    last_answer: Option<Timestamp>,
}

/// How the vault fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VaultStatus {
    /// Its address.
    pub url: String,
    /// How many values are known.
    pub values: usize,
    /// The secrets that have no value yet.
    pub waiting: Vec<String>,
    /// When it last gave a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<Timestamp>,
    /// Since when values can't be asked for, and why: the last ones serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failing {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: String,
}

impl Vault {
    pub(super) fn status(&self) -> Option<VaultStatus> {
        let state = self.0.state.lock();
        let (values, waiting) = state.memory.count();
        state.settings.as_ref().map(|settings| VaultStatus {
            url: settings.url.to_string(),
            values,
            waiting,
            last_answer: state.last_answer,
            failing: state.failing.clone(),
        })
    }
}

impl SecretProvider for Vault {
    fn scheme(&self) -> &str {
        "keyvault"
    }

    fn configure(&self, settings: &SecretSettings) {
        let mut state = self.0.state.lock();
        if state.settings == settings.vault {
            return;
        }
        // Values of another vault are other values; of the same one they serve until it has answered.
        if state.settings.as_ref().map(|old| &old.url) != settings.vault.as_ref().map(|new| &new.url) {
            state.memory.clear();
        }
        (state.settings, state.failing, state.running) = (settings.vault.clone(), None, false);
        state.generation += 1;
        self.0.changed.notify_all();
    }

    fn read(&self, name: &str, _site: &Path) -> Result<String, NoSecret> {
        if !is_name(name) {
            return Err("this is no name of a secret: letters, digits and `-`, with `/VERSION` if need be".into());
        }
        let mut state = self.0.state.lock();
        let Some(settings) = state.settings.clone() else {
            return Err("there is no vault: add `secrets: {keyvault: {url: …, entra: …}}` to site.yaml".into());
        };
        let known = state.memory.want(name, Instant::now());
        if !std::mem::replace(&mut state.running, true) {
            let (shared, generation) = (Arc::clone(&self.0), state.generation);
            let spawned =
                std::thread::Builder::new().name("keyvault".to_owned()).spawn(move || ask(&shared, generation));
            if let Err(error) = spawned {
                state.running = false;
                return Err(NoSecret::NotYet(format!("no thread to ask the vault: {error}")));
            }
        }
        self.0.changed.notify_all();
        let (mut known, give_up) = (known, Instant::now() + settings.timeout + GRACE);
        while known == Known::NotAsked && !self.0.changed.wait_until(&mut state, give_up).timed_out() {
            known = state.memory.want(name, Instant::now());
        }
        match known {
            Known::Value(value) => Ok(value),
            Known::Nothing(why) => Err(NoSecret::NotYet(why)),
            Known::NotAsked => Err(NoSecret::NotYet("the vault has not answered yet".to_owned())),
        }
    }

    fn revision(&self) -> u64 {
        self.0.revision.load(Ordering::Acquire)
    }
}

/// As the vault takes it.
fn is_name(name: &str) -> bool {
    let part =
        |part: &str| (1..=127).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    name.split('/').count() <= 2 && name.split('/').all(part)
}

/// Asks for what is due, until the vault is another one or nobody wants anything of it any more.
fn ask(shared: &Arc<Shared>, generation: u64) {
    let Some(settings) = shared.state.lock().settings.clone() else { return };
    let made =
        identity(settings.identity.clone()).and_then(|who| KeyVault::new(settings.url.clone(), who, settings.timeout));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string());
    let asking = made.and_then(|vault| runtime.map(|runtime| (vault, runtime)));
    loop {
        let mut state = shared.state.lock();
        let name = loop {
            // The load that wants values holds it, too.
            if state.generation != generation || Arc::strong_count(shared) == 1 {
                return;
            }
            match state.memory.next(Instant::now()) {
                Ok(name) => break name,
                // Now and then it looks whether anybody is left.
                Err(due) => {
                    let soon = Instant::now() + Duration::from_secs(5);
                    shared.changed.wait_until(&mut state, due.map_or(soon, |due| due.min(soon)));
                }
            }
        };
        drop(state);
        let answer = match &asking {
            Ok((vault, runtime)) => runtime
                .block_on(vault.secret(&name))
                .map_err(|VaultError { text, retry_after, .. }| (text, retry_after)),
            Err(why) => Err((why.clone(), None)),
        };
        let mut state = shared.state.lock();
        if state.generation != generation {
            return;
        }
        let now = Instant::now();
        match answer {
            Ok(value) => {
                state.last_answer = Some(Timestamp::now());
                if state.memory.came(&name, value.expose(), now, settings.refresh) {
                    shared.revision.fetch_add(1, Ordering::AcqRel);
                }
            }
            Err((why, rest)) => state.memory.failed(&name, &why, now, rest),
        }
        tell(&mut state);
        shared.changed.notify_all();
    }
}

/// Notes whether all is well, once for each change.
fn tell(state: &mut State) {
    match state.memory.trouble() {
        Some((_, why)) => {
            let since = state.failing.as_ref().map_or_else(Timestamp::now, |failing| failing.since);
            if state.failing.is_none() {
                tracing::warn!("secrets of the vault can't be asked for, the last values serve: {why}");
            }
            state.failing = Some(Failing { since, why });
        }
        None if state.failing.take().is_some() => tracing::info!("the vault gives secrets again"),
        None => {}
    }
    let outcome = if state.failing.is_some() { "failed" } else { "answered" };
    metrics::counter!("parapet_secret_requests_total", "provider" => "keyvault", "outcome" => outcome).increment(1);
    let failing = if state.failing.is_some() { 1.0 } else { 0.0 };
    metrics::gauge!("parapet_secrets_failing_info", "provider" => "keyvault").set(failing);
}
