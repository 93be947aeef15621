//! The `parapet` command.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    parapet::cli::run(parapet::cli::Cli::parse())
}
