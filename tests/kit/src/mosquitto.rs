//! A real broker for tests: mosquitto, on a loopback port of its own, that can be killed, restarted and frozen.

use std::{
    collections::BTreeSet,
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tempfile::TempDir;

const UP: Duration = Duration::from_secs(10);

/// A running mosquitto. It ends with this value.
#[derive(Debug)]
pub struct Mosquitto {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts a broker with these lines in its configuration. `{folder}` in a line stands for a folder of its own, which
    /// `files` are written to first (name and content). Anonymous clients may connect unless a line says otherwise.
    ///
    /// # Panics
    /// When mosquitto is not installed, or does not come up: then its log is shown.
    pub fn start(lines: &[&str], files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("no temporary folder for mosquitto: {e}"));
        let persists = lines.contains(&"persistence true");
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap_or_else(|e| panic!("{name} can't be written: {e}"));
        }
        // A free port is found, let go, and taken by mosquitto: another process may be faster, so it is tried again.
        for _ in 0..5 {
            let port = free_port();
            let place = folder.path().display().to_string();
            let mut config = format!(
                "user root\npersistence {persists}\npersistence_location {place}/\nlog_dest stderr\nlog_type all\n"
            );
            config.push_str(&format!("listener {port} 127.0.0.1\n"));
            if !lines.iter().any(|l| l.starts_with("allow_anonymous") || l.starts_with("password_file")) {
                config.push_str("allow_anonymous true\n");
            }
            for line in lines.iter().filter(|line| **line != "persistence true") {
                config.push_str(&line.replace("{folder}", &place));
                config.push('\n');
            }
            fs::write(folder.path().join("mosquitto.conf"), config)
                .unwrap_or_else(|e| panic!("mosquitto's configuration can't be written: {e}"));
            if let Some(child) = launch(folder.path(), port) {
                return Self { folder, port, child: Some(child) };
            }
        }
        panic!("mosquitto did not come up; its log:\n{}", log(folder.path()));
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that `{folder}` stands for.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        log(self.folder.path())
    }

    /// Kills it (SIGKILL): clients see their connection break, sessions and retained messages are gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap_or_else(|e| panic!("mosquitto can't be killed: {e}"));
            child.wait().unwrap_or_else(|e| panic!("mosquitto does not end: {e}"));
        }
    }

    /// Ends it in order (SIGTERM): with `persistence true` it writes down sessions and retained messages.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) {
        self.signal("TERM");
        if let Some(mut child) = self.child.take() {
            child.wait().unwrap_or_else(|e| panic!("mosquitto does not end: {e}"));
        }
    }

    /// Starts it again on the same port, after [`kill`](Self::kill).
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart(&mut self) {
        self.kill();
        self.child = launch(self.folder.path(), self.port);
        assert!(self.child.is_some(), "mosquitto did not come up again; its log:\n{}", self.log());
    }

    /// Freezes it (SIGSTOP): its sockets stay open, and nothing answers.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen one go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let child = self.child.as_ref().unwrap_or_else(|| panic!("mosquitto is not running"));
        let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
        assert!(sent.is_ok_and(|s| s.success()), "SIG{name} could not be sent to mosquitto");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The text of a password file with one user, made with `mosquitto_passwd`.
///
/// # Panics
/// When `mosquitto_passwd` is not installed.
pub fn password_file(user: &str, password: &str) -> String {
    let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("no temporary folder: {e}"));
    let file = folder.path().join("passwords");
    let made = Command::new("mosquitto_passwd").arg("-b").arg("-c").arg(&file).args([user, password]).output();
    match made {
        Ok(output) if output.status.success() => {}
        other => panic!("mosquitto_passwd failed; install mosquitto (script/bootstrap does): {other:?}"),
    }
    fs::read_to_string(&file).unwrap_or_else(|e| panic!("mosquitto_passwd wrote nothing: {e}"))
}

/// A loopback port that was free a moment ago, and that this process was not given before: two calls never name the same.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .unwrap_or_else(|e| panic!("no free port on 127.0.0.1: {e}"))
            .port();
        if GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port) {
            return port;
        }
    }
}

fn program() -> PathBuf {
    let found = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"].map(PathBuf::from);
    found.into_iter().find(|path| path.exists()).unwrap_or_else(|| {
        panic!("mosquitto is not installed: script/bootstrap installs what tests need (Debian: mosquitto)")
    })
}

fn launch(folder: &Path, port: u16) -> Option<Child> {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap_or_else(|e| panic!("mosquitto's log can't be opened: {e}"));
    let mut child = Command::new(program())
        .arg("-c")
        .arg(folder.join("mosquitto.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|e| panic!("mosquitto can't be started: {e}"));
    let deadline = Instant::now() + UP;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return None;
        }
        if TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
            return Some(child);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().and_then(|()| child.wait()).unwrap_or_else(|e| panic!("mosquitto can't be ended: {e}"));
    None
}

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_else(|e| format!("(no log: {e})"))
}
