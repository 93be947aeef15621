//! What is wrong with a configuration: where, what, and what is expected instead.
//!
//! A problem never holds the value of a secret: its texts quote what stands in the file, never what a `${…}` became.

use std::{fmt, path::PathBuf};

use serde::Serialize;

/// A place in a file. Line and column count characters from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl Position {
    /// The beginning of a file.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// One thing that is wrong, or odd.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file, relative to the site's folder.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What is expected, or what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Problem {
    /// A problem at a place.
    pub fn new(file: impl Into<String>, at: Position, message: impl Into<String>) -> Self {
        Self { file: file.into(), line: at.line, column: at.column, message: message.into(), help: None }
    }

    /// Adds what is expected, or what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// All that is wrong with a site: every error of every file, in the order of the files and their lines. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.list))]
pub struct Problems {
    /// The errors.
    pub list: Vec<Problem>,
    /// What is odd, and would not have kept the site from running.
    pub warnings: Vec<Problem>,
    /// Files outside the configuration's own that were read or looked for (models, labels, secrets): a change of one of
    /// them may mend what is wrong.
    pub inputs: Vec<PathBuf>,
    /// Nothing is wrong, but values that the site as a whole needs are not there yet: it is worth trying again.
    pub waits: bool,
}

impl Problems {
    /// A single error.
    pub fn one(problem: Problem) -> Self {
        Self { list: vec![problem], warnings: Vec::new(), inputs: Vec::new(), waits: false }
    }
}

fn lines(list: &[Problem]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
