//! `parapet schema`: the JSON Schema of the configuration's files, for editors.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use parapet_config::FileKind;

use super::say;

/// Print the JSON Schema of a kind of configuration file.
#[derive(Debug, Clone, Copy, Args)]
pub struct SchemaArgs {
    /// The kind of file. Without it, one JSON object with the schema of every kind.
    #[arg(value_enum)]
    kind: Option<Kind>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// site.yaml
    Site,
    /// cameras/*.yaml
    Camera,
    /// models/*.yaml
    Model,
    /// rules/*.yaml
    Rule,
    /// uploaders/*.yaml
    Uploader,
}

impl From<Kind> for FileKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Site => Self::Site,
            Kind::Camera => Self::Camera,
            Kind::Model => Self::Model,
            Kind::Rule => Self::Rule,
            Kind::Uploader => Self::Uploader,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When the schema can't be written as JSON.
pub fn run(args: SchemaArgs) -> anyhow::Result<ExitCode> {
    let text = match args.kind {
        Some(kind) => serde_json::to_string_pretty(parapet_config::schema(kind.into()))?,
        None => {
            let all = FileKind::ALL.map(|kind| (kind.name(), parapet_config::schema(kind)));
            serde_json::to_string_pretty(&std::collections::BTreeMap::from(all))?
        }
    };
    say(&text);
    Ok(ExitCode::SUCCESS)
}
