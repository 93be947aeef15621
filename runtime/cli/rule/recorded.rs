//! A recorded stretch of a site's own event log: of the running site over HTTP, of a stopped one out of its store.

use std::{io::Cursor, ops::Range, sync::Arc};

use anyhow::{Context as _, anyhow, bail};
use parapet_contracts::{
    Happening, Timestamp,
    ports::{probe::NoProbe, store::StorePort},
};
use parapet_store_rocksdb::{RocksStore, StoreOptions};

use super::play;
use crate::cli::client::SiteAddress;

/// Events of one answer, and at most in all.
const PAGE: usize = 10_000;
const MOST: usize = 1_000_000;

/// The events within a time, oldest first.
pub(super) fn events(site: &SiteAddress, within: Range<Timestamp>) -> anyhow::Result<Vec<Happening>> {
    match asked(site, within.clone()) {
        Ok(events) => Ok(events),
        Err(error) => match site.folder() {
            Some(folder) => stored(folder, within).with_context(|| format!("{error:#}; and in {}", folder.display())),
            None => Err(error),
        },
    }
}

/// Page by page: the next begins at the time of the last event, whose like are left out the second time.
fn asked(site: &SiteAddress, within: Range<Timestamp>) -> anyhow::Result<Vec<Happening>> {
    let client = site.client()?;
    let mut events: Vec<Happening> = Vec::new();
    let mut from = within.start;
    loop {
        let query = [("from", from.to_string()), ("to", within.end.to_string()), ("limit", PAGE.to_string())];
        let text = client.get_text("events", &query)?;
        let page = play::read(Cursor::new(text), "the site's answer")?;
        let count = page.len();
        let last = page.last().map(Happening::ts);
        let known: Vec<uuid::Uuid> =
            events.iter().rev().take_while(|event| event.ts() >= from).map(Happening::id).collect();
        events.extend(page.into_iter().filter(|event| !known.contains(&event.id())));
        match last {
            Some(last) if count >= PAGE && last > from => from = last,
            Some(_) if count >= PAGE => bail!("more than {PAGE} events have the same time"),
            _ => return Ok(events),
        }
        if events.len() > MOST {
            bail!("these are more than {MOST} events: take a shorter stretch");
        }
    }
}

fn stored(folder: &std::path::Path, within: Range<Timestamp>) -> anyhow::Result<Vec<Happening>> {
    let secrets = parapet_config::Secrets::standard();
    let loaded = parapet_config::load(folder, &NoProbe, &secrets).map_err(|problems| anyhow!("{problems}"))?;
    let path = &loaded.config.site.store.path;
    if !path.join("CURRENT").exists() {
        bail!("there is no store in {}", path.display());
    }
    let store = RocksStore::open(path, StoreOptions::default())?;
    let seen = store.events(None, within.clone(), MOST)?;
    let rows = store.rows(within, MOST)?;
    let mut events: Vec<Happening> = seen.into_iter().map(|event| Happening::Seen(Arc::new(event))).collect();
    events.extend(rows.into_iter().map(|row| Happening::Row(Arc::new(row))));
    events.sort_by_key(Happening::ts);
    Ok(events)
}
