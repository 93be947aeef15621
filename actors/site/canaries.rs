//! The canaries of a site: which cameras each looks at, and what follows when one is sent back.
//!
//! It promises: the first model looks at a camera whenever its canary does not; a canary that was sent back is told in the log, the journal, the
//! status and on the bus, gives its slots' memory back, and is not tried again, also after a restart, until its file changes or goes.

use std::{collections::BTreeMap, sync::Arc};

use parapet_config::{Model, SiteConfig};
use parapet_contracts::{ModelId, hex, status::Health};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Site;
use crate::{
    journal::{Failure, Journal},
    model::{Canary, ModelPool, Placed, SentBack},
    store::StoreHandle,
};

/// Where it is kept which canaries were sent back.
const KEPT: &str = "canary/";

/// The canaries, and which were sent back before.
#[derive(Default)]
pub(super) struct Canaries {
    now: Mutex<BTreeMap<ModelId, Arc<Canary>>>,
    before: Mutex<BTreeMap<ModelId, Kept>>,
}

/// A canary that was sent back, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Of its file, and of the .onnx file: another one may be tried.
    fingerprint: String,
    #[serde(flatten)]
    sent_back: SentBack,
}

fn fingerprint(model: &Model) -> String {
    hex(&Sha256::digest(format!("{model:?}")))
}

/// The canaries that were sent back before the process began.
pub(crate) async fn sent_back_before(store: &StoreHandle, journal: &Journal) -> BTreeMap<ModelId, Kept> {
    let port = Arc::clone(store.port());
    let kept = match tokio::task::spawn_blocking(move || port.kept_below(KEPT)).await {
        Ok(Ok(kept)) => kept,
        Ok(Err(error)) => {
            let text =
                format!("which canaries were sent back is not known, so that they are tried again: {}", error.text);
            journal.report(Failure::new("models", "canary", text));
            return BTreeMap::new();
        }
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    let read = |(key, text): (String, String)| {
        let id = ModelId::new(key.strip_prefix(KEPT)?).ok()?;
        match serde_json::from_str(&text) {
            Ok(kept) => Some((id, kept)),
            Err(error) => {
                journal.report(Failure::new("models", "canary", format!("{key} can't be read: {error}")));
                None
            }
        }
    };
    kept.into_iter().filter_map(read).collect()
}

impl Site {
    /// The canary that this model is, if it is one.
    pub(super) fn canary(&self, id: &ModelId) -> Option<Arc<Canary>> {
        self.canaries.now.lock().get(id).cloned()
    }

    /// Whether this model is a canary that was sent back: it has no slots.
    pub(super) fn is_sent_back(&self, id: &ModelId) -> bool {
        self.canary(id).is_some_and(|canary| canary.sent_back().is_some())
    }

    /// What was sent back before the process began.
    pub(crate) fn remember_canaries(&self, kept: BTreeMap<ModelId, Kept>) {
        *self.canaries.before.lock() = kept;
    }

    /// Makes the canaries of `config`, before the slots of their models; those whose files did not change go on. No frame goes to a new one yet.
    pub(super) fn make_canaries(self: &Arc<Self>, config: &SiteConfig) {
        self.forget_canaries(config);
        let mut made = BTreeMap::new();
        for model in config.models.values() {
            let Some(declared) = &model.canary else { continue };
            let old = self.canary(&model.id).filter(|canary| canary.model() == model);
            let (of, _) = self.place(&declared.of);
            let (_, board) = self.place(&model.id);
            let Some(canary) = old.or_else(|| self.make_canary(model, of)) else { continue };
            board.canary(Some(Arc::clone(&canary)));
            made.insert(model.id.clone(), canary);
        }
        let old = std::mem::replace(&mut *self.canaries.now.lock(), made);
        let new = self.canaries.now.lock().clone();
        for (id, canary) in old.iter().filter(|(id, canary)| new.get(*id).is_none_or(|new| !Arc::ptr_eq(new, canary))) {
            canary.close();
            if new.contains_key(id) {
                continue;
            }
            if let Some((_, board)) = self.boards.read().models.get(id) {
                board.canary(None);
            }
            if canary.sent_back().is_some() {
                let health = if config.models.contains_key(id) { Health::Online } else { Health::Offline };
                self.links.bus_feed.model(id, health, None);
            }
        }
    }

    fn make_canary(self: &Arc<Self>, model: &Arc<Model>, of: Arc<ModelPool>) -> Option<Arc<Canary>> {
        let before = self.canaries.before.lock().get(&model.id).cloned();
        let before = before.filter(|kept| kept.fingerprint == fingerprint(model)).map(|kept| kept.sent_back);
        let known = before.is_some();
        let canary = Canary::new(model, of, Arc::clone(&self.links.ports.clock), before)?;
        if known {
            self.tell_sent_back(&canary);
            return Some(canary);
        }
        let (site, id, mut end) = (Arc::downgrade(self), model.id.clone(), canary.listen());
        tokio::spawn(async move {
            // Nobody will say so any more when another one has taken its place.
            if end.wait_for(Option::is_some).await.is_ok()
                && let Some(site) = site.upgrade()
            {
                site.canary_is_sent_back(&id).await;
            }
        });
        Some(canary)
    }

    /// Shows each canary its cameras, once all have their places.
    pub(super) fn place_canaries(&self, config: &SiteConfig) {
        let canaries = self.canaries.now.lock().clone();
        let models = self.boards.read().models.clone();
        for (id, (pool, _)) in &models {
            let placed = canaries.values().find(|canary| canary.of() == id).and_then(|canary| {
                let cameras = canary.choose(config.cameras.values());
                let own = &models.get(&canary.model().id)?.0;
                canary.sent_back().is_none().then(|| Placed {
                    canary: Arc::clone(canary),
                    pool: Arc::clone(own),
                    cameras,
                })
            });
            pool.place_canary(placed.as_ref());
        }
    }

    async fn canary_is_sent_back(self: &Arc<Self>, id: &ModelId) {
        let _one_at_a_time = self.swapping.lock().await;
        let Some((canary, sent_back)) = self.canary(id).and_then(|canary| canary.sent_back().map(|end| (canary, end)))
        else {
            return;
        };
        self.place_canaries(&self.config());
        self.tell_sent_back(&canary);
        let (model, of) = (id.to_string(), canary.of().to_string());
        metrics::counter!("parapet_canary_sent_back_total", "model" => model, "of" => of).increment(1);
        let text =
            format!("the canary is sent back, {} looks at all of its cameras again: {}", canary.of(), sent_back.why);
        self.links.journal.report(Failure::new(format!("models/{id}"), "canary", text));
        let kept = Kept { fingerprint: fingerprint(canary.model()), sent_back };
        if let Ok(text) = serde_json::to_string(&kept)
            && self.links.store.keep(format!("{KEPT}{id}"), Some(text)).await.is_err()
        {
            tracing::info!(model = %id, "the site stops: the canary is tried again after it starts");
        }
        self.canaries.before.lock().insert(id.clone(), kept);
        self.remove(&self.models, id.as_str()).await;
    }

    fn tell_sent_back(&self, canary: &Canary) {
        let why = canary.sent_back().map(|end| format!("the canary was sent back: {}", end.why));
        self.links.bus_feed.model(&canary.model().id, Health::Failed, why);
    }

    /// One whose file is gone may be tried again when it comes back.
    fn forget_canaries(&self, config: &SiteConfig) {
        let gone: Vec<ModelId> = {
            let mut before = self.canaries.before.lock();
            let stays = |id: &ModelId| config.models.get(id).is_some_and(|model| model.canary.is_some());
            let gone = before.keys().filter(|id| !stays(id)).cloned().collect();
            before.retain(|id, _| stays(id));
            gone
        };
        for id in gone {
            let store = self.links.store.clone();
            tokio::spawn(async move { store.keep(format!("{KEPT}{id}"), None).await.ok() });
        }
    }
}
