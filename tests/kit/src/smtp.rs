//! A real mail server for tests: aiosmtpd on a loopback port, which answers as it is told, and whose mails are read by Python's own parser.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{azurite::cache, command::end, wait::until};

const UP: Duration = Duration::from_secs(60);
const PROGRAM: &str = include_str!("smtp_server.py");
/// As script/bootstrap installs it.
const PLACE: &str = "aiosmtpd-1.4.6";

/// How it listens.
#[derive(Debug, Clone, Default)]
pub struct SmtpOptions {
    /// Encryption: certificate chain and key in PEM, and whether TLS is there from the first byte on.
    pub tls: Option<(String, String, bool)>,
    /// Whether it offers nothing before STARTTLS.
    pub require: bool,
    /// User and password, which it insists on.
    pub user: Option<(String, String)>,
    /// The biggest mail; 32 MiB when absent.
    pub size: Option<u64>,
}

/// A mail that it took.
#[derive(Debug, Clone, Deserialize)]
pub struct TakenMail {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's receivers.
    pub to: Vec<String>,
    /// The header fields, decoded.
    pub headers: Vec<(String, String)>,
    /// What the parser found wrong with it.
    pub defects: Vec<String>,
    /// Its parts, the containers among them, in order.
    pub parts: Vec<TakenPart>,
    /// Whether it came over TLS.
    pub encrypted: bool,
    /// Whether its sender had logged in.
    pub authenticated: bool,
    /// Its longest line in bytes.
    pub longest_line: usize,
}

/// A part of a mail.
#[derive(Debug, Clone, Deserialize)]
pub struct TakenPart {
    /// Its media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// `inline` or `attachment`.
    #[serde(default)]
    pub disposition: Option<String>,
    /// `<ID>`.
    #[serde(default)]
    pub content_id: Option<String>,
    /// Its file's name.
    #[serde(default)]
    pub file: Option<String>,
    /// Its bytes.
    #[serde(default)]
    pub base64: Option<String>,
    /// Its text, when it is one.
    #[serde(default)]
    pub text: Option<String>,
}

impl TakenMail {
    /// The value of a header field; empty when it has none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// The text of the first part of this media type.
    ///
    /// # Panics
    /// When there is none.
    pub fn text(&self, media_type: &str) -> &str {
        let part = self.parts.iter().find(|part| part.media_type == media_type);
        part.and_then(|part| part.text.as_deref()).unwrap_or_else(|| panic!("no {media_type} in {self:?}"))
    }

    /// The media types of its parts, in order.
    pub fn types(&self) -> Vec<&str> {
        self.parts.iter().map(|part| part.media_type.as_str()).collect()
    }
}

/// A running mail server. It ends with this value.
#[derive(Debug)]
pub struct SmtpServer {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
    round: u64,
}

impl SmtpServer {
    /// Starts one.
    ///
    /// # Panics
    /// When it is not installed, or does not come up: then its log is shown.
    pub fn start(options: &SmtpOptions) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("no temporary folder for a mail server: {e}"));
        let path = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| {
            fs::write(path(name), text).unwrap_or_else(|e| panic!("{name} can't be written: {e}"));
        };
        fs::create_dir(path("mails")).unwrap_or_else(|e| panic!("no folder for mails: {e}"));
        let (mode, certificate) = match &options.tls {
            None => ("plain", None),
            Some((chain, key, true)) => ("tls", Some((chain, key))),
            Some((chain, key, false)) => ("starttls", Some((chain, key))),
        };
        if let Some((chain, key)) = certificate {
            write("cert.pem", chain);
            write("key.pem", key);
        }
        let (user, password) = options.user.clone().unzip();
        let mut told = json!({
            "mode": mode, "cert": path("cert.pem"), "key": path("key.pem"), "require": options.require,
            "user": user, "password": password, "size": options.size.unwrap_or(32 << 20), "port": 0,
        });
        write("server.py", PROGRAM);
        write("options.json", &told.to_string());
        let (child, port) = launch(folder.path());
        // After a restart it listens where it did.
        told["port"] = Value::from(port);
        write("options.json", &told.to_string());
        Self { folder, port, child: Some(child), round: 0 }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it answers next: `mail` and `data` to those commands, `rcpt` to receivers by address; each answer is given once. An answer to `data`
    /// may be `hang up`. What was said before is forgotten.
    ///
    /// # Panics
    /// When it can't be told.
    pub fn next(&mut self, rcpt: &[(&str, &[&str])], mail: &[&str], data: &[&str]) {
        self.round += 1;
        let rcpt: serde_json::Map<String, Value> =
            rcpt.iter().map(|(a, said)| ((*a).to_owned(), json!(said))).collect();
        let told = json!({ "round": self.round, "rcpt": rcpt, "mail": mail, "data": data });
        let (half, whole) = (self.folder.path().join("manners.part"), self.folder.path().join("manners.json"));
        fs::write(&half, told.to_string())
            .and_then(|()| fs::rename(&half, &whole))
            .unwrap_or_else(|e| panic!("the mail server can't be told: {e}"));
    }

    /// The mails that it took, in order.
    ///
    /// # Panics
    /// When they can't be read.
    pub fn mails(&self) -> Vec<TakenMail> {
        let entries = fs::read_dir(self.folder.path().join("mails")).unwrap_or_else(|e| panic!("no mails: {e}"));
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        let read = |path: &PathBuf| {
            let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        };
        paths.iter().map(read).collect()
    }

    /// Waits until it took so many mails.
    ///
    /// # Panics
    /// After `limit`.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<TakenMail> {
        until(&format!("{count} mails have come"), limit, || self.mails().len() >= count);
        self.mails()
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            end(&mut child);
        }
    }

    /// Starts it again on the same port.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart(&mut self) {
        self.kill();
        fs::remove_file(self.folder.path().join("port")).unwrap_or_else(|e| panic!("its port is not known: {e}"));
        let (child, port) = launch(self.folder.path());
        assert_eq!(port, self.port, "the mail server listens elsewhere");
        self.child = Some(child);
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn launch(folder: &Path) -> (Child, u16) {
    let place = cache().join(PLACE);
    assert!(place.join("aiosmtpd").is_dir(), "aiosmtpd is not installed: script/bootstrap installs what tests need");
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap_or_else(|e| panic!("no log for the mail server: {e}"));
    let mut child = Command::new("python3")
        .arg(folder.join("server.py"))
        .arg(folder)
        .env("PYTHONPATH", place)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|e| panic!("the mail server can't be started by python3: {e}"));
    let mut port = None;
    until("the mail server listens", UP, || {
        if !matches!(child.try_wait(), Ok(None)) {
            panic!("the mail server has ended:\n{}", fs::read_to_string(folder.join("log")).unwrap_or_default());
        }
        port = fs::read_to_string(folder.join("port")).ok().and_then(|text| text.parse().ok());
        port.is_some()
    });
    (child, port.unwrap_or_default())
}
