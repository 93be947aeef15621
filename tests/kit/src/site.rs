//! A whole site for a test: a folder of files, and the real binary that runs it.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    command::{Captured, Told, end, parapet_command, wait},
    http::{self, Answer},
    mosquitto::free_port,
    wait::{PATIENCE, until},
};

/// The file or folder `name` of the shared test data, which lies beside the project.
///
/// # Panics
/// When it is not there.
pub fn shared_data(name: &str) -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = data.join(name);
    path.canonicalize().unwrap_or_else(|e| {
        panic!("{} is needed by this test, and lies beside the project in `../shared/data`: {e}", path.display())
    })
}

/// A site's folder. It goes with this value.
#[derive(Debug)]
pub struct SiteFolder {
    dir: TempDir,
    http: SocketAddr,
    mqtt: u16,
}

impl SiteFolder {
    /// A site with its own broker, on free ports of the loopback.
    pub fn new(id: &str) -> Self {
        Self::with(id, "")
    }

    /// As [`SiteFolder::new`], with more lines in `site.yaml`. A line with `bus:` takes the place of the broker of its own.
    ///
    /// # Panics
    /// When there can be no folder.
    pub fn with(id: &str, lines: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("parapet-site-").tempdir();
        let dir = dir.unwrap_or_else(|e| panic!("no temporary folder for a site: {e}"));
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let site = Self { dir, http, mqtt: free_port() };
        let mut text = format!("site: {{id: {id}}}\nhttp: {{listen: \"{http}\"}}\n");
        if !lines.contains("bus:") {
            text.push_str(&format!("bus: {{embedded: {{listen: \"127.0.0.1:{}\"}}}}\n", site.mqtt));
        }
        text.push_str(lines);
        site.file("site.yaml", &text);
        site
    }

    /// Writes a file of the site as an editor would: the whole of it is there at once.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn file(&self, name: &str, text: &str) -> &Self {
        let path = self.path().join(name);
        let half = path.with_extension("half-written");
        let written = fs::create_dir_all(path.parent().unwrap_or(&path))
            .and_then(|()| fs::write(&half, text))
            .and_then(|()| fs::rename(&half, &path));
        written.unwrap_or_else(|e| panic!("{} can't be written: {e}", path.display()));
        self
    }

    /// Puts a copy of a file into the site.
    ///
    /// # Panics
    /// When it can't be copied.
    pub fn copy(&self, from: &Path, name: &str) -> &Self {
        let path = self.path().join(name);
        let copied = fs::create_dir_all(path.parent().unwrap_or(&path)).and_then(|()| fs::copy(from, &path));
        copied.unwrap_or_else(|e| panic!("{} can't be copied to {}: {e}", from.display(), path.display()));
        self
    }

    /// Deletes a file of the site.
    ///
    /// # Panics
    /// When it is not there.
    pub fn delete(&self, name: &str) {
        fs::remove_file(self.path().join(name)).unwrap_or_else(|e| panic!("{name} can't be deleted: {e}"));
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The folder, as an argument of a command.
    ///
    /// # Panics
    /// When its path is no text.
    pub fn arg(&self) -> &str {
        self.path().to_str().unwrap_or_else(|| panic!("{} is no text", self.path().display()))
    }

    /// Where its HTTP will listen.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// The port of the broker of its own.
    pub fn mqtt(&self) -> u16 {
        self.mqtt
    }
}

/// A site that runs in a process of its own. The process is killed when this value goes.
#[derive(Debug)]
pub struct RunningSite {
    child: Child,
    http: SocketAddr,
    out: Captured,
    err: Captured,
    started: Instant,
}

impl RunningSite {
    /// Starts `binary run --config folder`, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not get ready: what it said is shown.
    pub fn start(binary: &str, folder: &SiteFolder) -> Self {
        Self::start_with(parapet_command(binary).arg("run").arg("--config").arg(folder.path()), folder.http)
    }

    /// Starts a command that runs a site, and waits until it is ready at `http`.
    ///
    /// # Panics
    /// As [`RunningSite::start`].
    pub fn start_with(command: &mut Command, http: SocketAddr) -> Self {
        let mut site = Self::launch(command, http);
        assert!(site.gets_ready(), "the site ends before it is ready; it said:\n{}", site.log());
        site
    }

    /// Starts a command that runs a site, and waits for nothing.
    ///
    /// # Panics
    /// When it can't be started.
    pub fn launch(command: &mut Command, http: SocketAddr) -> Self {
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?} can't be started: {e}"));
        let (out, err) = (Captured::of(child.stdout.take()), Captured::of(child.stderr.take()));
        Self { child, http, out, err, started }
    }

    /// Waits until it is ready; false when it ends before.
    ///
    /// # Panics
    /// When neither comes: what it said is shown.
    pub fn gets_ready(&mut self) -> bool {
        loop {
            if http::get(self.http, "/readyz").is_ok_and(|answer| answer.status == 200) {
                return true;
            }
            if self.has_ended() {
                return false;
            }
            let late = self.started.elapsed() > PATIENCE;
            assert!(!late, "the site does not get ready; it said:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks for a path, such as `/api/v1/status`, and reads the JSON of the answer.
    ///
    /// # Panics
    /// When there is no good answer.
    pub fn get(&self, path: &str) -> Value {
        let answer = self.ask(path);
        assert_eq!(answer.status, 200, "{path}: {}\n{}", answer.head, answer.text());
        answer.json()
    }

    /// Asks for a path.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn ask(&self, path: &str) -> Answer {
        http::get(self.http, path).unwrap_or_else(|e| panic!("{path}: {e}; the site said:\n{}", self.log()))
    }

    /// Sends JSON to a path.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, "application/json", &body.to_string())
    }

    /// Sends a text to a path.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn post_text(&self, path: &str, content_type: &str, body: &str) -> Answer {
        http::post(self.http, path, content_type, body)
            .unwrap_or_else(|e| panic!("{path}: {e}; the site said:\n{}", self.log()))
    }

    /// Deletes what is at a path.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn delete(&self, path: &str) -> Answer {
        http::delete(self.http, path).unwrap_or_else(|e| panic!("{path}: {e}; the site said:\n{}", self.log()))
    }

    /// The value of a metric: the sum over all lines whose name and labels begin with `series`, such as
    /// `parapet_alerts_total{rule="intruder"`. `None` when there is none.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let text = self.ask("/metrics").text();
        let values = text.lines().filter(|line| line.starts_with(series) && !line.starts_with('#'));
        values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).reduce(|a, b| a + b)
    }

    /// A node of the supervision tree, by its path below the site: `cameras/gate`.
    pub fn node(&self, path: &str) -> Option<Value> {
        let mut node = self.get("/api/v1/tree");
        for id in path.split('/') {
            node = node["children"].as_array()?.iter().find(|child| child["id"] == id)?.clone();
        }
        Some(node)
    }

    /// Waits until the answer to `path` satisfies `good`, and returns it.
    ///
    /// # Panics
    /// After `limit`, with what the site said.
    pub fn wait_for(&self, what: &str, path: &str, limit: Duration, good: impl Fn(&Value) -> bool) -> Value {
        let give_up = Instant::now() + limit;
        loop {
            let answer = self.get(path);
            if good(&answer) {
                return answer;
            }
            assert!(Instant::now() < give_up, "not within {limit:?}: {what}\n{answer:#}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits until the log has a line with `text`.
    ///
    /// # Panics
    /// After `limit`, with the log.
    pub fn wait_for_log(&self, text: &str, limit: Duration) {
        let give_up = Instant::now() + limit;
        while !self.log().contains(text) {
            assert!(Instant::now() < give_up, "not in the log within {limit:?}: {text}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it has written to standard error and standard output until now.
    pub fn log(&self) -> String {
        self.err.so_far() + &self.out.so_far()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, such as `TERM`.
    ///
    /// # Panics
    /// When `kill` can't be run.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "SIG{name} could not be sent to {}", self.pid());
    }

    /// Asks it to stop, and waits for its end.
    ///
    /// # Panics
    /// When it has not ended after 20 s.
    pub fn terminate(self) -> Told {
        self.signal("TERM");
        self.ended(Duration::from_secs(20))
    }

    /// Waits for its end. The time told counts from this call.
    ///
    /// # Panics
    /// When it has not ended after `limit`.
    pub fn ended(mut self, limit: Duration) -> Told {
        let asked = Instant::now();
        let status = wait(&mut self.child, limit);
        let took = asked.elapsed();
        assert!(status.is_some(), "the site has not ended within {limit:?}; it said:\n{}", self.log());
        Told { code: status.and_then(|s| s.code()), out: self.out.whole(), err: self.err.whole(), took }
    }

    /// Kills it, as a power cut of the process. What it said until then is told.
    pub fn kill(mut self) -> Told {
        end(&mut self.child);
        Told { code: None, out: self.out.whole(), err: self.err.whole(), took: Duration::ZERO }
    }

    /// True once the process has ended, by whatever hand.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Since when it runs.
    pub fn started(&self) -> Instant {
        self.started
    }
}

impl Drop for RunningSite {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Waits until nobody listens at an address any more.
///
/// # Panics
/// After [`PATIENCE`].
pub fn until_free(address: SocketAddr) {
    until("the port is free", PATIENCE, || std::net::TcpListener::bind(address).is_ok());
}
