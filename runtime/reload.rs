//! Reload: what changes in the site's folder is loaded, and told to the running site.
//!
//! Promises: a change is told within 2 s; a configuration with an error changes nothing and is told once, with every error's
//! file, line and column; when the folder vanishes, the old configuration stays and that is told.

mod fingerprint;
#[cfg(test)]
mod tests;
mod watch;

use std::{path::PathBuf, sync::Arc, time::Duration};

use parapet_actors::{
    journal::{Failure, Journal},
    site::Site,
};
use parapet_config::{Change, Changes, Loaded, Problem, Problems, SiteConfig};
use parapet_contracts::status::Health;
use parking_lot::Mutex;

use crate::{probe::OnnxProbe, secrets::SiteSecrets};

pub use watch::{ReloadEvent, Timing, watch};

/// How often it is looked how the providers of secrets fare.
const LOOK: Duration = Duration::from_secs(1);

/// What the last reload came to, for whoever shows the site's status. Clones are the same board.
#[derive(Debug, Clone, Default)]
pub struct ReloadBoard(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    refused: Option<Problems>,
    waiting: Vec<Problem>,
}

impl ReloadBoard {
    /// The errors that keep the files on disk from being used; `None` when they are what runs.
    pub fn refused(&self) -> Option<Problems> {
        self.0.lock().refused.clone()
    }

    /// References that have no value yet: what the files say that hold them does not run.
    pub fn waiting(&self) -> Vec<Problem> {
        self.0.lock().waiting.clone()
    }

    /// Notes what waits.
    pub fn waits(&self, waiting: Vec<Problem>) {
        self.0.lock().waiting = waiting;
    }

    fn set(&self, refused: Option<Problems>) {
        self.0.lock().refused = refused;
    }
}

/// Follows the site's folder, applies what changes, and notes on `board` what came of it. Never ends.
pub async fn follow(folder: PathBuf, site: Arc<Site>, journal: Journal, board: ReloadBoard, secrets: SiteSecrets) {
    let running = site.config();
    let providers = Arc::clone(secrets.providers());
    let mut events = watch(folder, SiteConfig::clone(&running), Arc::new(OnnxProbe), providers, Timing::default());
    let mut trouble = None;
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = tokio::time::sleep(LOOK) => {
                report_trouble(&secrets, &mut trouble, &journal);
                continue;
            }
        };
        let Some(event) = event else { break };
        match event {
            ReloadEvent::Changed { loaded, changes } => {
                board.set(None);
                report_waiting(&loaded.waiting, &board.waiting(), &journal);
                board.waits(loaded.waiting.clone());
                tell_change(&loaded, &changes);
                // What holds for the site as a whole takes effect at the next start: until then what runs is what is shown.
                site.apply(SiteConfig { site: Arc::clone(&running.site), ..loaded.config }).await;
                site.links().bus_feed.site(Health::Online, None);
            }
            ReloadEvent::Refused(problems) => {
                for problem in &problems.list {
                    journal.report(Failure::new("site", "config", format!("the old configuration stays: {problem}")));
                }
                site.links().bus_feed.site(Health::Degraded, Some(in_one_sentence(&problems)));
                board.set(Some(problems));
            }
        }
    }
    journal.report(Failure::new(
        "site",
        "reload",
        "the site's folder is not watched any more: restart the site to take changes in",
    ));
    std::future::pending::<()>().await;
}

/// A reference that has no value yet is a record, once.
pub(crate) fn report_waiting(waiting: &[Problem], known: &[Problem], journal: &Journal) {
    for problem in waiting.iter().filter(|problem| !known.contains(problem)) {
        journal.report(Failure::new("site", "secrets", problem.to_string()));
    }
}

/// That a provider of secrets fails is a record, once for each reason.
fn report_trouble(secrets: &SiteSecrets, known: &mut Option<String>, journal: &Journal) {
    let trouble = secrets.trouble();
    if trouble != *known {
        if let Some(why) = &trouble {
            let text = format!("secrets can't be asked for, those that are known serve on: {why}");
            journal.report(Failure::new("site", "secrets", text));
        }
        *known = trouble;
    }
}

fn in_one_sentence(problems: &Problems) -> String {
    let first = problems.list.first().map(ToString::to_string).unwrap_or_default();
    match problems.list.len() {
        0 | 1 => format!("the configuration was changed and has an error, the old one stays: {first}"),
        count => format!("the configuration was changed and has {count} errors, the old one stays; the first: {first}"),
    }
}

fn tell_change(loaded: &Loaded, changes: &Changes) {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    if changes.site_changed {
        tracing::warn!("site.yaml has changed: that takes effect at the next start of the site");
    }
    let parts = [
        parts("camera", &changes.cameras),
        parts("model", &changes.models),
        parts("rule", &changes.rules),
        parts("uploader", &changes.uploaders),
        parts("stream", &changes.streams),
        told("table", &changes.tables).into_iter().collect(),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        tracing::info!("the configuration has changed: {}", parts.join(", "));
    } else if !changes.site_changed {
        tracing::info!("the configuration is what runs, again");
    }
}

/// Tables are no actors: rules look up in the new ones.
fn told<I: std::fmt::Display>(kind: &str, change: &Change<I>) -> Option<String> {
    let ids: Vec<String> =
        change.added.iter().chain(&change.changed).chain(&change.removed).map(ToString::to_string).collect();
    (!ids.is_empty()).then(|| format!("{kind} {} read again", ids.join(", ")))
}

fn parts<I: std::fmt::Display>(kind: &str, change: &Change<I>) -> Vec<String> {
    let part = |ids: &[I], what: &str| {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        (!ids.is_empty()).then(|| format!("{kind} {} {what}", ids.join(", ")))
    };
    [part(&change.added, "starts"), part(&change.changed, "restarts"), part(&change.removed, "stops")]
        .into_iter()
        .flatten()
        .collect()
}
