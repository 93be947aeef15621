//! From what ractor says about an end to what a report says.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use ractor::{ActorProcessingErr, SpawnErr};

use crate::observer::FailureKind;

/// Longest text that is kept of a failure, in bytes.
const TEXT_LIMIT: usize = 4096;

/// Kind and text of a failure.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub kind: FailureKind,
    pub text: String,
}

impl Fault {
    pub(crate) fn new(kind: FailureKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// Of an actor that was running.
    pub(crate) fn of_actor(error: &ActorProcessingErr) -> Self {
        let kind = if error.is::<Panicked>() {
            FailureKind::Panic
        } else if error.is::<Escalation>() {
            FailureKind::Escalated
        } else {
            FailureKind::Error
        };
        Self { kind, text: text_of(error.as_ref()) }
    }

    /// Of a start. A panic is told as one.
    pub(crate) fn of_start(error: &(dyn Error + Send + Sync + 'static)) -> Self {
        if let Some(SpawnErr::StartupFailed(inner)) = error.downcast_ref::<SpawnErr>() {
            return Self::of_start(inner.as_ref());
        }
        let kind = if error.is::<Panicked>() {
            FailureKind::Panic
        } else if error.is::<GaveUp>() {
            FailureKind::Escalated
        } else {
            FailureKind::StartFailed
        };
        Self { kind, text: text_of(error) }
    }
}

/// How an actor ended.
#[derive(Debug, Clone)]
pub(crate) enum Exit {
    Normal(Option<String>),
    Fault(Fault),
}

impl Exit {
    /// Of a termination. A kill arrives as one: only the reason tells.
    pub(crate) fn of_termination(reason: Option<String>) -> Self {
        match reason.as_deref() {
            Some("killed") => Self::Fault(Fault::new(FailureKind::Killed, "killed")),
            Some("actor_task_cancelled") => Self::Fault(Fault::new(FailureKind::Killed, "its task was cancelled")),
            _ => Self::Normal(reason),
        }
    }
}

/// A panic, turned into an error so that it can be told from one.
#[derive(Debug)]
pub(crate) struct Panicked(pub String);

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Panicked {}

/// The error of a supervisor's start that ended in an escalation.
#[derive(Debug)]
pub(crate) struct GaveUp(pub Arc<str>);

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for GaveUp {}

/// The error with which a supervisor fails that gave up on a child.
#[derive(Debug)]
pub(crate) struct Escalation {
    pub key: u64,
    pub path: String,
    pub text: String,
    /// The child blocks: it is not worth asking it to stop.
    pub stuck: bool,
}

impl fmt::Display for Escalation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gave up on {}: {}", self.path, self.text)
    }
}

impl Error for Escalation {}

/// The error's text with its causes, bounded.
fn text_of(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        if text.len() > TEXT_LIMIT {
            break;
        }
        cause = error.source();
    }
    if text.len() > TEXT_LIMIT {
        let end = (0..=TEXT_LIMIT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}
