//! `parapet alerts verify`: whether the records that follow the alerts are those that were written, each after the one before.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use parapet_contracts::{
    Alert, AlertUpdate, Timestamp,
    chain::{self, Broken, Sound},
    ports::store::{AlertQuery, StorePort as _},
};
use parapet_store_rocksdb::RocksStore;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::cli::{
    client::{Client, SiteAddress},
    follow::Format,
    say, stored,
};

/// Follow the chains of the records about alerts, and tell each first link that is broken.
///
/// The running site is asked; with `--config`, the store of a site that does not run is read. Exits with 1 when a chain is broken.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// Only this alert.
    #[arg(value_name = "ID")]
    id: Option<Uuid>,
    /// Only alerts raised at or after, such as 2026-11-23T08:00:00Z.
    #[arg(long, value_name = "TIME", conflicts_with = "id")]
    since: Option<Timestamp>,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Alerts of one page.
const PAGE: usize = 500;

/// Where the alerts are.
enum Site {
    Running(Client),
    Stopped(Box<RocksStore>),
}

#[derive(Deserialize)]
struct AlertPage {
    items: Vec<Alert>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Story {
    updates: Vec<AlertUpdate>,
}

impl Site {
    fn of(address: &SiteAddress) -> anyhow::Result<Self> {
        let client = address.client()?;
        match (client.get_text("alerts", &[("limit", "1".to_owned())]), address.folder()) {
            (Ok(_), _) => Ok(Self::Running(client)),
            (Err(error), Some(folder)) => {
                let store = stored::open(folder).with_context(|| format!("{error:#}; and in {}", folder.display()))?;
                Ok(Self::Stopped(Box::new(store)))
            }
            (Err(error), None) => Err(error),
        }
    }

    fn page(&self, since: Option<Timestamp>, after: Option<String>) -> anyhow::Result<AlertPage> {
        match self {
            Self::Running(client) => {
                let since = since.map(|since| ("since", since.to_string()));
                let after = after.map(|after| ("after", after));
                let query: Vec<_> = [("limit", PAGE.to_string())].into_iter().chain(since).chain(after).collect();
                client.get("alerts", &query)
            }
            Self::Stopped(store) => {
                let page = store.alerts(&AlertQuery { since, after, limit: PAGE, ..AlertQuery::default() })?;
                Ok(AlertPage { items: page.items, next: page.next })
            }
        }
    }

    fn one(&self, id: Uuid) -> anyhow::Result<Alert> {
        match self {
            Self::Running(client) => client.get(&format!("alerts/{id}"), &[]),
            Self::Stopped(store) => match store.alert(id)? {
                Some(alert) => Ok(alert),
                None => bail!("there is no alert \"{id}\""),
            },
        }
    }

    fn records(&self, id: Uuid) -> anyhow::Result<Vec<AlertUpdate>> {
        match self {
            Self::Running(client) => Ok(client.get::<Story>(&format!("alerts/{id}/updates"), &[])?.updates),
            Self::Stopped(store) => Ok(store.alert_updates(id)?),
        }
    }
}

/// What was found in all.
#[derive(Default)]
struct Tally {
    alerts: usize,
    records: usize,
    unlinked: usize,
    broken: usize,
}

/// Runs the command.
pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let site = Site::of(&args.site)?;
    let mut tally = Tally::default();
    if let Some(id) = args.id {
        tally.look(&site, &site.one(id)?, args)?;
    } else {
        let mut after = None;
        loop {
            let page = site.page(args.since, after)?;
            for alert in &page.items {
                tally.look(&site, alert, args)?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    if args.format == Format::Text {
        say(&tally.to_string());
    }
    Ok(if tally.broken > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Tally {
    fn look(&mut self, site: &Site, alert: &Alert, args: &VerifyArgs) -> anyhow::Result<()> {
        let records = site.records(alert.id)?;
        let found = chain::verify(alert, &records);
        self.alerts += 1;
        self.records += records.len();
        match &found {
            Ok(sound) => self.unlinked += sound.unlinked,
            Err(_) => self.broken += 1,
        }
        // A site has many sound alerts: in a text only what is wrong, and what was asked for, is worth a line.
        if args.format == Format::Json {
            say(&as_json(alert, &found).to_string());
        } else if found.is_err() || args.id.is_some() {
            say(&as_text(alert, &found));
        }
        Ok(())
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} alerts, {} records about them, {} broken", self.alerts, self.records, self.broken)?;
        if self.unlinked > 0 {
            write!(f, "; {} records from before records were chained", self.unlinked)?;
        }
        Ok(())
    }
}

fn as_text(alert: &Alert, found: &Result<Sound, Broken>) -> String {
    match found {
        Ok(sound) => format!("{}  sound: {} records are chained", alert.id, sound.linked),
        Err(broken) => format!("{}  BROKEN at {broken}  ({:.0}, rule {})", alert.id, alert.ts, alert.rule),
    }
}

fn as_json(alert: &Alert, found: &Result<Sound, Broken>) -> serde_json::Value {
    match found {
        Ok(sound) => json!({ "alert": alert.id, "sound": sound }),
        Err(broken) => json!({ "alert": alert.id, "broken": broken }),
    }
}
