//! `parapet rule test`: the tests that lie beside rules.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, bail};
use clap::Args;
use parapet_contracts::{AlertDraft, DetectionEvent};

use super::{
    case::{self, Case, Expected},
    play::{self, play},
};
use crate::cli::{WRONG_INPUT, say, tell};

/// Run the tests that lie beside rules.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// A folder with rules and their tests (`intruder.yaml`, `intruder.test.yaml`), or a site's.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Runs the command. Exit code 0 when every test passes, 1 when one fails, 2 when a test or a rule can't be used.
///
/// # Errors
/// None: what is wrong with the input is told.
pub fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    match test(&args.dir) {
        Ok((passed, 0)) => {
            tell(&format!("{passed} passed"));
            Ok(ExitCode::SUCCESS)
        }
        Ok((passed, failed)) => {
            tell(&format!("{passed} passed, {failed} failed"));
            Ok(ExitCode::FAILURE)
        }
        Err(error) => {
            tell(&format!("error: {error:#}"));
            Ok(ExitCode::from(WRONG_INPUT))
        }
    }
}

/// How many passed, and how many failed.
fn test(dir: &Path) -> anyhow::Result<(usize, usize)> {
    let inner = dir.join("rules");
    let folder = if inner.is_dir() { inner.as_path() } else { dir };
    let files = files(folder)?;
    if files.is_empty() {
        bail!("{} holds no tests: they are called `<rule>.test.yaml`", folder.display());
    }
    let (mut passed, mut failed) = (0, 0);
    for (stem, file) in files {
        for case in case::read(&file)?.tests {
            let wrong = judge(folder, &stem, &case).with_context(|| file.display().to_string())?;
            match wrong.is_empty() {
                true => passed += 1,
                false => failed += 1,
            }
            say(&format!("{} {stem}: {}", if wrong.is_empty() { "ok  " } else { "FAIL" }, case.name));
            for line in wrong {
                say(&format!("       {line}"));
            }
        }
    }
    Ok((passed, failed))
}

/// The tests of a folder with the names of their rules, in order.
fn files(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files: Vec<(String, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let stem = name.strip_suffix(".test.yaml").or_else(|| name.strip_suffix(".test.yml"))?;
            (!stem.starts_with('.')).then(|| (stem.to_owned(), entry.path()))
        })
        .collect();
    files.sort();
    Ok(files)
}

/// What is wrong; nothing when the test passes.
fn judge(folder: &Path, stem: &str, case: &Case) -> anyhow::Result<Vec<String>> {
    let events: Vec<Arc<DetectionEvent>> = case.events(folder)?;
    let yaml = folder.join(format!("{stem}.yaml"));
    let file = if yaml.exists() { yaml } else { folder.join(format!("{stem}.yml")) };
    let rule = play::rule(&file, &events)?;
    let (mut alerts, mut trace) = (Vec::new(), Vec::new());
    play(&rule, &events, case.then()?, |step| {
        match &step.event {
            Some(event) => trace.push(format!("{} {}: {}", event.ts, event.camera, step.why)),
            None => trace.push(format!("after the last event: {}", step.why)),
        }
        alerts.extend(step.drafts);
        true
    })?;
    let mut wrong = Vec::new();
    if alerts.len() != case.alerts.len() {
        wrong.push(format!("{} alerts were expected, and there were {}", case.alerts.len(), alerts.len()));
    }
    for (number, (expected, alert)) in case.alerts.iter().zip(&alerts).enumerate() {
        wrong.extend(
            differences(case, expected, alert)?.into_iter().map(|what| format!("alert {}: {what}", number + 1)),
        );
    }
    if !wrong.is_empty() {
        wrong.extend(
            alerts
                .iter()
                .map(|alert| format!("there was: {} {} {}", alert.event.ts, alert.event.camera, alert.message)),
        );
        wrong.extend(trace.into_iter().take(50));
    }
    Ok(wrong)
}

fn differences(case: &Case, expected: &Expected, alert: &AlertDraft) -> anyhow::Result<Vec<String>> {
    let mut out = Vec::new();
    let mut compare = |what: &str, expected: Option<String>, found: String| {
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            out.push(format!("{what} is `{found}`, expected `{expected}`"));
        }
    };
    let at = expected.at.as_deref().map(|at| case.time(at)).transpose()?;
    compare("at", at.map(|at| at.to_string()), alert.event.ts.to_string());
    compare("camera", expected.camera.clone(), alert.event.camera.to_string());
    compare("message", expected.message.clone(), alert.message.clone());
    let labels: Vec<&str> = alert.objects.iter().map(|object| object.label.as_str()).collect();
    compare("objects", expected.objects.as_ref().map(|objects| objects.join(", ")), labels.join(", "));
    Ok(out)
}
