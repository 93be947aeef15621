//! `parapet model inspect`: what a model's file says, what would be done with it, and how sure that is. No runtime is needed.

use parapet_contracts::ports::inference::TensorSpec;
use parapet_vision::{
    Detector, Finding, OnnxSummary, ReadingKind,
    guess::{guess, plugins},
};

use super::{DetectArgs, Failure, model};
use crate::cli::say;

/// Prints it on standard output.
pub(crate) fn inspect(args: &DetectArgs) -> Result<(), Failure> {
    let wanted = model::wanted(args)?;
    let file = wanted.file();
    let summary = model::summary(file)?;
    let mut lines = vec![format!("found in {}:", file.display())];
    lines.extend(found(&summary));
    let missing = summary.missing_files(file);
    lines.extend(missing.iter().map(|path| format!("  weights   {} is NOT beside the model", path.display())));
    let told = |lines: &[String]| lines.iter().all(|line| say(line));
    let read = told(&lines);
    let unusable = |why: String| Failure::Input(format!("model {}: {why}", file.display()));
    if let Some(why) = plugins(&summary) {
        return Err(unusable(why));
    }
    let guessed = guess(&summary.signature, Some(&summary), wanted.named()).map_err(|e| unusable(e.to_string()))?;
    let detector = Detector::new(guessed.settings, &summary.signature).map_err(|error| unusable(error.to_string()))?;
    let gives = match detector.kind() {
        ReadingKind::Objects => "objects with boxes",
        ReadingKind::Classes => "one class for the whole picture, or for a crop of it",
        ReadingKind::Vector => "a vector for the whole picture, or for a crop of it",
    };
    let mut lines = vec![format!("what would be done with it, and how sure that is; it gives {gives}:")];
    lines.extend(guessed.findings.iter().map(|finding| format!("  {finding}")));
    lines.push(verdict(&guessed.findings));
    if !(read && told(&lines)) {
        return Err(Failure::Unread);
    }
    match &missing[..] {
        [] => Ok(()),
        [first, ..] => Err(unusable(format!("its weights are in `{}`, which is not beside it", first.display()))),
    }
}

fn found(summary: &OnnxSummary) -> Vec<String> {
    let opset = summary.opset.map_or("unknown".to_owned(), |version| version.to_string());
    let producer = if summary.producer.is_empty() { "nobody that it names" } else { &summary.producer };
    let mut lines = vec![format!("  written   by {producer}, opset {opset}, IR version {}", summary.ir_version)];
    let signature = &summary.signature;
    lines.extend(signature.inputs.iter().map(|input| format!("  input     {}", shown(input))));
    lines.extend(signature.outputs.iter().map(|output| format!("  output    {}", shown(output))));
    let mut ops: Vec<_> = summary.ops.iter().collect();
    ops.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let few: Vec<_> = ops.iter().take(6).map(|(op, count)| format!("{count} {op}")).collect();
    let nodes: usize = summary.ops.values().sum();
    lines.push(format!("  graph     {nodes} nodes: {}{}", few.join(", "), if ops.len() > 6 { ", …" } else { "" }));
    let keys: Vec<_> = signature.metadata.keys().map(String::as_str).collect();
    lines.push(format!("  metadata  {}", if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }));
    lines
}

fn shown(tensor: &TensorSpec) -> String {
    let dims: Vec<_> = tensor.shape.iter().map(|d| d.map_or("?".into(), |d| d.to_string())).collect();
    format!("`{}` {:?} [{}]", tensor.name, tensor.dtype, dims.join(", "))
}

/// A model is as well known as what is least sure of it.
fn verdict(findings: &[Finding]) -> String {
    let unsure: Vec<_> = findings.iter().filter(|f| f.is_uncertain()).map(|f| f.what).collect();
    let least = findings.iter().min_by(|a, b| a.confidence.total_cmp(&b.confidence));
    match least {
        Some(least) if unsure.is_empty() => {
            format!("sure enough to use it: the least sure is {}, {:.0} %", least.what, least.confidence * 100.0)
        }
        Some(_) => {
            format!("uncertain: {}; name them in a model file when boxes are missing or wrong", unsure.join(", "))
        }
        None => "nothing had to be guessed".to_owned(),
    }
}
