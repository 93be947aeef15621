//! `parapet inference-worker`: the process of one model. A site starts it; it is of no use to people, and hidden from them.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use parapet_config::TelemetryConfig;
use parapet_inference_ort::OrtInference;
use parapet_inference_process::worker;

use crate::telemetry;

/// Serve one model to the site that started this process.
#[derive(Debug, Args)]
pub(crate) struct InferenceWorkerArgs {
    /// ONNX Runtime's shared library.
    #[arg(long, value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
    /// What is logged, on standard error.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: String,
    /// Log JSON lines.
    #[arg(long)]
    json: bool,
    /// The model, for people who list processes.
    #[arg(value_name = "MODEL")]
    _model: Option<PathBuf>,
}

/// Runs the command, until the site lets go.
///
/// # Errors
/// When no site has started it.
pub(crate) fn run(args: InferenceWorkerArgs) -> anyhow::Result<ExitCode> {
    telemetry::init_logs(&TelemetryConfig { level: args.log, json: args.json, otlp: None })?;
    worker::serve(|| OrtInference::new(args.onnxruntime.as_deref()))?;
    Ok(ExitCode::SUCCESS)
}
