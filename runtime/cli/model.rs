//! `parapet model …`: looks at a model before a site uses it.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};

use super::{
    detect::{self, DetectArgs},
    trial::{self, ChangeArgs, ReportArgs},
};

/// Look at a model before a site uses it.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// Tell what a model's file says, what would be done with it, and how sure that is.
    Inspect(InspectArgs),
    /// Run a model over a video or a picture, and write a video with what it saw drawn in.
    Try(Box<TryArgs>),
    /// Tell how the shadows of the running site compare with their models.
    Shadow(ReportArgs),
    /// Tell how the canaries of the running site fare, and why one was sent back.
    Canary(ReportArgs),
    /// Put a shadow or a canary in the place of the model that it is one of.
    Promote(ChangeArgs),
    /// Remove a shadow or a canary.
    Drop(ChangeArgs),
}

#[derive(Debug, Args)]
struct InspectArgs {
    /// The model: an .onnx file, or a model file (.yaml) as a site has it.
    #[arg(value_name = "FILE")]
    model: PathBuf,

    /// Names of the classes, one a line.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,

    /// Layout of the model's outputs [default: guessed].
    #[arg(long, value_name = "NAME")]
    layout: Option<String>,
}

#[derive(Debug, Args)]
struct TryArgs {
    /// The model: an .onnx file, whose settings are guessed, or a model file (.yaml) as a site has it.
    #[arg(value_name = "FILE")]
    model: PathBuf,

    /// A video, a picture (JPEG or PNG), or a folder of pictures.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,

    /// The video to write: MP4 with H.264.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Examine and draw every Nth frame.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,

    /// Leave out what has a lower score, 0 to 1 [default: what the model file says, or 0.25].
    #[arg(long, value_name = "S", value_parser = detect::fraction)]
    min_score: Option<f32>,

    /// Names of the classes, one a line [default: the model's own, or COCO's when it has 80].
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,

    /// Layout of the model's outputs [default: guessed].
    #[arg(long, value_name = "NAME")]
    layout: Option<String>,

    /// ONNX Runtime's shared library [default: ORT_DYLIB_PATH, or the usual places].
    #[arg(long, value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
}

/// Runs the command. Exit code 0: done; 2: the model or the input can't be used; 1: anything else.
pub(crate) fn run(args: ModelArgs) -> anyhow::Result<ExitCode> {
    let result = match args.command {
        ModelCommand::Inspect(InspectArgs { model, labels, layout }) => {
            detect::inspect(&DetectArgs { labels, layout, ..DetectArgs::of(model, PathBuf::new()) })
        }
        ModelCommand::Shadow(args) => return trial::shadows(&args),
        ModelCommand::Canary(args) => return trial::canaries(&args),
        ModelCommand::Promote(args) => return trial::promote(&args),
        ModelCommand::Drop(args) => return trial::drop_it(&args),
        ModelCommand::Try(args) => {
            let TryArgs { model, input, out, every, min_score, labels, layout, onnxruntime } = *args;
            let args = DetectArgs { every, min_score, labels, layout, onnxruntime, ..DetectArgs::of(model, input) };
            detect::film(&args, &out)
        }
    };
    detect::exit(result)
}
