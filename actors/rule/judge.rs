//! The actor: hears, judges, hands on, and writes down.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parapet_contracts::{
    AlertDraft, Clock, Frame, Happening, Silence, Timestamp,
    ports::rule::{Outcome, RuleProgram},
};
use parapet_supervision::Heartbeat;

use super::{
    Program,
    boards::{SilenceBoard, TableBoard},
    feed::{Command, RuleFeed},
    frames::RecentFrames,
    horizon::Horizon,
    memory::Heard,
    program::source,
};
use crate::{
    camera::LastFrames,
    journal::{Failure, Journal},
    observation::{Observation, Steps},
    store::{AlertDesk, AlertRequest, StoreHandle, UpdateRequest},
    worker::{LoopResult, Stop},
};

/// How often a rule is told the time while it waits for something and nothing comes.
const TICK: Duration = Duration::from_millis(250);
/// Frames of each camera that are kept, as windows fire later than their frames came: more than come in the time that
/// events wait for others.
const FRAMES_KEPT: usize = 8;
/// How often a program that changes is written down.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Writing down takes at most this part of the time.
const WRITING_SHARE: u32 = 50;
/// A program that takes more text than this is not written down: it begins anew after a restart of the site.
const LARGEST: usize = 8 << 20;
/// What came later than this before the newest that was heard may not have been heard.
const LOOK_BACK: Duration = Duration::from_secs(600);
/// Events of the log that are heard again at most.
const HEARD_AGAIN: usize = 20_000;

/// Everything that a rule's actor needs.
#[derive(Clone)]
pub struct Judge {
    /// Where it hears.
    pub feed: Arc<RuleFeed>,
    /// Where alerts go.
    pub desk: AlertDesk,
    /// Where its program is found again.
    pub store: StoreHandle,
    /// What it looks up in.
    pub tables: Arc<TableBoard>,
    /// What holds its alerts back.
    pub silences: Arc<SilenceBoard>,
    /// What cameras show now.
    pub last_frames: Arc<LastFrames>,
    /// Hears of failures.
    pub journal: Journal,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// What the actor holds while it runs.
struct Running {
    judge: Judge,
    program: Program,
    heartbeat: Heartbeat,
    frames: RecentFrames,
    horizon: Horizon,
    silences: Arc<Vec<Silence>>,
    written: Duration,
    write_every: Duration,
    changed: bool,
    has_written: bool,
    warned: bool,
}

/// A program, written down; `None` when it holds nothing.
#[derive(Clone)]
struct Written(Option<Arc<str>>);

impl Judge {
    /// Judges what comes until it is told to stop.
    ///
    /// # Errors
    /// When alerts can't be handed on any more. A panic of the program is the actor's failure.
    pub async fn run(self, heartbeat: Heartbeat, stop: Stop) -> LoopResult {
        let mut running = self.begin(heartbeat).await?;
        loop {
            running.heartbeat.idle();
            let waits = running.program.waits_for_time() || running.changed;
            let feed = Arc::clone(&running.judge.feed);
            tokio::select! {
                () = stop.wait() => return running.end().await,
                () = feed.arrived.notified() => {}
                () = tokio::time::sleep(TICK), if waits => {}
            }
            running.heartbeat.beat();
            running.turn().await?;
        }
    }

    /// Goes on where an earlier actor has stopped, or begins.
    async fn begin(self, heartbeat: Heartbeat) -> Result<Running, String> {
        let recalled = self.feed.memory.lock().recall();
        let (checkpoint, again) = match recalled {
            Some((written, since)) => (written, Some(since)),
            None => {
                let kept: Option<Arc<str>> = self.kept().await.map(Arc::from);
                self.feed.memory.lock().wrote(kept.clone());
                (kept, None)
            }
        };
        let logged = again.is_none();
        let (rule, plan) = (Arc::clone(self.feed.rule()), Arc::clone(self.feed.plan()));
        let restored = checkpoint.as_ref().map(|text| Program::restore(Arc::clone(&rule), Arc::clone(&plan), text));
        let (mut program, goes_on) = match restored {
            Some(Ok(program)) => (program, true),
            Some(Err(why)) => {
                tracing::info!(rule = %rule.id, "begins anew, as what was written down of it does not fit: {why}");
                (Program::of(rule, plan), false)
            }
            None => (Program::of(rule, plan), false),
        };
        program.set_tables(&self.tables.now());
        let silences = self.silences.now();
        program.set_silences(Arc::clone(&silences));
        self.feed.begins(&program);
        let heard = match again {
            Some(since) => since,
            None if goes_on => {
                let heard = program.heard().clone();
                self.logged_since(&heard).await
            }
            None => Vec::new(),
        };
        let mut running = Running {
            program,
            heartbeat,
            frames: RecentFrames::new(FRAMES_KEPT),
            horizon: Horizon::default(),
            silences,
            written: self.clock.monotonic(),
            write_every: WRITE_EVERY,
            changed: false,
            has_written: checkpoint.is_some(),
            warned: false,
            judge: self,
        };
        running.hear_again(heard, logged).await?;
        if running.program.waits_for_silence() {
            let clock = Arc::clone(&running.judge.clock);
            running.program.listen(clock.now(), logged);
            running.horizon.begin(clock.now(), clock.monotonic());
        }
        running.judge.feed.arrived.notify_one();
        Ok(running)
    }

    fn key(&self) -> String {
        format!("rule/{}", self.feed.rule().id)
    }

    /// What an earlier process has written down.
    async fn kept(&self) -> Option<String> {
        let (port, key) = (Arc::clone(self.store.port()), self.key());
        match tokio::task::spawn_blocking(move || port.kept(&key)).await {
            Ok(Ok(kept)) => kept,
            Ok(Err(error)) => {
                self.report("checkpoint", format!("it begins anew, as the store can't be read: {}", error.text));
                None
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// What the event log has that the program has not heard, in order.
    async fn logged_since(&self, heard: &BTreeMap<String, Timestamp>) -> Vec<Heard> {
        let (Some(oldest), Some(newest)) = (heard.values().min(), heard.values().max()) else { return Vec::new() };
        // A source that fell silent long ago must not have all that came since read again.
        let first = newest.checked_sub(LOOK_BACK).map_or(*oldest, |back| back.max(*oldest));
        let port = Arc::clone(self.store.port());
        let read = move || {
            let events = port.events(None, first..Timestamp::MAX, HEARD_AGAIN)?;
            let rows = port.rows(first..Timestamp::MAX, HEARD_AGAIN)?;
            let events = events.into_iter().map(|event| Happening::Seen(Arc::new(event)));
            let rows = rows.into_iter().map(|row| Happening::Row(Arc::new(row)));
            Ok::<_, parapet_contracts::ports::store::StoreError>(events.chain(rows).collect::<Vec<_>>())
        };
        let mut logged = match tokio::task::spawn_blocking(read).await {
            Ok(Ok(logged)) => logged,
            Ok(Err(error)) => {
                let text = format!("what it had not judged yet is lost, as the store can't be read: {}", error.text);
                self.report("checkpoint", text);
                Vec::new()
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        logged.retain(|happening| heard.get(&source(happening)).is_none_or(|last| happening.ts() > *last));
        logged.sort_by_key(Happening::ts);
        logged.into_iter().map(Heard::Happening).collect()
    }

    fn report(&self, kind: &str, text: String) {
        self.journal.report(Failure::new(format!("rules/{}", self.feed.rule().id), kind, text));
    }
}

impl Running {
    /// What was heard by another, or `logged` before the site was killed.
    async fn hear_again(&mut self, heard: Vec<Heard>, logged: bool) -> LoopResult {
        let mut outcomes = Vec::new();
        for heard in heard {
            outcomes.extend(match &heard {
                Heard::Happening(happening) => self.program.hear(happening),
                Heard::Time(time) => self.program.advance(*time),
            });
            if logged {
                self.judge.feed.memory.lock().heard(heard);
            }
            self.changed = true;
        }
        self.judge.feed.note(&self.program, Duration::ZERO, &outcomes);
        self.hand_on(outcomes, None, true).await
    }

    /// All that waits now, and the time.
    async fn turn(&mut self) -> LoopResult {
        let feed = Arc::clone(&self.judge.feed);
        self.program.set_tables(&self.judge.tables.now());
        let silences = self.judge.silences.now();
        if !Arc::ptr_eq(&silences, &self.silences) {
            self.program.set_silences(Arc::clone(&silences));
            (self.silences, self.changed) = (silences, true);
        }
        for command in feed.commands.try_take_all() {
            self.obey(&command);
        }
        for happening in feed.others.try_take_all() {
            self.hear(happening, None).await?;
        }
        for observation in feed.frames.try_take_all() {
            fail::fail_point!("rule::judge", |text| Err(text.unwrap_or_default()));
            self.frames.keep(&observation);
            self.hear(Happening::Seen(Arc::clone(&observation.event)), Some(&observation)).await?;
        }
        let started = self.judge.clock.monotonic();
        if let Some(time) = self.horizon.at(started).filter(|_| self.program.waits_for_time()) {
            let outcomes = self.program.advance(time);
            let took = self.judge.clock.monotonic().saturating_sub(started);
            feed.note(&self.program, took, &outcomes);
            feed.memory.lock().heard(Heard::Time(time));
            self.changed |= !outcomes.is_empty();
            self.hand_on(outcomes, None, false).await?;
        }
        self.write_down(false);
        Ok(())
    }

    async fn hear(&mut self, happening: Happening, observation: Option<&Observation>) -> LoopResult {
        fail::fail_point!("rule::hear", |text| Err(text.unwrap_or_default()));
        let feed = Arc::clone(&self.judge.feed);
        let started = self.judge.clock.monotonic();
        let outcomes = self.program.hear(&happening);
        let took = self.judge.clock.monotonic().saturating_sub(started);
        metrics::histogram!("parapet_rule_evaluation_seconds", "rule" => feed.rule().id.to_string()).record(took);
        feed.note(&self.program, took, &outcomes);
        self.horizon.saw(happening.ts(), started);
        // Only what the program has survived is heard again by another.
        feed.memory.lock().heard(Heard::Happening(happening));
        self.changed = true;
        self.hand_on(outcomes, observation, false).await
    }

    fn obey(&mut self, command: &Command) {
        if let Command::Acknowledge { alert, by, at } = command {
            self.changed |= self.program.acknowledge(*alert, by, *at);
        }
    }

    /// Hands on what the program says, the last of it together with the program itself.
    async fn hand_on(&mut self, outcomes: Vec<Outcome>, own: Option<&Observation>, again: bool) -> LoopResult {
        let Some(last) = outcomes.len().checked_sub(1) else { return Ok(()) };
        for (number, outcome) in outcomes.into_iter().enumerate() {
            let written = if number == last { self.checkpoint() } else { None };
            let keep = written.clone().and_then(|written| self.what_to_keep(&written));
            // Waits when the store is behind: the inbox fills, and says what it drops.
            let busy = self.heartbeat.busy(Duration::from_secs(3600));
            let rule = Arc::clone(self.judge.feed.rule());
            let submitted = match outcome {
                Outcome::Fired(draft) => {
                    let (frame, steps) = self.frame_of(&draft, own);
                    let request = AlertRequest { draft: *draft, rule, frame, steps, keep, again };
                    self.judge.desk.submit(request).await
                }
                Outcome::Changed(follow_up) => {
                    self.judge.desk.follow_up(UpdateRequest::by_rule(follow_up, &rule, keep, again)).await
                }
            };
            drop(busy);
            submitted.map_err(|error| error.to_string())?;
            if let Some(Written(text)) = written {
                // Whoever comes after this actor need not judge again what was handed on.
                self.judge.feed.memory.lock().wrote(text);
            }
        }
        Ok(())
    }

    /// The frame that shows an alert: that of the observation at hand, or one of those kept; and when no frame made it fire, the
    /// last one of its camera.
    fn frame_of(&self, draft: &AlertDraft, own: Option<&Observation>) -> (Option<Frame>, Steps) {
        let source = draft
            .event
            .as_ref()
            .and_then(|event| own.filter(|own| own.event.id == event.id).or_else(|| self.frames.of(event)));
        let wanted = self.judge.feed.rule().alerting.picture;
        let shows = draft.event.as_ref().is_some_and(|event| !event.objects.is_empty());
        if wanted && source.is_none() && shows {
            metrics::counter!("parapet_evidence_missing_total", "reason" => "frame_gone").increment(1);
        }
        let now = self.judge.clock.monotonic();
        let steps = source.map_or(Steps { decoded: now, taken: now, inferred: now }, |source| source.steps);
        let frame = match (&draft.event, &draft.camera) {
            (None, Some(camera)) => self.judge.last_frames.of(camera),
            _ => source.and_then(|source| source.frame.clone()),
        };
        (frame.filter(|_| wanted), steps)
    }

    /// The program as it is now; nothing when it can't be written.
    fn checkpoint(&mut self) -> Option<Written> {
        let started = self.judge.clock.monotonic();
        let text = match self.program.checkpoint() {
            Ok(text) => text,
            Err(error) => {
                self.judge.report("checkpoint", format!("it can't be written down: {error}"));
                return None;
            }
        };
        let ended = self.judge.clock.monotonic();
        metrics::histogram!("parapet_rule_checkpoint_seconds").record(ended.saturating_sub(started));
        self.write_every = WRITE_EVERY.max(ended.saturating_sub(started) * WRITING_SHARE);
        (self.written, self.changed) = (ended, false);
        Some(Written(text.map(Arc::from)))
    }

    /// What the store is to keep of it: the program, or that there is none to keep any more.
    fn what_to_keep(&mut self, Written(text): &Written) -> Option<(String, Option<String>)> {
        if text.as_ref().is_some_and(|text| text.len() > LARGEST) {
            metrics::counter!("parapet_rule_checkpoints_skipped_total", "reason" => "too_large").increment(1);
            if !std::mem::replace(&mut self.warned, true) {
                let text = "it holds more than is written down: after a restart of the site it begins anew".to_owned();
                self.judge.report("checkpoint", text);
            }
            return None;
        }
        let had = std::mem::replace(&mut self.has_written, text.is_some());
        (had || text.is_some()).then(|| (self.judge.key(), text.as_deref().map(str::to_owned)))
    }

    /// Writes the program down when it is time, unless the desk has more urgent things.
    fn write_down(&mut self, at_once: bool) {
        let due = self.judge.clock.monotonic().saturating_sub(self.written) >= self.write_every;
        if !self.changed || !(due || at_once) || !self.judge.desk.has_room() {
            return;
        }
        let Some(written) = self.checkpoint() else { return };
        if let Some((key, value)) = self.what_to_keep(&written)
            && !self.judge.desk.keep(key, value)
        {
            // It is written next time.
            self.changed = true;
            return;
        }
        self.judge.feed.memory.lock().wrote(written.0);
    }

    /// The last words: what the next process goes on from.
    async fn end(mut self) -> LoopResult {
        self.turn().await?;
        self.write_down(true);
        Ok(())
    }
}
