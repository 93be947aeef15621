//! `parapet rule …`: rules apart from a running site.

mod case;
mod conform;
mod explain;
mod play;
mod recorded;
mod replay;
mod test;

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
    /// Print what a rule reads, keeps and puts out.
    Explain(explain::ExplainArgs),
    /// Play recorded events to a rule, and print its alerts.
    Replay(replay::ReplayArgs),
    /// Run the tests that lie beside rules.
    Test(test::TestArgs),
    /// Run conformance cases of the streaming SQL engine, and tell how many of each kind pass.
    Conform(conform::ConformArgs),
}

/// Runs the command.
///
/// # Errors
/// When its input can't be read.
pub fn run(args: &RuleArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        RuleCommand::Explain(args) => explain::run(args),
        RuleCommand::Replay(args) => replay::run(args),
        RuleCommand::Test(args) => test::run(args),
        RuleCommand::Conform(args) => conform::run(args),
    }
}
