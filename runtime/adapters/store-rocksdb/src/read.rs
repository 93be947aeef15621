//! Reading lists: each is one scan, or one a camera, over a consistent view.

use std::{cmp::Reverse, collections::BinaryHeap, ops::Range};

use parapet_contracts::{
    Alert, AlertUpdate, CameraId, DetectionEvent, ErrorRecord, RuleId, Severity, StreamEvent, Timestamp,
    ports::store::{AlertQuery, ErrorQuery, OutboxEntry, Page, StoreError},
};
use rocksdb::{Direction, IteratorMode, Snapshot};
use serde::{Deserialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    cursor::{self, List},
    db::{Db, Family},
    keys, values,
};

/// What a filter needs of an alert: reading the rest of it would cost more than the filter.
#[derive(Deserialize)]
struct AlertHead {
    camera: Option<CameraId>,
    rule: RuleId,
    severity: Severity,
}

/// Likewise of an error record.
#[derive(Deserialize)]
struct ErrorHead {
    actor: String,
}

impl Db {
    pub(crate) fn alert(&self, id: Uuid) -> Result<Option<Alert>, StoreError> {
        let Some(instant) = self.get(Family::Alerts, &keys::by_id(id))? else { return Ok(None) };
        let key = keys::by_time(&[&instant, id.as_bytes().as_slice()].concat());
        self.get(Family::Alerts, &key)?.map(|value| values::from_json(self, Family::Alerts, &key, &value)).transpose()
    }

    pub(crate) fn alerts(&self, query: &AlertQuery) -> Result<Page<Alert>, StoreError> {
        let filtered = query.camera.is_some() || query.rule.is_some() || query.at_least.is_some();
        let range = PageRange {
            list: List::Alerts,
            family: Family::Alerts,
            since: query.since,
            until: query.until,
            after: query.after.as_deref(),
            limit: query.limit,
        };
        self.page(&range, |key, value| {
            if !filtered {
                return Ok(true);
            }
            let head: AlertHead = values::from_json(self, Family::Alerts, key, value)?;
            Ok(query.camera.as_ref().is_none_or(|camera| head.camera.as_ref() == Some(camera))
                && query.rule.as_ref().is_none_or(|rule| *rule == head.rule)
                && query.at_least.is_none_or(|least| head.severity >= least))
        })
    }

    pub(crate) fn alert_updates(&self, alert: Uuid) -> Result<Vec<AlertUpdate>, StoreError> {
        self.scan(Family::Alerts, keys::alert_updates(alert), usize::MAX)
    }

    pub(crate) fn rows(&self, within: &Range<Timestamp>, limit: usize) -> Result<Vec<StreamEvent>, StoreError> {
        if within.start >= within.end {
            return Ok(Vec::new());
        }
        let place = |ts: Timestamp| keys::row(&keys::tail_from(ts.as_nanosecond()));
        self.scan(Family::Events, (place(within.start), place(within.end)), limit)
    }

    /// The things from the first key up to the second, in order.
    fn scan<T: DeserializeOwned>(
        &self,
        family: Family,
        (lower, upper): (Vec<u8>, Vec<u8>),
        limit: usize,
    ) -> Result<Vec<T>, StoreError> {
        let found =
            self.raw.iterator_cf_opt(self.family(family)?, Self::range(lower, upper), IteratorMode::Start).take(limit);
        found
            .map(|item| {
                let (key, value) = item.map_err(|e| self.failed("reading", &e))?;
                values::from_json(self, family, &key, &value)
            })
            .collect()
    }

    pub(crate) fn kept(&self, key: &str) -> Result<Option<String>, StoreError> {
        let key = keys::kept(key);
        self.get(Family::Kept, &key)?.map(|value| values::from_text(self, Family::Kept, &key, &value)).transpose()
    }

    pub(crate) fn kept_below(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        let (lower, upper) = keys::kept_below(prefix);
        let range = Self::range(lower, upper);
        let found = self.raw.iterator_cf_opt(self.family(Family::Kept)?, range, IteratorMode::Start);
        found
            .map(|item| {
                let (key, value) = item.map_err(|e| self.failed("reading", &e))?;
                let name = keys::kept_in(&key).ok_or_else(|| self.damaged("a key of what is kept is no text"))?;
                Ok((name.to_owned(), values::from_text(self, Family::Kept, &key, &value)?))
            })
            .collect()
    }

    pub(crate) fn errors(&self, query: &ErrorQuery) -> Result<Page<ErrorRecord>, StoreError> {
        let range = PageRange {
            list: List::Errors,
            family: Family::Journal,
            since: query.since,
            until: None,
            after: query.after.as_deref(),
            limit: query.limit,
        };
        self.page(&range, |key, value| {
            let Some(wanted) = &query.actor else { return Ok(true) };
            let head: ErrorHead = values::from_json(self, Family::Journal, key, value)?;
            let rest = head.actor.strip_prefix(wanted.as_str());
            Ok(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        })
    }

    /// Newest first, from the cursor back. One more than asked for is looked for, to know whether there is a next page.
    fn page<T: DeserializeOwned>(
        &self,
        range: &PageRange<'_>,
        wanted: impl Fn(&[u8], &[u8]) -> Result<bool, StoreError>,
    ) -> Result<Page<T>, StoreError> {
        let lower = range
            .since
            .map_or_else(|| keys::by_time(&[]), |since| keys::by_time(&keys::tail_from(since.as_nanosecond())));
        let mut upper =
            range.until.map_or_else(keys::by_time_end, |until| keys::by_time(&keys::tail_from(until.as_nanosecond())));
        if let Some(after) = range.after {
            upper = upper.min(keys::by_time(&cursor::place(range.list, after)?));
        }
        let mut page = Page { items: Vec::new(), next: None };
        if lower >= upper || range.limit == 0 {
            return Ok(page);
        }
        let mut last = None;
        let newest_first =
            self.raw.iterator_cf_opt(self.family(range.family)?, Self::range(lower, upper), IteratorMode::End);
        for item in newest_first {
            let (key, value) = item.map_err(|e| self.failed("reading", &e))?;
            if !wanted(&key, &value)? {
                continue;
            }
            if page.items.len() == range.limit {
                page.next = last.map(|place| cursor::after(range.list, &place));
                break;
            }
            page.items.push(values::from_json(self, range.family, &key, &value)?);
            last = keys::tail_of(&key);
        }
        Ok(page)
    }

    pub(crate) fn events(
        &self,
        camera: Option<&CameraId>,
        within: &Range<Timestamp>,
        limit: usize,
    ) -> Result<Vec<DetectionEvent>, StoreError> {
        if within.start >= within.end {
            return Ok(Vec::new());
        }
        let snapshot = self.raw.snapshot();
        let cameras = match camera {
            Some(camera) => vec![camera.as_str().as_bytes().to_vec()],
            None => self.cameras(&snapshot)?,
        };
        let bounds = keys::tail_from(within.start.as_nanosecond())..keys::tail_from(within.end.as_nanosecond());
        let mut events = Vec::new();
        self.merged(&snapshot, &cameras, &bounds, |key, value| {
            if events.len() == limit {
                return Ok(false);
            }
            events.push(values::from_json(self, Family::Events, key, value)?);
            Ok(true)
        })?;
        Ok(events)
    }

    /// The cameras that have events: one seek each.
    pub(crate) fn cameras(&self, view: &Snapshot<'_>) -> Result<Vec<Vec<u8>>, StoreError> {
        let (lower, upper) = keys::all_events();
        let mut cameras: Vec<Vec<u8>> = Vec::new();
        let mut from = lower.clone();
        loop {
            let mode = IteratorMode::From(&from, Direction::Forward);
            let range = Self::range(lower.clone(), upper.clone());
            let mut found = view.iterator_cf_opt(self.family(Family::Events)?, range, mode);
            let Some(item) = found.next() else { return Ok(cameras) };
            let (key, _) = item.map_err(|e| self.failed("reading", &e))?;
            let camera = keys::camera_in(&key).ok_or_else(|| self.damaged("the key of an event is unreadable"))?;
            from = keys::event_end(camera);
            cameras.push(camera.to_vec());
        }
    }

    /// Events of these cameras with a place within the bounds, oldest first, until the visitor says false.
    pub(crate) fn merged(
        &self,
        view: &Snapshot<'_>,
        cameras: &[Vec<u8>],
        bounds: &Range<[u8; keys::TAIL]>,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let family = self.family(Family::Events)?;
        let mut scans = Vec::with_capacity(cameras.len());
        let mut heap = BinaryHeap::new();
        for (index, camera) in cameras.iter().enumerate() {
            let range = Self::range(keys::event(camera, &bounds.start), keys::event(camera, &bounds.end));
            let mut scan = view.iterator_cf_opt(family, range, IteratorMode::Start);
            if let Some(item) = scan.next() {
                let (key, value) = item.map_err(|e| self.failed("reading", &e))?;
                heap.push(Reverse((keys::tail_of(&key), index, key, value)));
            }
            scans.push(scan);
        }
        while let Some(Reverse((_, index, key, value))) = heap.pop() {
            if !visit(&key, &value)? {
                break;
            }
            if let Some(item) = scans[index].next() {
                let (key, value) = item.map_err(|e| self.failed("reading", &e))?;
                heap.push(Reverse((keys::tail_of(&key), index, key, value)));
            }
        }
        Ok(())
    }

    pub(crate) fn outbox(&self, queue: &str, head: u64, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        // The highest sequence number is never reached: it may be the exclusive end.
        let range = Self::range(keys::entry(queue, head), keys::entry(queue, u64::MAX));
        self.raw
            .iterator_cf_opt(self.family(Family::Outbox)?, range, IteratorMode::Start)
            .take(limit)
            .map(|item| {
                let (key, value) = item.map_err(|e| self.failed("reading", &e))?;
                let sequence =
                    keys::sequence_in(&key).ok_or_else(|| self.damaged("the key of an outbox entry is unreadable"))?;
                Ok(OutboxEntry { sequence, item: values::from_json(self, Family::Outbox, &key, &value)? })
            })
            .collect()
    }
}

/// Which part of a list that is ordered by time.
struct PageRange<'a> {
    list: List,
    family: Family,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    after: Option<&'a str>,
    limit: usize,
}
