//! `from: beginning`: what the store still has goes into the outboxes of a new uploader, before anything newer does.
//!
//! It promises: while it is at work nothing else is put into these outboxes, so order holds; what comes in the moment in which it ends comes
//! twice rather than never; once it is done it is never done again, until the uploader is purged. Killed in between, it begins anew: what it had put
//! there already comes twice, too. What actions of rules name alone is not known afterwards, and is left out.

use std::{collections::BTreeSet, sync::Arc};

use parapet_config::{UploadKind, Uploader};
use parapet_contracts::{
    SiteId, Timestamp, UploaderId,
    ports::store::{AlertQuery, ErrorQuery, StoreError, StorePort},
};
use uuid::Uuid;

use crate::{
    outboxes::{BUS, Entries, Outboxes},
    store::StoreHandle,
};

/// Alerts, events or failures that are read at once.
const CHUNK: usize = 500;
/// Things may be stored this much later than they say that they were made.
const MARGIN: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// Where it is kept that an uploader has begun.
pub fn begun_key(uploader: &UploaderId) -> String {
    format!("{BEGUN}{uploader}")
}

/// What those keys begin with.
pub const BEGUN: &str = "uploader/";

/// Gives a new uploader what the store still has.
#[derive(Clone)]
pub struct Backfill {
    /// The uploader.
    pub uploader: Arc<Uploader>,
    /// Its site.
    pub site: SiteId,
    /// The site's outboxes, which leave this uploader out until it has begun.
    pub outboxes: Arc<Outboxes>,
    /// The store.
    pub store: StoreHandle,
}

impl Backfill {
    /// Does so, unless it was done before or is not asked for.
    ///
    /// # Errors
    /// When the store can't be read, or has stopped.
    pub async fn run(&self) -> Result<(), String> {
        if !self.outboxes.waits(&self.uploader.id) {
            return Ok(());
        }
        let mut own = Uploader::clone(&self.uploader);
        own.from_beginning = false;
        let own = Outboxes::new(&[(own.id.clone(), Arc::new(own))].into());
        let began = Timestamp::now();
        let mut count = self.pass(&own, None).await?;
        self.outboxes.begin(&self.uploader.id);
        // What was decided on just before is in the store by now, or comes through the outboxes.
        count += self.pass(&own, began.checked_sub(MARGIN).ok()).await?;
        tracing::info!(uploader = %self.uploader.id, count, "begins with what the store still has");
        self.store
            .keep(begun_key(&self.uploader.id), Some("{\"v\":1}".to_owned()))
            .await
            .map_err(|error| error.to_string())
    }

    async fn pass(&self, own: &Outboxes, since: Option<Timestamp>) -> Result<usize, String> {
        let sends = |kinds: &[UploadKind]| self.uploader.what.iter().any(|kind| kinds.contains(kind));
        let mut count = 0;
        if sends(&[UploadKind::Alerts, UploadKind::Evidence]) {
            count += self.alerts(own, since).await?;
        }
        if sends(&[UploadKind::Events]) {
            count += self.events(own, since).await?;
        }
        if sends(&[UploadKind::Journal]) {
            count += self.failures(own, since).await?;
        }
        Ok(count)
    }

    /// Alerts, oldest first, each followed by what became of it. The store gives the newest first: its pages are read backwards.
    async fn alerts(&self, own: &Outboxes, since: Option<Timestamp>) -> Result<usize, String> {
        let query = move |after: Option<String>| AlertQuery { since, after, limit: CHUNK, ..AlertQuery::default() };
        let mut cursors = vec![None];
        while let Some(last) = cursors.last().cloned() {
            match self.read(move |store| store.alerts(&query(last)).map(|page| page.next)).await? {
                Some(next) => cursors.push(Some(next)),
                None => break,
            }
        }
        let mut count = 0;
        for cursor in cursors.into_iter().rev() {
            let read = move |store: &dyn StorePort| {
                let page = store.alerts(&query(cursor))?;
                let told = page.items.into_iter().rev().map(|alert| {
                    let updates = store.alert_updates(alert.id)?;
                    Ok((alert, updates))
                });
                told.collect::<Result<Vec<_>, StoreError>>()
            };
            let mut entries = Entries::new();
            for (alert, updates) in self.read(read).await? {
                entries.extend(own.for_alert(&alert, &[]).map_err(|error| no_json(&error))?);
                for update in updates {
                    entries.extend(own.for_update(&update, &[]).map_err(|error| no_json(&error))?);
                }
            }
            count += self.append(entries).await?;
        }
        Ok(count)
    }

    /// Detection events, oldest first.
    async fn events(&self, own: &Outboxes, since: Option<Timestamp>) -> Result<usize, String> {
        let (mut from, mut count) = (since.unwrap_or(Timestamp::UNIX_EPOCH), 0);
        // A camera's clock may be ahead of the site's.
        let end = Timestamp::now().checked_add(jiff::SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX);
        // Those of the last moment of a part come again with the next.
        let mut seen: BTreeSet<Uuid> = BTreeSet::new();
        let mut limit = CHUNK;
        loop {
            let events = self.read(move |store| store.events(None, from..end, limit)).await?;
            let (full, last) = (events.len() == limit, events.last().map(|event| event.ts));
            let mut entries = Entries::new();
            for event in events.iter().filter(|event| !seen.contains(&event.id)) {
                entries.extend(own.for_event(event).map_err(|error| no_json(&error))?);
            }
            count += self.append(entries).await?;
            let Some(last) = last.filter(|_| full) else { return Ok(count) };
            // When one moment fills a whole part, more is read at once.
            limit = if last == from { limit * 2 } else { CHUNK };
            seen = events.iter().filter(|event| event.ts == last).map(|event| event.id).collect();
            from = last;
        }
    }

    /// Failures, as they are now, in the order in which they began.
    async fn failures(&self, own: &Outboxes, since: Option<Timestamp>) -> Result<usize, String> {
        let (mut records, mut after) = (Vec::new(), None);
        loop {
            let query = ErrorQuery { since, after, limit: CHUNK, ..ErrorQuery::default() };
            let page = self.read(move |store| store.errors(&query)).await?;
            records.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        records.sort_by_key(|record| record.first);
        let mut entries = Entries::new();
        for record in records {
            entries.extend(own.for_failure(&self.site, record).map_err(|error| no_json(&error))?);
        }
        self.append(entries).await
    }

    async fn append(&self, mut entries: Entries) -> Result<usize, String> {
        entries.retain(|(queue, _)| queue != BUS);
        let count = entries.len();
        if count > 0 {
            self.store.append(Vec::new(), entries).await.map_err(|error| error.to_string())?;
        }
        Ok(count)
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn StorePort) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, String> {
        let port = Arc::clone(self.store.port());
        match tokio::task::spawn_blocking(move || read(port.as_ref())).await {
            Ok(result) => result.map_err(|error| error.text),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

fn no_json(error: &serde_json::Error) -> String {
    format!("something in the store is no JSON: {error}")
}
