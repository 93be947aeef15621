//! A recorded stretch of a site's own event log: of the running site over HTTP, of a stopped one out of its store.

use std::{io::Cursor, ops::Range, sync::Arc};

use anyhow::{Context as _, bail};
use parapet_contracts::{Happening, Timestamp, ports::store::StorePort};

use super::play;
use crate::cli::{client::SiteAddress, stored};

/// Events of one answer, and at most in all.
const PAGE: usize = 10_000;
const MOST: usize = 1_000_000;

/// The events within a time, oldest first.
pub(super) fn events(site: &SiteAddress, within: Range<Timestamp>) -> anyhow::Result<Vec<Happening>> {
    match asked(site, within.clone()) {
        Ok(events) => Ok(events),
        Err(error) => match site.folder() {
            Some(folder) => {
                from_store(folder, within).with_context(|| format!("{error:#}; and in {}", folder.display()))
            }
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

fn from_store(folder: &std::path::Path, within: Range<Timestamp>) -> anyhow::Result<Vec<Happening>> {
    let store = stored::open(folder)?;
    let seen = store.events(None, within.clone(), MOST)?;
    let rows = store.rows(within, MOST)?;
    let mut events: Vec<Happening> = seen.into_iter().map(|event| Happening::Seen(Arc::new(event))).collect();
    events.extend(rows.into_iter().map(|row| Happening::Row(Arc::new(row))));
    events.sort_by_key(Happening::ts);
    Ok(events)
}
