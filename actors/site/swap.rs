//! How a changed model takes the place of the one that runs.
//!
//! It promises: the new one is loaded and checked beside the old one, which looks at frames meanwhile; one that can't be loaded, doesn't
//! fit its settings, or answers nonsense changes nothing that runs, and that is told in the log, the journal and the status; when a file
//! changes again before that is done, only its last state counts.

use std::{sync::Arc, time::Duration};

use parapet_config::Model;
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
    /// Begins to load a changed model, and returns at once.
    pub(super) fn swap(self: &Arc<Self>, model: &Arc<Model>) {
        let Some(board) = self.boards.read().models.get(&model.id).map(|(_, board)| Arc::clone(board)) else { return };
        let (site, model, number) = (Arc::clone(self), Arc::clone(model), board.changing());
        tokio::spawn(async move {
            let outcome = match site.tried(&model).await {
                Ok(loaded) => site.take_over(&model, &board, number, loaded).await,
                Err(text) => site.refuse(&model, &board, number, &text),
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
        tracing::info!(model = %model.id, "the changed model has taken the place of the one before");
        "swapped"
    }

    fn refuse(&self, model: &Arc<Model>, board: &Arc<ModelBoard>, number: u64, text: &str) -> &'static str {
        let text = format!("the changed model can't be used, the one before goes on: {text}");
        if !board.changed(number, Some(ModelChange::Refused { text: text.clone() })) {
            return "superseded";
        }
        self.links.journal.report(Failure::new(format!("models/{}", model.id), "change", text));
        "refused"
    }
}
