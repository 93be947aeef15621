//! Errors of the language and of evaluation.
//!
//! A [`SqlError`] is what a person who writes a rule sees: it says where (line and column, counted from 1) and, where
//! one can be guessed, what was probably meant. An [`EvalError`] is what one row can cause while a rule runs; it never
//! stops the rule.

use std::fmt;

/// A place in the SQL text. Line and column count from 1; the column counts characters, not bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Pos {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Pos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A statement that cannot be parsed or planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// What is wrong.
    pub message: String,
    /// Where, when the error belongs to a place.
    pub pos: Option<Pos>,
    /// What to do about it, e.g. `did you mean "tumblingwindow"?`.
    pub hint: Option<String>,
}

impl SqlError {
    /// An error at `pos`.
    pub fn at(pos: Pos, message: impl Into<String>) -> Self {
        Self { message: message.into(), pos: Some(pos), hint: None }
    }

    /// An error of the statement as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self { message: message.into(), pos: None, hint: None }
    }

    /// Adds what to do about it; `None` leaves the error as it is.
    #[must_use]
    pub fn with_hint(mut self, hint: Option<String>) -> Self {
        if hint.is_some() {
            self.hint = hint;
        }
        self
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pos) = self.pos {
            write!(f, "{pos}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SqlError {}

/// A row that could not be evaluated: a type that does not fit, a division by zero, an index out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(pub String);

impl EvalError {
    /// An error with this text.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// The best guess among `candidates` for a name that is not known, as a hint; `None` when nothing is near.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let wanted = name.to_ascii_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let score = strsim::jaro_winkler(&wanted, &candidate.to_ascii_lowercase());
        if best.is_none_or(|(s, _)| score > s) {
            best = Some((score, candidate));
        }
    }
    best.filter(|(score, _)| *score > 0.8).map(|(_, found)| format!("did you mean \"{found}\"?"))
}
