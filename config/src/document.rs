//! One file on its way: its tree, its raw value, and what was found wrong with it.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::{
    problem::{Position, Problem},
    schema::{FileKind, schema},
    secrets::{self, Secrets},
    walk,
    yaml::{self, Node, Step},
};

/// A file that was read, and as much of it as could be understood.
#[derive(Debug)]
pub(crate) struct Document<T> {
    /// Its path, relative to the site's folder.
    pub file: String,
    /// What it says; `None` when it is no YAML.
    pub raw: Option<T>,
    node: Option<Node>,
    text: String,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// What is odd about it.
    pub warnings: Vec<Problem>,
    /// References that have no value yet: what the file says is not known until they have.
    pub waiting: Vec<Problem>,
}

impl<T: DeserializeOwned> Document<T> {
    /// Reads a file's bytes as one kind of file.
    pub(crate) fn read(
        kind: FileKind,
        file: &str,
        bytes: &[u8],
        site: &Path,
        secrets: &Secrets,
        inputs: &mut Vec<PathBuf>,
    ) -> Self {
        let mut document = Self::unreadable(file, Vec::new());
        document.text = String::from_utf8_lossy(bytes).into_owned();
        match yaml::parse(file, bytes) {
            Ok(node) => document.understand(kind, node, site, secrets, inputs),
            Err(problems) => Self { problems, ..document },
        }
    }

    /// Reads one part of a file, the one under `key`, as if nothing else were there.
    pub(crate) fn read_part(
        kind: FileKind,
        file: &str,
        key: &str,
        bytes: &[u8],
        site: &Path,
        secrets: &Secrets,
        inputs: &mut Vec<PathBuf>,
    ) -> Self {
        let document = Self::unreadable(file, Vec::new());
        let Ok(mut node) = yaml::parse(file, bytes) else { return document };
        if let yaml::Kind::Map(entries) = &mut node.kind {
            entries.retain(|(name, _)| name.text == key);
        }
        document.understand(kind, node, site, secrets, inputs)
    }

    fn understand(
        self,
        kind: FileKind,
        mut node: Node,
        site: &Path,
        secrets: &Secrets,
        inputs: &mut Vec<PathBuf>,
    ) -> Self {
        let mut document = self;
        let file = &*document.file.clone();
        let unresolved = secrets::resolve(file, &mut node, site, secrets, inputs);
        let (value, misfits) = walk::walk(file, schema(kind), &node, &unresolved.all());
        document.problems = unresolved.problems;
        document.waiting = unresolved.waiting;
        document.problems.extend(misfits);
        match serde_path_to_error::deserialize(value) {
            Ok(_) if !document.waiting.is_empty() => {}
            Ok(raw) => document.raw = Some(raw),
            Err(error) if document.problems.is_empty() && document.waiting.is_empty() => {
                // The walk lets nothing through that does not fit; should it ever, the place is told, and never the value.
                let message = format!("`{}` was not understood", error.path());
                let help = format!("see `parapet schema {}`", kind.name());
                document.problems.push(Problem::new(file, Position::START, message).help(help));
            }
            Err(_) => {}
        }
        document.node = Some(node);
        document
    }
}

impl<T> Document<T> {
    /// A file that could not be read.
    pub(crate) fn unreadable(file: &str, problems: Vec<Problem>) -> Self {
        let (warnings, waiting) = Default::default();
        Self { file: file.to_owned(), raw: None, node: None, text: String::new(), problems, warnings, waiting }
    }

    /// Where a value stands; where the nearest value around it stands, when it is absent.
    pub(crate) fn at(&self, path: &[Step<'_>]) -> Position {
        let Some(mut node) = self.node.as_ref() else { return Position::START };
        for step in path {
            match node.child(*step) {
                Some(child) => node = child,
                None => break,
            }
        }
        node.at
    }

    /// Where a key stands; else as [`Document::at`].
    pub(crate) fn at_key(&self, path: &[Step<'_>]) -> Position {
        let key = match path {
            [.., Step::Key(name)] => {
                self.node_at(&path[..path.len() - 1]).and_then(|map| map.keys().find(|k| k.text == *name))
            }
            _ => None,
        };
        key.map_or_else(|| self.at(path), |key| key.at)
    }

    /// A line of the file, from 1; empty when there is none.
    pub(crate) fn line(&self, number: usize) -> &str {
        number.checked_sub(1).and_then(|index| self.text.lines().nth(index)).unwrap_or_default()
    }

    /// True when the file has this value, be it right or wrong.
    pub(crate) fn has(&self, path: &[Step<'_>]) -> bool {
        self.node_at(path).is_some()
    }

    /// True when the file has this key without a value.
    pub(crate) fn is_null(&self, path: &[Step<'_>]) -> bool {
        self.node_at(path).is_some_and(|node| node.kind == yaml::Kind::Null)
    }

    /// A value as the file has it: what a message may quote, also when a reference stands in it.
    pub(crate) fn written(&self, path: &[Step<'_>]) -> &str {
        self.node_at(path).map_or("", |node| node.written.as_str())
    }

    /// True when the value came out of a reference, so that it must not be quoted.
    pub(crate) fn resolved(&self, path: &[Step<'_>]) -> bool {
        self.node_at(path).is_some_and(|node| node.resolved)
    }

    /// Tells an error.
    pub(crate) fn error(&mut self, at: Position, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::new(&*self.file, at, message).help(help));
    }

    /// Tells something odd.
    pub(crate) fn warn(&mut self, at: Position, message: impl Into<String>, help: impl Into<String>) {
        self.warnings.push(Problem::new(&*self.file, at, message).help(help));
    }

    fn node_at(&self, path: &[Step<'_>]) -> Option<&Node> {
        path.iter().try_fold(self.node.as_ref()?, |node, step| node.child(*step))
    }
}

/// A path into a document: `place!["when", 0, "label"]`.
macro_rules! place {
    ($($step:expr),* $(,)?) => { &[$($crate::yaml::Step::from($step)),*][..] };
}
pub(crate) use place;
