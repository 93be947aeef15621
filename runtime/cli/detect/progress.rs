//! How far it is, for somebody who waits at a terminal.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use parapet_contracts::ports::media::MediaFrame;

const EVERY: Duration = Duration::from_millis(250);

/// Shows progress on standard error when that is a terminal.
pub(super) struct Progress {
    terminal: bool,
    began: Instant,
    shown: Option<Instant>,
    examined: u64,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), began: Instant::now(), shown: None, examined: 0 }
    }

    pub(super) fn frame(&mut self, frame: &MediaFrame) {
        self.examined += 1;
        if self.terminal && self.shown.is_none_or(|shown| shown.elapsed() >= EVERY) {
            self.shown = Some(Instant::now());
            self.show(&format!("frame {} at {:.1} s, {}", frame.index, frame.pts, self.rate()), "\r");
        }
    }

    pub(super) fn end(&self) {
        if self.terminal {
            self.show(&format!("{} frames examined, {}", self.examined, self.rate()), "\n");
        }
    }

    fn rate(&self) -> String {
        format!("{:.1} frames/s", self.examined as f64 / self.began.elapsed().as_secs_f64().max(1e-6))
    }

    fn show(&self, text: &str, end: &str) {
        let mut terminal = io::stderr();
        // ESC [ K clears what a longer line left behind.
        if write!(terminal, "\r{text}\x1b[K{end}").and_then(|()| terminal.flush()).is_err() {}
    }
}
