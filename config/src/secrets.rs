//! `${env:NAME}` and `${file:/path}`: values that come from outside the files.
//!
//! A problem names the reference and never the value.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

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
    /// One sentence that says why there is none and what to do; it never holds a part of a value.
    fn read(&self, name: &str, site: &Path) -> Result<String, String>;

    /// The file that a name stands for, so that a change of it is noticed.
    fn watched(&self, name: &str, site: &Path) -> Option<PathBuf> {
        let _ = (name, site);
        None
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

    /// `env` and `file`.
    pub fn standard() -> Self {
        Self::new(vec![Box::new(Environment), Box::new(Files)])
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

    fn read(&self, name: &str, _site: &Path) -> Result<String, String> {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err("this is no name of an environment variable".to_owned());
        }
        match std::env::var(name) {
            Ok(value) => Ok(value),
            Err(std::env::VarError::NotPresent) => Err("this environment variable is not set".to_owned()),
            Err(std::env::VarError::NotUnicode(_)) => Err("this environment variable holds no UTF-8 text".to_owned()),
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

    fn read(&self, name: &str, site: &Path) -> Result<String, String> {
        const LIMIT: u64 = 64 << 10;
        let path = site.join(name);
        let meta = std::fs::metadata(&path).map_err(|error| format!("this file can't be read: {error}"))?;
        if !meta.is_file() || meta.len() > LIMIT {
            return Err("this is no file of at most 64 KiB".to_owned());
        }
        let mut bytes = Vec::new();
        std::fs::File::open(&path)
            .and_then(|file| file.take(LIMIT).read_to_end(&mut bytes))
            .map_err(|error| format!("this file can't be read: {error}"))?;
        let text = String::from_utf8(bytes).map_err(|_| "this file holds no UTF-8 text".to_owned())?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
    }

    fn watched(&self, name: &str, site: &Path) -> Option<PathBuf> {
        Some(site.join(name))
    }
}

/// Replaces every reference in every text of a tree. `$${` stands for a literal `${`.
pub(crate) fn resolve(
    file: &str,
    node: &mut Node,
    site: &Path,
    secrets: &Secrets,
    inputs: &mut Vec<PathBuf>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
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
                Err((message, help)) => {
                    problems.push(Problem::new(file, node.at, message).help(help));
                    // What follows can't be judged by a value that isn't there; the problem is told already.
                    node.resolved = true;
                }
            },
            _ => {}
        }
    }
    problems.sort();
    problems
}

/// The position of a node whose references could not be resolved is told once; other checks of it would only add noise.
pub(crate) fn failed_at(problems: &[Problem], at: Position) -> bool {
    problems.iter().any(|p| (p.line, p.column) == (at.line, at.column))
}

fn replaced(
    text: &str,
    site: &Path,
    secrets: &Secrets,
    inputs: &mut Vec<PathBuf>,
) -> Result<(String, bool), (String, String)> {
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
        let form = || "write `${env:NAME}`, `${file:/path}`, or `$${` for a literal `${`".to_owned();
        let end = rest[start..].find('}').ok_or_else(|| ("a `${` has no `}`".to_owned(), form()))? + start;
        let inside = &rest[start + 2..end];
        // Quoted only once a provider has taken it for a name: a plain password may hold `${`, too.
        let shown = words::shown(inside);
        let (scheme, name) =
            inside.split_once(':').ok_or_else(|| ("a `${…}` names no kind of secret".to_owned(), form()))?;
        let provider =
            secrets.find(scheme).map_err(|help| ("a `${…}` names an unknown kind of secret".to_owned(), help))?;
        inputs.extend(provider.watched(name, site));
        let value = provider.read(name, site).map_err(|why| {
            (format!("`${{{shown}}}` has no value: {why}"), "set it for the process that runs the site".to_owned())
        })?;
        if value.is_empty() {
            return Err((format!("`${{{shown}}}` is empty"), "give it a value".to_owned()));
        }
        out.push_str(&value);
        resolved = true;
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok((out, resolved))
}
