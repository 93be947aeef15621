//! `${env:NAME}`, `${file:/path}` and their like: values that come from outside the files.
//!
//! A problem names the reference and never the value. A value that is not there yet, as while a vault is away, is no error of a file: what
//! needs it waits for it, alone.

mod mounts;
mod settings;

use std::{
    io::Read,
    path::{Path, PathBuf},
};

pub use mounts::Mounts;
pub(crate) use settings::settings_in;
pub use settings::{SecretSettings, VaultSettings};

use crate::{
    problem::{Position, Problem},
    words,
    yaml::{Kind, Node},
};

/// A place that secrets come from.
pub trait SecretProvider: Send + Sync {
    /// The word before the colon in `${scheme:name}`.
    fn scheme(&self) -> &str;

    /// The value of a name. `site` is the site's folder.
    ///
    /// # Errors
    /// Why there is none; it never holds a part of a value.
    fn read(&self, name: &str, site: &Path) -> Result<String, NoSecret>;

    /// Takes what `site.yaml` says about secrets: before each load.
    fn configure(&self, settings: &SecretSettings) {
        let _ = settings;
    }

    /// Another number whenever a value may have become another one, or there.
    fn revision(&self) -> u64 {
        0
    }

    /// The file that a name stands for, so that a change of it is noticed.
    fn watched(&self, name: &str, site: &Path) -> Option<PathBuf> {
        let _ = (name, site);
        None
    }
}

/// Why a name has no value, in one sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSecret {
    /// It is an error of the file, or of the environment.
    Wrong(String),
    /// Its provider can't be asked now: it may have one later, and whoever needs it waits.
    NotYet(String),
}

impl From<String> for NoSecret {
    fn from(why: String) -> Self {
        Self::Wrong(why)
    }
}

impl From<&str> for NoSecret {
    fn from(why: &str) -> Self {
        Self::Wrong(why.to_owned())
    }
}

/// The providers that references may name.
pub struct Secrets {
    providers: Vec<Box<dyn SecretProvider>>,
}

impl Secrets {
    /// These providers, and no others.
    pub fn new(providers: Vec<Box<dyn SecretProvider>>) -> Self {
        Self { providers }
    }

    /// `env`, `file` and `kubernetes`.
    pub fn standard() -> Self {
        Self::new(vec![Box::new(Environment), Box::new(Files), Box::<Mounts>::default()])
    }

    /// These providers, and one more.
    #[must_use]
    pub fn with(mut self, provider: Box<dyn SecretProvider>) -> Self {
        self.providers.push(provider);
        self
    }

    pub(crate) fn configure(&self, settings: &SecretSettings) {
        self.providers.iter().for_each(|provider| provider.configure(settings));
    }

    /// Another number whenever a value may have become another one, or there: then it is worth loading again.
    pub fn revision(&self) -> u64 {
        self.providers.iter().map(|provider| provider.revision()).fold(0, u64::wrapping_add)
    }

    /// An environment variable, as `env` knows it; `None` when it is not set, or there is no such provider.
    pub(crate) fn variable(&self, name: &str, site: &Path) -> Option<String> {
        self.find("env").ok()?.read(name, site).ok()
    }

    fn find(&self, scheme: &str) -> Result<&dyn SecretProvider, String> {
        let known: Vec<&str> = self.providers.iter().map(|p| p.scheme()).collect();
        let found = self.providers.iter().find(|p| p.scheme() == scheme);
        found.map(AsRef::as_ref).ok_or_else(|| words::did_you_mean(scheme, "Known kinds", &known))
    }
}

/// `${env:NAME}`: an environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Environment;

impl SecretProvider for Environment {
    fn scheme(&self) -> &str {
        "env"
    }

    fn read(&self, name: &str, _site: &Path) -> Result<String, NoSecret> {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err("this is no name of an environment variable".into());
        }
        match std::env::var(name) {
            Ok(value) => Ok(value),
            Err(std::env::VarError::NotPresent) => Err("this environment variable is not set".into()),
            Err(std::env::VarError::NotUnicode(_)) => Err("this environment variable holds no UTF-8 text".into()),
        }
    }
}

/// `${file:/path}`: the content of a file, without the line's end. A relative path begins at the site's folder.
#[derive(Debug, Clone, Copy)]
pub struct Files;

impl SecretProvider for Files {
    fn scheme(&self) -> &str {
        "file"
    }

    fn read(&self, name: &str, site: &Path) -> Result<String, NoSecret> {
        text_of(&site.join(name)).map_err(NoSecret::Wrong)
    }

    fn watched(&self, name: &str, site: &Path) -> Option<PathBuf> {
        Some(site.join(name))
    }
}

/// The text of a small file, without the line's end.
fn text_of(path: &Path) -> Result<String, String> {
    const LIMIT: u64 = 64 << 10;
    let meta = std::fs::metadata(path).map_err(|error| format!("this file can't be read: {error}"))?;
    if !meta.is_file() || meta.len() > LIMIT {
        return Err("this is no file of at most 64 KiB".to_owned());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LIMIT).read_to_end(&mut bytes))
        .map_err(|error| format!("this file can't be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "this file holds no UTF-8 text".to_owned())?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// What could not be replaced.
#[derive(Debug, Default)]
pub(crate) struct Unresolved {
    /// Errors of the file.
    pub problems: Vec<Problem>,
    /// What has no value yet.
    pub waiting: Vec<Problem>,
}

impl Unresolved {
    /// All of it.
    pub(crate) fn all(&self) -> Vec<Problem> {
        self.problems.iter().chain(&self.waiting).cloned().collect()
    }
}

/// Replaces every reference in every text of a tree. `$${` stands for a literal `${`.
pub(crate) fn resolve(
    file: &str,
    node: &mut Node,
    site: &Path,
    secrets: &Secrets,
    inputs: &mut Vec<PathBuf>,
) -> Unresolved {
    let mut unresolved = Unresolved::default();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        match &mut node.kind {
            Kind::List(items) => open.extend(items),
            Kind::Map(entries) => open.extend(entries.iter_mut().map(|(_, value)| value)),
            Kind::Text(text) if text.contains("${") => match replaced(text, site, secrets, inputs) {
                Ok((value, resolved)) => {
                    *text = value;
                    node.resolved = resolved;
                }
                Err(Failed { message, help, later }) => {
                    let list = if later { &mut unresolved.waiting } else { &mut unresolved.problems };
                    list.push(Problem::new(file, node.at, message).help(help));
                    // What follows can't be judged by a value that isn't there; the problem is told already.
                    node.resolved = true;
                }
            },
            _ => {}
        }
    }
    unresolved.problems.sort();
    unresolved.waiting.sort();
    unresolved
}

/// Why a text could not be replaced.
struct Failed {
    message: String,
    help: String,
    /// It is no error: there may be a value later.
    later: bool,
}

impl Failed {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), later: false }
    }
}

/// The position of a node whose references could not be resolved is told once; other checks of it would only add noise.
pub(crate) fn failed_at(problems: &[Problem], at: Position) -> bool {
    problems.iter().any(|p| (p.line, p.column) == (at.line, at.column))
}

fn replaced(text: &str, site: &Path, secrets: &Secrets, inputs: &mut Vec<PathBuf>) -> Result<(String, bool), Failed> {
    let mut out = String::new();
    let mut resolved = false;
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if let Some(before) = rest[..start].strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &rest[start + 2..];
            continue;
        }
        out.push_str(&rest[..start]);
        let form = || {
            "write `${env:NAME}`, `${file:/path}`, `${kubernetes:NAME/KEY}`, `${keyvault:NAME}`, or `$${` for a literal `${`".to_owned()
        };
        let end = rest[start..].find('}').ok_or_else(|| Failed::new("a `${` has no `}`", form()))? + start;
        let inside = &rest[start + 2..end];
        // Quoted only once a provider has taken it for a name: a plain password may hold `${`, too.
        let shown = words::shown(inside);
        let (scheme, name) =
            inside.split_once(':').ok_or_else(|| Failed::new("a `${…}` names no kind of secret", form()))?;
        let provider =
            secrets.find(scheme).map_err(|help| Failed::new("a `${…}` names an unknown kind of secret", help))?;
        inputs.extend(provider.watched(name, site));
        let value = provider.read(name, site).map_err(|why| match why {
            NoSecret::Wrong(why) => {
                let help = "set it for the process that runs the site";
                Failed::new(format!("`${{{shown}}}` has no value: {why}"), help)
            }
            NoSecret::NotYet(why) => {
                let (message, help) = (format!("`${{{shown}}}` has no value yet: {why}"), "what needs it waits for it");
                Failed { later: true, ..Failed::new(message, help) }
            }
        })?;
        if value.is_empty() {
            return Err(Failed::new(format!("`${{{shown}}}` is empty"), "give it a value"));
        }
        out.push_str(&value);
        resolved = true;
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok((out, resolved))
}
