//! What happens, while it does: server-sent events.
//!
//! It promises: what waits for a client is bounded; a client that is too slow is told how much it has missed, and the answer ends, so that it
//! begins anew with what is true then; clients beyond [`MOST_CLIENTS`] are refused; both are counted.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderName, HeaderValue},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::stream::unfold;
use parapet_actors::live::{Gap, Told, Watcher};
use parapet_contracts::{CameraId, Happening, cloudevent::CloudEvent};
use serde::Deserialize;

use super::{AppState, alerts::query, error::Problem};

/// Clients that may watch at once.
pub const MOST_CLIENTS: usize = 1_000;
/// A client hears something at least this often, so that what stands between does not take it for dead.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// How long a client that was sent away waits before it comes back.
const COME_BACK: Duration = Duration::from_secs(2);

/// What a client wants to hear of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Some of `alerts`, `detections`, `status` and `streams`, with commas between; alerts and statuses when absent.
    topics: Option<String>,
    /// Only of this camera, and what is about none.
    camera: Option<CameraId>,
}

/// Which happenings go to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Filter {
    topics: Vec<Topic>,
    camera: Option<CameraId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Alerts,
    Detections,
    Status,
    Streams,
}

impl Topic {
    fn of(happening: &Happening) -> Self {
        match happening {
            Happening::Alert(_) | Happening::AlertUpdate(_) => Self::Alerts,
            Happening::Seen(_) => Self::Detections,
            Happening::Status(_) => Self::Status,
            Happening::Row(_) => Self::Streams,
        }
    }
}

impl Filter {
    fn read(wanted: Wanted) -> Result<Self, Problem> {
        let topic = |word: &str| match word {
            "alerts" => Ok(Topic::Alerts),
            "detections" => Ok(Topic::Detections),
            "status" => Ok(Topic::Status),
            "streams" => Ok(Topic::Streams),
            other => {
                let text = format!("topics={other}: some of alerts, detections, status and streams are expected");
                Err(Problem::bad_request(text))
            }
        };
        let topics = match wanted.topics {
            Some(words) => words.split(',').map(|word| topic(word.trim())).collect::<Result<_, _>>()?,
            None => vec![Topic::Alerts, Topic::Status],
        };
        Ok(Self { topics, camera: wanted.camera })
    }

    fn lets_through(&self, happening: &Happening) -> bool {
        let camera = || match (&self.camera, happening.camera()) {
            (Some(wanted), Some(camera)) => wanted == camera,
            _ => true,
        };
        self.topics.contains(&Topic::of(happening)) && camera()
    }
}

/// Those who watch now; each has one as long as its answer lasts.
#[derive(Debug, Clone, Default)]
pub struct Clients(Arc<AtomicUsize>);

#[derive(Debug)]
struct Client(Arc<AtomicUsize>);

impl Clients {
    fn admit(&self) -> Option<Client> {
        let admitted =
            self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| (now < MOST_CLIENTS).then_some(now + 1));
        admitted.ok().map(|before| {
            metrics::gauge!("parapet_live_clients").set((before + 1) as f64);
            Client(Arc::clone(&self.0))
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let before = self.0.fetch_sub(1, Ordering::AcqRel);
        metrics::gauge!("parapet_live_clients").set(before.saturating_sub(1) as f64);
    }
}

/// How far an answer is.
enum Answer {
    Begins(Watcher, Client),
    GoesOn(Watcher, Client),
    Ends,
}

/// `GET /api/v1/live`: what happens from now on, as server-sent events. The event's name is the kind (`alert`, `alert-update`,
/// `detection`, `status`, `stream`), its data a `CloudEvent`. The first is `hello`; the last one, when a client was too slow, is `missed`.
pub async fn live(
    State(state): State<AppState>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let filter = Filter::read(query(wanted)?)?;
    let Some(client) = state.live.admit() else {
        metrics::counter!("parapet_live_refused_total").increment(1);
        return Err(Problem::unavailable(format!("{MOST_CLIENTS} clients watch already: try again later")));
    };
    let watcher = state.site.links().fanout.live().watch();
    let hello = serde_json::json!({ "site": state.site.config().site.id, "version": env!("CARGO_PKG_VERSION") });
    let events = unfold(Answer::Begins(watcher, client), move |answer| {
        let (filter, hello) = (filter.clone(), hello.to_string());
        async move { step(answer, &filter, hello).await }
    });
    let answer = Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE_EVERY));
    // Proxies such as NGINX would gather it otherwise.
    let at_once = [(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))];
    Ok((at_once, answer).into_response())
}

async fn step(answer: Answer, filter: &Filter, hello: String) -> Option<(Result<Event, Infallible>, Answer)> {
    let (mut watcher, client) = match answer {
        Answer::Begins(watcher, client) => {
            let event = Event::default().event("hello").retry(COME_BACK).data(hello);
            return Some((Ok(event), Answer::GoesOn(watcher, client)));
        }
        Answer::GoesOn(watcher, client) => (watcher, client),
        Answer::Ends => return None,
    };
    loop {
        match watcher.next().await {
            Ok(told) if filter.lets_through(&told.happening) => {
                return Some((Ok(event(&told)), Answer::GoesOn(watcher, client)));
            }
            Ok(_) => {}
            Err(Gap::Missed(count)) => {
                metrics::counter!("parapet_live_dropped_total", "reason" => "too_slow").increment(count);
                let data = serde_json::json!({ "missed": count, "reason": "too_slow" });
                return Some((Ok(Event::default().event("missed").data(data.to_string())), Answer::Ends));
            }
            Err(Gap::Over) => return None,
        }
    }
}

fn event(told: &Told) -> Event {
    let kind = match &told.happening {
        Happening::Alert(_) => "alert",
        Happening::AlertUpdate(_) => "alert-update",
        Happening::Seen(_) => "detection",
        Happening::Status(_) => "status",
        Happening::Row(_) => "stream",
    };
    Event::default().event(kind).id(told.happening.id().to_string()).data(told.text(text))
}

fn text(happening: &Happening) -> String {
    let text = match happening {
        Happening::Alert(alert) => serde_json::to_string(&CloudEvent::alert(alert)),
        Happening::AlertUpdate(update) => serde_json::to_string(&CloudEvent::alert_update(update)),
        Happening::Seen(event) => serde_json::to_string(&CloudEvent::detection(event)),
        Happening::Status(status) => serde_json::to_string(&CloudEvent::status(status)),
        Happening::Row(row) => serde_json::to_string(&CloudEvent::stream(row)),
    };
    // What can't be JSON could not have been stored either.
    text.unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }).to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wanted(topics: Option<&str>, camera: Option<&str>) -> Wanted {
        Wanted { topics: topics.map(str::to_owned), camera: camera.map(|id| CameraId::new(id).unwrap()) }
    }

    #[test]
    fn topics_are_named_and_a_wrong_one_is_told() {
        let filter = Filter::read(wanted(Some("alerts, detections"), None)).unwrap();
        assert_eq!(filter.topics, [Topic::Alerts, Topic::Detections]);
        assert_eq!(Filter::read(wanted(None, None)).unwrap().topics, [Topic::Alerts, Topic::Status]);
        let refused = format!("{:?}", Filter::read(wanted(Some("alerts,cats"), None)).unwrap_err());
        assert!(refused.contains("cats") && refused.contains("detections"), "{refused}");
    }

    #[test]
    fn no_more_clients_are_admitted_than_there_may_be() {
        let clients = Clients::default();
        let mut all: Vec<_> = (0..MOST_CLIENTS).map(|_| clients.admit().unwrap()).collect();
        assert!(clients.admit().is_none());
        all.pop();
        assert!(clients.admit().is_some(), "one has gone");
    }
}
