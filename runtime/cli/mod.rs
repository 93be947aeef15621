//! The command line. One file a command; exit codes: 0 done, 1 failed, 2 wrong input.

mod alerts;
mod capacity;
mod check;
mod client;
mod demo;
mod detect;
mod errors;
mod evidence;
mod follow;
#[cfg(feature = "embedded-broker")]
mod hash_password;
mod inference_worker;
mod init;
mod model;
mod recording;
mod rule;
mod run;
mod schema;
mod silence;
mod simulate_camera;
mod status;
mod store;
mod stored;
mod trial;
mod uploader;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Real-time video events for the edge: cameras in, alerts out, nothing lost.
#[derive(Debug, Parser)]
#[command(name = "parapet", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a site until it is told to stop.
    Run(run::RunArgs),
    /// Check a site's configuration and tell all errors at once.
    Check(check::CheckArgs),
    /// Print the JSON Schema of a kind of configuration file.
    Schema(schema::SchemaArgs),
    /// Write a site to start from.
    Init(init::InitArgs),
    /// Try a model on a video or a picture, without a site.
    Detect(detect::DetectArgs),
    /// Look at a model before a site uses it.
    Model(model::ModelArgs),
    /// Measure this machine, and tell how many more cameras fit.
    Capacity(capacity::CapacityArgs),
    /// Show how the running site fares.
    Status(status::StatusArgs),
    /// List the alerts of the running site, or take notice of one.
    Alerts(alerts::AlertsArgs),
    /// Let alerts be silent for a time.
    Silence(silence::SilenceArgs),
    /// List the error journal of the running site.
    Errors(errors::ErrorsArgs),
    /// List, hold, delete and verify the evidence of the running site.
    Evidence(evidence::EvidenceArgs),
    /// List what cameras have recorded, and write it to a file.
    Recording(recording::RecordingArgs),
    /// Copy the store of a site, check copies, and go back to one.
    Store(store::StoreArgs),
    /// List the uploaders of the running site, and decide on what their receivers refuse.
    Uploader(uploader::UploaderArgs),
    /// Work with rules apart from a running site.
    Rule(rule::RuleArgs),
    /// Run a site that needs nothing from outside, and show what it sees.
    Demo(demo::DemoArgs),
    /// Hash a password for a user of the embedded broker.
    #[cfg(feature = "embedded-broker")]
    HashPassword,
    /// Serve one model to the site that started this process.
    #[command(hide = true)]
    InferenceWorker(inference_worker::InferenceWorkerArgs),
    /// Play a video file as an RTSP camera, over and over.
    SimulateCamera(simulate_camera::SimulateCameraArgs),
}

/// Runs a command.
pub fn run(cli: Cli) -> ExitCode {
    // Clients of HTTP have TLS by it. A second call finds one installed: nothing is wrong then.
    rustls::crypto::ring::default_provider().install_default().ok();
    let result = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Init(args) => init::run(args),
        Command::Detect(args) => detect::run(args),
        Command::Model(args) => model::run(args),
        Command::Capacity(args) => capacity::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Alerts(args) => alerts::run(&args),
        Command::Silence(args) => silence::run(&args),
        Command::Errors(args) => errors::run(&args),
        Command::Evidence(args) => evidence::run(&args),
        Command::Recording(args) => recording::run(&args),
        Command::Store(args) => store::run(&args),
        Command::Uploader(args) => uploader::run(&args),
        Command::Rule(args) => rule::run(&args),
        Command::Demo(args) => demo::run(&args),
        #[cfg(feature = "embedded-broker")]
        Command::HashPassword => hash_password::run(),
        Command::InferenceWorker(args) => inference_worker::run(args),
        Command::SimulateCamera(args) => simulate_camera::run(args),
    };
    result.unwrap_or_else(|error| {
        tell(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

/// Wrong input, as opposed to a failure.
pub(crate) const WRONG_INPUT: u8 = 2;

/// How long threads that still block are waited for when the process leaves.
pub(crate) const LEAVING: std::time::Duration = std::time::Duration::from_millis(500);

/// A line for people, on standard error.
#[allow(clippy::print_stderr, reason = "the one place that speaks to people on standard error")]
pub(crate) fn tell(line: &str) {
    eprintln!("{line}");
}

/// A line on standard output. `false` when nobody reads it any more.
pub(crate) fn say(line: &str) -> bool {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).is_ok()
}
