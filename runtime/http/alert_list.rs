//! The list of alerts: each with what became of it, by filters that the store knows and by those that look into the alert.
//!
//! It promises: a page looks at [`MOST_LOOKED_AT`] alerts at most, so no filter holds the store up; a page that is not full and has a `next`
//! goes on there.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use parapet_actors::evidence::evidence_of;
use parapet_contracts::{
    Alert, AlertChange, AlertUpdate, CameraId, RuleId, Severity, Timestamp,
    ports::store::{AlertQuery, Page, StoreError, StorePort},
};
use serde::{Deserialize, Serialize};

use super::{
    AppState,
    alerts::{limit, query},
    error::Problem,
    site::read,
};

/// Alerts that a page looks at, whatever it finds.
const MOST_LOOKED_AT: usize = 2_000;

/// Which alerts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertFilter {
    camera: Option<CameraId>,
    rule: Option<RuleId>,
    /// At least this severe, when it was raised.
    severity: Option<Severity>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Only those in this state.
    state: Option<AlertState>,
    /// Only those with an object of this label.
    label: Option<String>,
    /// Only those that have all these words, in whatever case, in their texts, their labels or their names.
    q: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// How far an alert has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// Nobody has taken notice, and it may go on.
    Raised,
    /// Somebody has taken notice.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl AlertState {
    /// The furthest that these records tell of.
    pub fn of(updates: &[AlertUpdate]) -> Self {
        let has = |change| updates.iter().any(|update| update.change == change);
        match (has(AlertChange::Resolved), has(AlertChange::Acknowledged)) {
            (true, _) => Self::Resolved,
            (false, true) => Self::Acknowledged,
            (false, false) => Self::Raised,
        }
    }
}

/// An alert, and what became of it in short.
#[derive(Debug, Serialize)]
pub struct Entry {
    #[serde(flatten)]
    alert: Alert,
    state: AlertState,
    /// How bad it is by now; `severity` is how bad it was when it was raised.
    severity_now: Severity,
    /// Whether somebody has acknowledged it, also when it is over by now.
    acknowledged: bool,
    /// Who has, as they said.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_by: Option<String>,
    /// Whether its picture is there: it may have been removed.
    picture: bool,
    /// Whether there is a clip of it.
    clip: bool,
}

impl Entry {
    fn new(alert: Alert, updates: &[AlertUpdate]) -> Self {
        let own = alert.evidence.as_ref().map(|picture| picture.path.as_str());
        let there =
            evidence_of(&alert, updates).filter(|(_, gone)| gone.is_none()).map(|(file, _)| own == Some(&*file.path));
        let (picture, clip) =
            there.fold((false, false), |(picture, clip), is_own| (picture || is_own, clip || !is_own));
        let acknowledgement = updates.iter().find(|update| update.change == AlertChange::Acknowledged);
        Self {
            state: AlertState::of(updates),
            severity_now: updates.last().map_or(alert.severity, |update| update.severity),
            acknowledged: acknowledgement.is_some(),
            acknowledged_by: acknowledgement.and_then(|update| update.by.clone()),
            picture,
            clip,
            alert,
        }
    }
}

/// What the store does not filter by.
#[derive(Debug, Default)]
struct Content {
    state: Option<AlertState>,
    label: Option<String>,
    words: Vec<String>,
}

impl Content {
    fn fits(&self, entry: &Entry) -> bool {
        let alert = &entry.alert;
        self.state.is_none_or(|state| state == entry.state)
            && self.label.as_ref().is_none_or(|label| alert.objects.iter().any(|object| object.label == *label))
            && self.words.iter().all(|word| texts(alert).any(|text| text.to_lowercase().contains(word)))
    }
}

fn texts(alert: &Alert) -> impl Iterator<Item = &str> {
    let camera = alert.camera.as_ref().map(CameraId::as_str);
    let texts = [Some(alert.message.as_str()), alert.title.as_deref(), alert.key.as_deref(), camera];
    texts
        .into_iter()
        .flatten()
        .chain([alert.rule.as_str()])
        .chain(alert.objects.iter().map(|object| object.label.as_str()))
}

/// `GET /api/v1/alerts`: newest first; `next` of the answer is the next page's `after`.
pub async fn list(
    State(state): State<AppState>,
    filter: Result<Query<AlertFilter>, QueryRejection>,
) -> Result<Json<Page<Entry>>, Problem> {
    let AlertFilter { camera, rule, severity, since, until, state: wanted, label, q, after, limit: most } =
        query(filter)?;
    let content = Content {
        state: wanted,
        label,
        words: q.unwrap_or_default().split_whitespace().map(str::to_lowercase).collect(),
    };
    let query = AlertQuery { camera, rule, at_least: severity, since, until, after, limit: limit(most)? };
    read(&state, move |store| find(store, query, &content)).await.map(Json)
}

fn find(store: &dyn StorePort, mut query: AlertQuery, content: &Content) -> Result<Page<Entry>, StoreError> {
    let (wanted, mut looked_at, mut items) = (query.limit, 0, Vec::new());
    loop {
        // Never more than are still wanted: a cursor stands behind a page of the store, not within one.
        query.limit = wanted - items.len();
        let page = store.alerts(&query)?;
        for alert in page.items {
            looked_at += 1;
            let entry = Entry::new(alert.clone(), &store.alert_updates(alert.id)?);
            items.extend(content.fits(&entry).then_some(entry));
        }
        query.after = page.next;
        if query.after.is_none() || items.len() == wanted || looked_at >= MOST_LOOKED_AT {
            return Ok(Page { items, next: query.after });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parapet_contracts::ports::store::{Batch, Write};
    use parapet_testkit::MemoryStore;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn alert(number: u32, label: &str) -> Alert {
        let at = format!("2026-11-25T08:{:02}:00Z", number);
        serde_json::from_value(json!({
            "id": Uuid::from_u128(u128::from(number)), "site": "yard", "camera": "gate", "rule": "intruder",
            "severity": "warning", "message": format!("{label} number {number} at Gate"), "ts": at, "ts_source": "pts",
            "since": at, "raised_at": at, "event": Uuid::nil(), "width": 64, "height": 48,
            "objects": [{"label": label, "class": 0, "score": 0.9, "box": [0.0, 0.0, 10.0, 10.0]}],
        }))
        .unwrap()
    }

    fn update(number: u32, change: &str) -> AlertUpdate {
        serde_json::from_value(json!({
            "id": Uuid::now_v7(), "alert": Uuid::from_u128(u128::from(number)), "site": "yard", "rule": "intruder",
            "change": change, "severity": "critical", "by": "ada",
            "ts": "2026-11-25T09:00:00Z", "recorded_at": "2026-11-25T09:00:00Z",
        }))
        .unwrap()
    }

    /// Twenty alerts, every second of a dog; 3 is acknowledged, 4 is resolved.
    fn store() -> MemoryStore {
        let store = MemoryStore::default();
        let alerts = (0..20).map(|n| Write::Alert(alert(n, if n % 2 == 0 { "dog" } else { "person" })));
        let updates = [update(3, "acknowledged"), update(4, "resolved")].map(Write::AlertUpdate);
        let writes = alerts.chain(updates).collect();
        store.commit(&Batch { writes, ..Batch::default() }).unwrap();
        store
    }

    fn ids(page: &Page<Entry>) -> Vec<u128> {
        page.items.iter().map(|entry| entry.alert.id.as_u128()).collect()
    }

    fn all(limit: usize) -> AlertQuery {
        AlertQuery { limit, ..AlertQuery::default() }
    }

    #[test]
    fn pages_of_what_fits_follow_on_one_another_without_a_gap() {
        let (store, dogs) = (store(), Content { label: Some("dog".to_owned()), ..Content::default() });
        let (mut query, mut seen) = (all(3), Vec::new());
        loop {
            let page = find(&store, query.clone(), &dogs).unwrap();
            assert!(page.items.len() <= 3);
            seen.extend(ids(&page));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, [18, 16, 14, 12, 10, 8, 6, 4, 2, 0]);
    }

    #[test]
    fn states_are_told_and_filtered_by() {
        let store = store();
        let by = |state| ids(&find(&store, all(50), &Content { state: Some(state), ..Content::default() }).unwrap());
        assert_eq!(by(AlertState::Acknowledged), [3]);
        assert_eq!(by(AlertState::Resolved), [4]);
        assert_eq!(by(AlertState::Raised).len(), 18);
        let page = find(&store, all(50), &Content::default()).unwrap();
        let told = serde_json::to_value(&page.items[16]).unwrap();
        assert_eq!((&told["severity"], &told["severity_now"]), (&json!("warning"), &json!("critical")));
        assert_eq!((&told["acknowledged"], &told["acknowledged_by"]), (&json!(true), &json!("ada")));
    }

    #[test]
    fn all_words_must_be_there_in_whatever_case() {
        let store = store();
        let with = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            ids(&find(&store, all(50), &Content { words, ..Content::default() }).unwrap())
        };
        assert_eq!(with(&["number", "dog", "16"]), [16]);
        assert_eq!(with(&["gate", "person"]).len(), 10);
        assert!(with(&["cat"]).is_empty());
    }
}
