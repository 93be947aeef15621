//! Running the `parapet` command as a user does: with arguments, a limit in time, and what it said.

use std::{
    io::Read,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// What a command said, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// How long it ran.
    pub took: Duration,
}

impl Told {
    /// Everything that it said, for messages of failed tests.
    pub fn all(&self) -> String {
        format!("exit code {:?} after {:?}\n--- out\n{}\n--- err\n{}", self.code, self.took, self.out, self.err)
    }

    /// The line of standard error that begins with `error: `, without that word.
    ///
    /// # Panics
    /// When there is not exactly one such line, or a panic shows.
    pub fn error(&self) -> &str {
        assert!(!self.err.contains("panicked"), "{}", self.all());
        let lines: Vec<&str> = self.err.lines().filter_map(|line| line.strip_prefix("error: ")).collect();
        assert_eq!(lines.len(), 1, "one error is expected: {}", self.all());
        lines[0]
    }
}

/// Runs a command to its end.
///
/// # Panics
/// When it can't be started, or has not ended within `limit`: then it is killed, and what it said is shown.
pub fn tell(command: &mut Command, limit: Duration) -> Told {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?} can't be started: {e}"));
    let out = Captured::of(child.stdout.take());
    let err = Captured::of(child.stderr.take());
    let status = wait(&mut child, limit);
    let took = started.elapsed();
    if status.is_none() {
        end(&mut child);
    }
    let told = Told { code: status.and_then(|s| s.code()), out: out.whole(), err: err.whole(), took };
    assert!(status.is_some(), "{command:?} has not ended within {limit:?}: {}", told.all());
    told
}

/// Runs `binary` with `arguments`, in a folder that has nothing to do with the project, and without what the environment says to it.
///
/// # Panics
/// As [`tell`]; the limit is a minute.
pub fn parapet(binary: &str, arguments: &[&str]) -> Told {
    tell(parapet_command(binary).args(arguments), Duration::from_secs(60))
}

/// The command for [`parapet`], to add to.
pub fn parapet_command(binary: &str) -> Command {
    let mut command = Command::new(Path::new(binary));
    command
        .current_dir(std::env::temp_dir())
        .env_remove("PARAPET_URL")
        .env_remove("PARAPET_TOKEN")
        .env_remove("PARAPET_LOG");
    command
}

/// Waits for the end of a process; `None` when it has not come within `limit`.
pub fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let give_up = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < give_up => std::thread::sleep(Duration::from_millis(5)),
            _ => return None,
        }
    }
}

/// Kills a process and takes its exit status in.
pub fn end(child: &mut Child) {
    // Either fails when it has ended already, which is what is wanted.
    child.kill().ok();
    child.wait().ok();
}

/// A stream of a process, read on a thread while the process runs.
#[derive(Debug, Clone, Default)]
pub struct Captured {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Captured {
    /// Begins to read.
    pub fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let captured = Self::default();
        if let Some(mut stream) = stream {
            let text = Arc::clone(&captured.text);
            let reader = std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    text.lock().extend_from_slice(&buffer[..count]);
                }
            });
            *captured.reader.lock() = Some(reader);
        }
        captured
    }

    /// What was read until now.
    pub fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock()).into_owned()
    }

    /// All of it; waits for the stream's end.
    pub fn whole(&self) -> String {
        if let Some(reader) = self.reader.lock().take() {
            drop(reader.join());
        }
        self.so_far()
    }
}
