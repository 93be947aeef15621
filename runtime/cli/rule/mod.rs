//! `parapet rule …`: rules apart from a running site.

mod conform;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Work with rules apart from a running site.
#[derive(Debug, Args)]
pub struct RuleArgs {
    #[command(subcommand)]
    command: RuleCommand,
}

#[derive(Debug, Subcommand)]
enum RuleCommand {
    /// Run conformance cases of the streaming SQL engine, and tell how many of each kind pass.
    Conform(conform::ConformArgs),
}

/// Runs the command.
///
/// # Errors
/// When its input can't be read.
pub fn run(args: &RuleArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        RuleCommand::Conform(args) => conform::run(args),
    }
}
