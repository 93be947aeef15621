//! A real browser for tests of the page: scripts in `web/tests`, which drive Chromium.

use std::{net::SocketAddr, path::Path, process::Command, time::Duration};

use crate::command::{Told, tell};

/// A script has this long.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs `web/tests/NAME` against the site at `site`, and returns what it said.
///
/// # Panics
/// When what the page is tested with is not installed, or the script fails: what it said is shown.
pub fn in_browser(name: &str, site: SocketAddr, args: &[&str]) -> Told {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    let installed = web.join("node_modules/playwright-core").exists();
    assert!(installed, "playwright-core is not installed: script/bootstrap and script/web install what tests need");
    let mut command = Command::new("node");
    command.arg(web.join("tests").join(name)).arg(format!("http://{site}")).args(args);
    let told = tell(&mut command, PATIENCE);
    assert_eq!(told.code, Some(0), "{name} failed:\n{}\n{}", told.out, told.err);
    told
}
