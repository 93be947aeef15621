//! A worker's process, as its parent holds it.

use std::{
    os::unix::process::ExitStatusExt,
    process::{Child, ExitStatus},
};

/// A process that lives no longer than this value: dropping it kills the process and takes its exit status in, so that it is no
/// zombie.
#[derive(Debug)]
pub(crate) struct ChildProcess(Child);

impl ChildProcess {
    pub(crate) fn new(child: Child) -> Self {
        Self(child)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it if it still runs, and tells how it ended: "its process …".
    ///
    /// A process that has let go of its socket is ending already, and a kill does not change what it ends by.
    pub(crate) fn end(&mut self) -> String {
        self.0.kill().ok(); // Fails when it has ended and been waited for: then there is nothing to kill.
        self.0.wait().map_or_else(|error| format!("ended, how is not known ({error})"), how)
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.end();
    }
}

fn how(status: ExitStatus) -> String {
    let Some(signal) = status.signal() else {
        return format!("ended with exit code {}", status.code().unwrap_or_default());
    };
    let (name, meaning) = match signal {
        libc::SIGSEGV => ("SIGSEGV", "it read or wrote memory that is not its own"),
        libc::SIGBUS => ("SIGBUS", "memory that it used is not there, or its file was cut short"),
        libc::SIGABRT => ("SIGABRT", "a library gave up"),
        libc::SIGILL => ("SIGILL", "it was built for another processor"),
        libc::SIGFPE => ("SIGFPE", "it divided by zero"),
        libc::SIGKILL => ("SIGKILL", "somebody killed it, or the system for want of memory"),
        libc::SIGTERM => ("SIGTERM", "somebody ended it"),
        libc::SIGTRAP => ("SIGTRAP", "a library gave up"),
        other => return format!("was ended by signal {other}"),
    };
    format!("was ended by {name}: {meaning}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::process::{Command, Stdio};

    use super::*;

    fn sh(script: &str) -> ChildProcess {
        let child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        ChildProcess::new(child)
    }

    #[test]
    fn how_a_process_ended_is_told_even_though_it_is_killed_afterwards() {
        for (script, told) in [
            ("kill -SEGV $$", "SIGSEGV"),
            ("kill -KILL $$", "SIGKILL"),
            ("exit 3", "exit code 3"),
            ("kill -USR1 $$", "signal 10"),
        ] {
            let mut child = sh(script);
            // Its end of the pipe closes as it ends.
            let mut rest = String::new();
            std::io::Read::read_to_string(child.0.stdout.as_mut().unwrap(), &mut rest).unwrap();
            let how = child.end();
            assert!(how.contains(told), "{script}: {how}");
        }
    }

    #[test]
    fn dropping_a_process_that_runs_kills_it_and_leaves_no_zombie() {
        let child = sh("exec sleep 600");
        let proc = format!("/proc/{}", child.id());
        assert!(std::path::Path::new(&proc).exists());
        drop(child);
        assert!(!std::path::Path::new(&proc).exists());
    }
}
