//! `parapet hash-password`: what a user of the embedded broker has in `password_hash`.

use std::{io::Read, process::ExitCode};

use anyhow::{Context, bail};
use parapet_bus_mqtt::PasswordHash;

use super::say;

/// The longest password.
const LONGEST: u64 = 1024;

/// Runs the command: reads the password from standard input, up to the end of the line, so that it stands in no list of processes.
///
/// # Errors
/// When there is none.
pub fn run() -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    std::io::stdin().lock().take(LONGEST).read_to_string(&mut text).context("no password could be read")?;
    let password = text.lines().next().unwrap_or_default();
    if password.is_empty() {
        bail!("give the password on standard input: `parapet hash-password < FILE`");
    }
    let hash = PasswordHash::of(password).map_err(|why| anyhow::anyhow!(why))?;
    say(&hash.to_string());
    Ok(ExitCode::SUCCESS)
}
