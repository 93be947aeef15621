//! `parapet evidence`: the evidence of the running site, what is held of it, and whether it is what was written.

mod holds;
mod list;
mod verify;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use parapet_contracts::{CameraId, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Look after the evidence of the running site.
#[derive(Debug, Args)]
pub struct EvidenceArgs {
    #[command(subcommand)]
    command: EvidenceCommand,
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    /// List evidence by alert, newest first: what is there, what is held, what was removed and why.
    List(list::ListArgs),
    /// Hold evidence: nothing that is meant is removed any more, whatever its age, until the hold is released.
    Hold(holds::HoldArgs),
    /// List the holds that stand.
    Holds(holds::HoldsArgs),
    /// End a hold.
    Release(holds::ReleaseArgs),
    /// Delete evidence, but for what is held. Without `--yes` it only says what would go.
    Delete(holds::DeleteArgs),
    /// List who held, released and deleted evidence, oldest first.
    Audit(list::AuditArgs),
    /// Read every file and compare it with the hash that was noted when it was written, and follow the chains of the records about it; tell
    /// what was changed, what is missing, and what belongs to no alert. Exit code 1 when there is any.
    Verify(verify::VerifyArgs),
}

/// Which evidence: all that is given must fit.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Which {
    /// That of this alert.
    #[arg(value_name = "ALERT", conflicts_with_all = ["camera", "from", "until"])]
    alert: Option<Uuid>,
    /// That of this camera.
    #[arg(long, value_name = "ID")]
    camera: Option<CameraId>,
    /// Of alerts that were raised at or after, such as 2026-11-23T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Of alerts that were raised before.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

/// Who, and why: the audit log keeps both.
#[derive(Debug, Args)]
struct Who {
    /// Who wants it; the user's name when absent.
    #[arg(long, env = "USER")]
    by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

impl Which {
    /// The body of a request about it.
    fn body(&self, who: &Who) -> Map<String, Value> {
        let fields = [
            ("alert", json!(self.alert)),
            ("camera", json!(self.camera)),
            ("from", json!(self.from)),
            ("until", json!(self.until)),
            ("by", json!(who.by)),
            ("note", json!(who.why)),
        ];
        fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// Runs the command.
///
/// # Errors
/// When the site can't be asked, or refuses.
pub fn run(args: &EvidenceArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        EvidenceCommand::List(args) => list::list(args),
        EvidenceCommand::Hold(args) => holds::hold(args),
        EvidenceCommand::Holds(args) => holds::holds(args),
        EvidenceCommand::Release(args) => holds::release(args),
        EvidenceCommand::Delete(args) => holds::delete(args),
        EvidenceCommand::Audit(args) => list::audit(args),
        EvidenceCommand::Verify(args) => verify::run(args),
    }
}

/// What a selection means, in words.
fn words(what: &parapet_contracts::Selection) -> String {
    let mut words = Vec::new();
    words.extend(what.alert.map(|alert| format!("alert {alert}")));
    words.extend(what.camera.as_ref().map(|camera| format!("camera {camera}")));
    words.extend(what.from.map(|from| format!("from {from:.0}")));
    words.extend(what.until.map(|until| format!("until {until:.0}")));
    words.join(", ")
}
