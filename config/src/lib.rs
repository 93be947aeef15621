//! From files to a checked, immutable configuration.
//!
//! Promises: [`load`] tells every error of every file at once, each with file, line and column and in words for the person who
//! wrote the file; nothing of a configuration with an error gets out; the value of a secret is in no text that this crate
//! makes. The JSON Schema ([`schema()`]), the reference ([`reference_markdown`]) and the check come from the same types.
//!
//! ```text
//! bytes ─▶ yaml (tree with places) ─▶ secrets ─▶ walk along the schema ─▶ raw ─▶ check across files ─▶ checked
//! ```

mod check;
pub mod checked;
pub mod columns;
mod csv;
mod diff;
mod document;
mod expected;
mod formats;
mod load;
mod plain;
mod problem;
mod raw;
mod reference;
mod schema;
#[cfg(test)]
mod schema_tests;
mod secrets;
mod single;
mod single_rule;
pub mod streams;
pub mod units;
mod walk;
mod words;
mod yaml;

pub use checked::*;
pub use diff::{Change, Changes, diff};
pub use load::{Loaded, files, load};
pub use plain::read_yaml;
pub use problem::{Position, Problem, Problems};
pub use reference::reference_markdown;
pub use schema::{FileKind, schema};
pub use secrets::{Environment, Files, Mounts, NoSecret, SecretProvider, SecretSettings, Secrets, VaultSettings};
pub use single::load_model;
pub use single_rule::{LoadedRule, load_rule};
