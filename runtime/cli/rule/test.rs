//! `parapet rule test`: the tests that lie beside rules.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;
use parapet_contracts::{
    AlertChange, AlertDraft, CameraId, Happening,
    ports::rule::{AlertFollowUp, Outcome},
};

use super::{
    case::{self, Case, Expected},
    play::{self, play},
    replay::about,
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

/// An alert, and what became of it.
struct Told {
    draft: AlertDraft,
    changes: Vec<AlertFollowUp>,
}

/// What is wrong; nothing when the test passes.
fn judge(folder: &Path, stem: &str, case: &Case) -> anyhow::Result<Vec<String>> {
    let yaml = folder.join(format!("{stem}.yaml"));
    let file = if yaml.exists() { yaml } else { folder.join(format!("{stem}.yml")) };
    // The streams that the rule reads say what a message of the test holds.
    let declared = play::rule(&file, &[])?;
    let events: Vec<Happening> = case.events(folder, &declared)?;
    let loaded = play::rule(&file, &events)?;
    let (mut alerts, mut trace): (Vec<Told>, Vec<String>) = Default::default();
    play(&loaded, &events, case.then()?, |step| {
        match &step.happening {
            Some(event) => trace.push(format!("{} {}: {}", event.ts(), about(event), step.why)),
            None => trace.push(format!("after the last event: {}", step.why)),
        }
        for outcome in step.outcomes {
            match outcome {
                Outcome::Fired(draft) => alerts.push(Told { draft: *draft, changes: Vec::new() }),
                Outcome::Changed(change) => {
                    let of = alerts.iter_mut().find(|told| told.draft.id == change.alert);
                    of.into_iter().for_each(|told| told.changes.push(change.clone()));
                }
            }
        }
        true
    })?;
    let mut wrong = Vec::new();
    if alerts.len() != case.alerts.len() {
        wrong.push(format!("{} alerts were expected, and there were {}", case.alerts.len(), alerts.len()));
    }
    for (number, (expected, told)) in case.alerts.iter().zip(&alerts).enumerate() {
        wrong
            .extend(differences(case, expected, told)?.into_iter().map(|what| format!("alert {}: {what}", number + 1)));
    }
    if !wrong.is_empty() {
        for Told { draft, changes } in &alerts {
            let camera = draft.camera.as_ref().map_or("–", CameraId::as_str);
            wrong.push(format!("there was: {} {camera} {}", draft.ts, draft.message));
            wrong.extend(changes.iter().map(|change| format!("           {} {}", change.at, change.change.as_str())));
        }
        wrong.extend(trace);
    }
    Ok(wrong)
}

fn differences(case: &Case, expected: &Expected, told: &Told) -> anyhow::Result<Vec<String>> {
    let draft = &told.draft;
    let mut out = Vec::new();
    let mut compare = |what: &str, expected: Option<String>, found: String| {
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            out.push(format!("{what} is `{found}`, expected `{expected}`"));
        }
    };
    let at = expected.at.as_deref().map(|at| case.time(at)).transpose()?;
    compare("at", at.map(|at| at.to_string()), draft.ts.to_string());
    let camera = draft.camera.as_ref().map(ToString::to_string).unwrap_or_default();
    compare("camera", expected.camera.clone(), camera);
    compare("message", expected.message.clone(), draft.message.clone());
    compare("title", expected.title.clone(), draft.title.clone().unwrap_or_default());
    compare("key", expected.key.clone(), draft.key.clone());
    compare("severity", expected.severity.clone(), draft.severity.to_string());
    let labels: Vec<&str> = draft.objects.iter().map(|object| object.label.as_str()).collect();
    compare("objects", expected.objects.as_ref().map(|objects| objects.join(", ")), labels.join(", "));
    let all = [
        ("resolved", AlertChange::Resolved, &expected.resolved),
        ("escalated", AlertChange::Escalated, &expected.escalated),
        ("reminded", AlertChange::Reminded, &expected.reminded),
    ];
    for (what, change, times) in all {
        let Some(times) = times else { continue };
        let times: anyhow::Result<Vec<String>> = times.all().map(|at| Ok(case.time(at)?.to_string())).collect();
        let of_kind = told.changes.iter().filter(|found| found.change == change);
        let found: Vec<String> = of_kind.map(|found| found.at.to_string()).collect();
        compare(what, Some(times?.join(", ")), found.join(", "));
    }
    Ok(out)
}
