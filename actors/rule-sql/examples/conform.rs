//! Runs conformance cases: `conform CASES.json [--deviations FILE] [--format json] [--actual]`.
//!
//! With `--actual`, each case gives one line of JSON with its id and what came out; the expectations are not read.

use std::io::Write as _;
use std::process::ExitCode;

use parapet_rule_sql::conform::{Deviations, parse_deviations, run_actual, run_cases};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let written = writeln!(std::io::stderr(), "error: {e}");
            if written.is_err() { ExitCode::from(3) } else { ExitCode::from(2) }
        }
    }
}

fn run() -> Result<(), String> {
    let mut args = std::env::args().skip(1);
    let (mut path, mut deviations, mut as_json, mut actual) = (None, Deviations::new(), false, false);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--deviations" => {
                let file = args.next().ok_or("--deviations takes a file")?;
                let text = std::fs::read_to_string(&file).map_err(|e| format!("{file}: {e}"))?;
                deviations = parse_deviations(&text).map_err(|e| format!("{file}: {e}"))?;
            }
            "--format" => as_json = args.next().as_deref() == Some("json"),
            "--actual" => actual = true,
            other => path = Some(other.to_owned()),
        }
    }
    let path = path.ok_or("usage: conform CASES.json [--deviations FILE] [--format json] [--actual]")?;
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let file: serde_json::Value = serde_json::from_str(&text).map_err(|e| format!("{path}: {e}"))?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let failed = |e: std::io::Error| e.to_string();
    if actual {
        for (id, actual) in run_actual(&file)? {
            writeln!(out, "{}", serde_json::json!({ "id": id, "actual": actual })).map_err(failed)?;
        }
    } else {
        let report = run_cases(&file, &deviations)?;
        if as_json {
            writeln!(out, "{}", report.to_json()).map_err(failed)?;
        } else {
            write!(out, "{report}").map_err(failed)?;
        }
    }
    out.flush().map_err(failed)
}
