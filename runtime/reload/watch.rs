//! Watches a site's folder from a thread of its own: by the system's events, and by looking, since events get lost on network
//! mounts, under link swaps and when a folder is replaced.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use parapet_config::{Changes, FileKind, Loaded, Problem, Problems, Secrets, SiteConfig, diff, load};
use parapet_contracts::ports::probe::ModelProbe;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::fingerprint::{Fingerprint, look};

/// What became of a change in the site's folder.
#[derive(Debug, Clone, PartialEq)]
pub enum ReloadEvent {
    /// The configuration is another one now. `changes` is empty when an error was mended by going back to what runs.
    Changed {
        /// The configuration, and what is odd about it.
        loaded: Box<Loaded>,
        /// What is to be done.
        changes: Box<Changes>,
    },
    /// The files have errors: the old configuration stays. Told once, and again only when the errors become others.
    Refused(Problems),
}

/// How long the watcher waits for what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// Files must have been quiet for this long, so that what is half written is not read.
    pub quiet: Duration,
    /// When they are never quiet, they are read after this long nevertheless.
    pub patience: Duration,
    /// The files are looked at this often, in case an event was lost.
    pub poll: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(250),
            patience: Duration::from_millis(1_200),
            poll: Duration::from_millis(500),
        }
    }
}

/// Events that come within this time are one reason to look.
const BURST: Duration = Duration::from_millis(20);
/// Events that wait for their reader; the watcher waits when it is full, and reads the newest files afterwards.
const CAPACITY: usize = 4;

/// Watches `folder` until the receiver is dropped. `running` is the configuration that runs: the first look compares with
/// it, so that a change between the load and the watch is not lost.
pub fn watch(
    folder: PathBuf,
    running: SiteConfig,
    probe: Arc<dyn ModelProbe>,
    secrets: Arc<Secrets>,
    timing: Timing,
) -> Receiver<ReloadEvent> {
    let (sender, receiver) = channel(CAPACITY);
    let spawned = thread::Builder::new().name("config-watch".to_owned()).spawn(move || {
        let (signal, signals) = mpsc::sync_channel(1);
        let eyes = Eyes::new(&folder, signal);
        let (told, inputs, waiting) = Default::default();
        let mut watch = Watch { folder, running, told, inputs, waiting, probe, secrets, sender };
        watch.run(eyes, &signals, timing);
    });
    if let Err(error) = spawned {
        // The dropped sender tells the reader, too.
        tracing::error!("no thread to watch the site's folder: {error}");
    }
    receiver
}

struct Watch {
    folder: PathBuf,
    running: SiteConfig,
    told: Option<Problems>,
    inputs: Vec<PathBuf>,
    waiting: Vec<Problem>,
    probe: Arc<dyn ModelProbe>,
    secrets: Arc<Secrets>,
    sender: Sender<ReloadEvent>,
}

impl Watch {
    fn run(&mut self, mut eyes: Eyes, signals: &mpsc::Receiver<()>, timing: Timing) {
        let mut seen = Fingerprint::of(&self.folder, &[]);
        // Values that come from no file have a number instead of a look.
        let mut revision = self.secrets.revision();
        let mut dirty: Option<(Instant, Instant)> = Some((Instant::now(), Instant::now()));
        loop {
            let due = dirty.map(|(first, last)| (last + timing.quiet).min(first + timing.patience));
            let wait = due.map_or(timing.poll, |due| due.saturating_duration_since(Instant::now()));
            match signals.recv_timeout(wait) {
                // A burst of events is one reason to look.
                Ok(()) => thread::sleep(BURST),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                // No watcher could be made: looking is all there is.
                Err(mpsc::RecvTimeoutError::Disconnected) => thread::sleep(wait),
            }
            if self.sender.is_closed() {
                return;
            }
            eyes.renew();
            let now = Instant::now();
            let look = Fingerprint::of(&self.folder, &self.inputs);
            let now_at = self.secrets.revision();
            if look != seen || now_at != revision {
                (seen, revision) = (look, now_at);
                dirty = Some((dirty.map_or(now, |(first, _)| first), now));
            } else if due.is_some_and(|due| now >= due) {
                dirty = None;
            } else {
                continue;
            }
            if dirty.is_none_or(|(first, _)| now >= first + timing.patience) {
                dirty = None;
                if !self.reload() {
                    return;
                }
                if seen.take_in(&self.inputs) {
                    // A file that was read before it was looked at may have changed in between: read once more.
                    let now = Instant::now();
                    dirty = Some((now, now));
                }
            }
        }
    }

    /// Loads the files and tells what came of it. `false` when nobody listens.
    fn reload(&mut self) -> bool {
        let event = match load(&self.folder, self.probe.as_ref(), &self.secrets) {
            Ok(loaded) => {
                self.inputs.clone_from(&loaded.inputs);
                let changes = diff(&self.running, &loaded.config);
                let mended = self.told.take().is_some();
                let waiting = std::mem::replace(&mut self.waiting, loaded.waiting.clone());
                if changes.is_empty() && !mended && waiting == loaded.waiting {
                    return true;
                }
                self.running = loaded.config.clone();
                ReloadEvent::Changed { loaded: Box::new(loaded), changes: Box::new(changes) }
            }
            Err(problems) => {
                // Those of before are kept, too: one that is gone may come back.
                self.inputs.extend(problems.inputs.iter().cloned());
                self.inputs.sort();
                self.inputs.dedup();
                if self.told.as_ref().is_some_and(|told| told.list == problems.list) {
                    return true;
                }
                self.told = Some(problems.clone());
                ReloadEvent::Refused(problems)
            }
        };
        self.sender.blocking_send(event).is_ok()
    }
}

/// The system's watches: one for each folder, renewed when the folder has become another one.
struct Eyes {
    watcher: Option<RecommendedWatcher>,
    watched: Vec<(PathBuf, Option<(u64, u64)>)>,
}

impl Eyes {
    fn new(folder: &Path, signal: mpsc::SyncSender<()>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.as_ref().map_or(true, tells_of_change) {
                // When one signal waits already, another says nothing new.
                signal.try_send(()).ok();
            }
        });
        let watcher = watcher
            .inspect_err(|error| tracing::warn!("the site's folder is looked at only now and then: {error}"))
            .ok();
        let mut eyes = Self { watcher, watched: folders(folder).into_iter().map(|path| (path, None)).collect() };
        eyes.renew();
        eyes
    }

    fn renew(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        for (path, watched) in &mut self.watched {
            let now = look(path).map(|(device, inode, ..)| (device, inode));
            if now == *watched {
                continue;
            }
            if watched.is_some() {
                // The watch is gone with the folder that it was on.
                watcher.unwatch(path).ok();
            }
            // Without a watch, looking finds what changes, a little later.
            *watched = now.filter(|_| watcher.watch(path, RecursiveMode::NonRecursive).is_ok());
        }
    }
}

/// The folders whose entries make up a site: its own, and one for each kind of file.
fn folders(site: &Path) -> Vec<PathBuf> {
    let kinds = FileKind::ALL.into_iter().filter_map(FileKind::folder);
    std::iter::once(site.to_owned()).chain(kinds.map(|folder| site.join(folder))).collect()
}

/// Reading is no change, and the load itself reads.
fn tells_of_change(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}
