//! How a changed model takes the place of the one that runs.
//!
//! It promises: the new one is loaded and checked beside the old one, which looks at frames meanwhile; one that can't be loaded, doesn't
//! fit its settings, or answers nonsense changes nothing that runs, and that is told in the log, the journal and the status; when a file
//! changes again before that is done, only its last state counts; what was refused is not what a slot starts anew from, also after a restart of the site.

use std::{sync::Arc, time::Duration};

use parapet_config::{Model, SiteConfig};
use parapet_contracts::status::Health;
use tokio::sync::oneshot;

use super::Site;
use crate::{
    journal::Failure,
    model::{Loaded, ModelBoard, ModelChange, try_out},
    worker::panic_text,
};

/// How long a changed model may take to load for all its slots, and to be checked.
const PATIENCE: Duration = Duration::from_secs(300);

impl Site {
    /// The model that runs first: the one that its file declares; or, when its .onnx file was refused before the process began, with the one that was
    /// good, until the file changes.
    pub(super) fn first(&self, model: &Arc<Model>) -> Arc<Model> {
        let Some((digest, why)) = self.links.ports.engines.keeper().instead(model) else { return Arc::clone(model) };
        let text = format!("its file was refused before the site was started anew, the last good one goes on: {why}");
        self.place(&model.id).1.refused_before(text.clone());
        self.links.bus_feed.model(&model.id, Health::Degraded, Some(text.clone()));
        self.links.journal.report(Failure::new(format!("models/{}", model.id), "change", text));
        Arc::new(Model { digest: Some(digest), ..Model::clone(model) })
    }

    /// Keeps no files of models that are gone.
    pub(super) fn keep_models(&self, config: &SiteConfig) {
        let (engines, models) = (Arc::clone(&self.links.ports.engines), config.models.keys().cloned().collect());
        drop(tokio::task::spawn_blocking(move || engines.keeper().keep_only(&models)));
    }

    /// Begins to load a changed model, and returns at once.
    pub(super) fn swap(self: &Arc<Self>, model: &Arc<Model>) {
        let Some(board) = self.boards.read().models.get(&model.id).map(|(_, board)| Arc::clone(board)) else { return };
        let (site, model, number) = (Arc::clone(self), Arc::clone(model), board.changing());
        tokio::spawn(async move {
            let outcome = match site.tried(&model).await {
                Ok(loaded) => site.take_over(&model, &board, number, loaded).await,
                Err(text) => site.refuse(&model, &board, number, &text).await,
            };
            metrics::counter!("parapet_model_changes_total", "model" => model.id.to_string(), "outcome" => outcome)
                .increment(1);
        });
    }

    /// The model, loaded for each slot on a thread of its own: loading blocks, and one that hangs must not hold up what else blocks.
    async fn tried(&self, model: &Arc<Model>) -> Result<Vec<Loaded>, String> {
        let (engines, clock) = (Arc::clone(&self.links.ports.engines), Arc::clone(&self.links.ports.clock));
        let (sender, receiver) = oneshot::channel();
        let name = format!("{}-trial", model.id);
        let model = Arc::clone(model);
        let work = move || {
            let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                try_out(&model, engines.as_ref(), clock.as_ref()).map_err(|error| error.text)
            }));
            // Nobody waits any more when it took too long.
            sender.send(tried.unwrap_or_else(|panic| Err(format!("panicked: {}", panic_text(&*panic))))).ok();
        };
        std::thread::Builder::new().name(name).spawn(work).map_err(|error| format!("no thread to load it: {error}"))?;
        match tokio::time::timeout(PATIENCE, receiver).await {
            Ok(Ok(tried)) => tried,
            Ok(Err(_)) => Err("the thread that loads it ended without a word".to_owned()),
            Err(_) => Err(format!("it was not loaded and checked within {PATIENCE:?}")),
        }
    }

    async fn take_over(
        &self,
        model: &Arc<Model>,
        board: &Arc<ModelBoard>,
        number: u64,
        loaded: Vec<Loaded>,
    ) -> &'static str {
        let _one_at_a_time = self.swapping.lock().await;
        let same = self.boards.read().models.get(&model.id).is_some_and(|(_, current)| Arc::ptr_eq(current, board));
        if !same || !board.changed(number, None) {
            return "superseded";
        }
        // The old slots end with what they look at just now; a frame that comes in between waits for a new one, which is ready.
        self.put(&self.models, self.model(model, loaded)).await;
        self.links.bus_feed.model(&model.id, Health::Online, None);
        tracing::info!(model = %model.id, "the changed model has taken the place of the one before");
        "swapped"
    }

    async fn refuse(&self, model: &Arc<Model>, board: &Arc<ModelBoard>, number: u64, text: &str) -> &'static str {
        let engines = Arc::clone(&self.links.ports.engines);
        let (refused, why) = (Arc::clone(model), text.to_owned());
        let kept = tokio::task::spawn_blocking(move || engines.keeper().refused(&refused, &why)).await;
        if let Ok(Err(text)) = kept {
            self.links.journal.report(Failure::new(format!("models/{}", model.id), "kept", text));
        }
        let text = format!("the changed model can't be used, the one before goes on: {text}");
        if !board.changed(number, Some(ModelChange::Refused { text: text.clone() })) {
            return "superseded";
        }
        if let Some(canary) = self.canary(&model.id).filter(|canary| canary.model() == model) {
            canary.send_back(text.clone());
        }
        self.links.bus_feed.model(&model.id, Health::Degraded, Some(text.clone()));
        self.links.journal.report(Failure::new(format!("models/{}", model.id), "change", text));
        "refused"
    }
}
