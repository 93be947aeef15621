//! `parapet simulate-camera`: a video file as an RTSP camera.

use std::{net::IpAddr, path::PathBuf, process::ExitCode};

use clap::Args;
use parapet_media_gstreamer::simulate::{RtspSimulator, SimOptions};

use super::{run::in_runtime, say};

/// Play a video file as an RTSP camera.
#[derive(Debug, Args)]
pub struct SimulateCameraArgs {
    /// An MP4 with H.264 or H.265.
    file: PathBuf,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 8554)]
    port: u16,
    /// The address to listen on. Anybody who reaches it can watch.
    #[arg(long, default_value = "127.0.0.1")]
    listen: IpAddr,
    /// The path in the address.
    #[arg(long, default_value = "/camera")]
    path: String,
}

/// Runs the command.
///
/// # Errors
/// When the file is no video, or the port is in use.
pub fn run(args: SimulateCameraArgs) -> anyhow::Result<ExitCode> {
    let options = SimOptions { port: args.port, bind: args.listen, path: args.path, ..SimOptions::default() };
    let simulator = RtspSimulator::start(args.file.as_path(), &options)?;
    say(&format!("{} plays at {}; stop it with Ctrl-C", args.file.display(), simulator.url()));
    in_runtime(async { crate::process::stop_signal().await })?;
    simulator.stop();
    Ok(ExitCode::SUCCESS)
}
