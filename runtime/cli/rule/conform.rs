//! `parapet rule conform`: conformance cases of the streaming SQL engine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, anyhow};
use clap::Args;
use parapet_rule_sql::conform::{Deviations, parse_deviations, run_actual, run_cases};
use serde_json::{Value, json};

use crate::cli::{WRONG_INPUT, follow::Format, say, tell};

/// Run conformance cases.
#[derive(Debug, Args)]
pub struct ConformArgs {
    /// The cases.
    #[arg(value_name = "CASES.json")]
    cases: PathBuf,
    /// Cases in which the engine differs on purpose: YAML, one `id: reason` a line.
    #[arg(long, value_name = "FILE")]
    deviations: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Print what came out of each case, one JSON line each, instead of judging it. Expectations are not read.
    #[arg(long)]
    actual: bool,
}

/// Runs the command. A case that fails is no failure of the command.
///
/// # Errors
/// None: a file that can't be read is told, with exit code 2.
pub fn run(args: &ConformArgs) -> anyhow::Result<ExitCode> {
    match conform(args) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            tell(&format!("error: {error:#}"));
            Ok(ExitCode::from(WRONG_INPUT))
        }
    }
}

fn conform(args: &ConformArgs) -> anyhow::Result<()> {
    let cases: Value = serde_json::from_str(&read(&args.cases)?).with_context(|| args.cases.display().to_string())?;
    let in_cases = |error: String| anyhow!("{}: {error}", args.cases.display());
    if args.actual {
        for (id, actual) in run_actual(&cases).map_err(in_cases)? {
            if !say(&json!({ "id": id, "actual": actual }).to_string()) {
                break;
            }
        }
        return Ok(());
    }
    let deviations = match &args.deviations {
        Some(file) => parse_deviations(&read(file)?).map_err(|error| anyhow!("{}: {error}", file.display()))?,
        None => Deviations::new(),
    };
    let report = run_cases(&cases, &deviations).map_err(in_cases)?;
    match args.format {
        Format::Json => drop(say(&report.to_json().to_string())),
        Format::Text => drop(say(report.to_string().trim_end())),
    }
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| file.display().to_string())
}
