//! A camera's video while it comes, over a WebSocket: as the camera sends it, in pieces that a browser plays. Nothing is decoded or encoded
//! for it, however many watch.
//!
//! It promises: what waits for a viewer is bounded; one that falls behind goes on with the next keyframe, and what it missed is counted; viewers
//! beyond [`MOST_VIEWERS`] are refused.
//!
//! The first message is a text, `{"type": "video/mp4; codecs=…"}`; then come the head and the pieces, as bytes. The last one may be a text again:
//! `{"ended": "why"}`, or `{"again": true}` when the stream has become another one, for which the viewer connects anew.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    body::Bytes,
    extract::{
        Path, State,
        ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use parapet_actors::clip::Viewer;
use parapet_contracts::ports::{
    clip::{ClipPort, LiveFilm},
    media::{EncodedFrame, MediaError},
};
use serde_json::{Value, json};

use super::{AppState, error::Problem};

/// Viewers of all cameras together.
pub const MOST_VIEWERS: usize = 200;
/// A viewer has nothing to say; a longer message ends the connection.
const LONGEST_MESSAGE: usize = 1024;

/// Those who watch now.
#[derive(Debug, Clone, Default)]
pub struct Viewers(Arc<AtomicUsize>);

struct Seat(Arc<AtomicUsize>);

impl Viewers {
    fn admit(&self) -> Option<Seat> {
        let admitted =
            self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| (now < MOST_VIEWERS).then_some(now + 1));
        admitted.ok().map(|before| {
            metrics::gauge!("parapet_video_viewers").set((before + 1) as f64);
            Seat(Arc::clone(&self.0))
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let before = self.0.fetch_sub(1, Ordering::AcqRel);
        metrics::gauge!("parapet_video_viewers").set(before.saturating_sub(1) as f64);
    }
}

/// `GET /api/v1/cameras/{id}/live`: a WebSocket.
pub async fn video(
    State(state): State<AppState>,
    Path(id): Path<String>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let config = state.site.config();
    let no_such = || Problem::not_found(format!("there is no camera {id:?}"));
    let (camera, _) = config.cameras.get_key_value(id.as_str()).ok_or_else(no_such)?;
    let upgrade =
        upgrade.map_err(|error| Problem::bad_request(format!("this is a WebSocket: {}", error.body_text())))?;
    let Some(seat) = state.viewers.admit() else {
        metrics::counter!("parapet_video_refused_total").increment(1);
        return Err(Problem::unavailable(format!("{MOST_VIEWERS} watch already: try again later")));
    };
    let viewer = state.site.links().rings.of(camera).watch();
    let port = Arc::clone(&state.site.links().ports.clips);
    let show = move |socket: WebSocket| async move {
        show(socket, viewer, port).await;
        drop(seat);
    };
    Ok(upgrade.max_message_size(LONGEST_MESSAGE).on_upgrade(show))
}

async fn show(mut socket: WebSocket, viewer: Viewer, port: Arc<dyn ClipPort>) {
    let (mut film, mut viewer) = (Film { port, film: None, waits_for_keyframe: true }, viewer);
    loop {
        let messages = tokio::select! {
            frame = viewer.next() => match frame {
                Ok(frame) => film.messages(&frame),
                Err(missed) => {
                    metrics::counter!("parapet_video_dropped_total", "reason" => "too_slow").increment(missed);
                    film.waits_for_keyframe = true;
                    continue;
                }
            },
            // A viewer says nothing but that it goes.
            said = socket.recv() => match said {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                _ => return,
            },
        };
        let last = messages.is_err();
        for message in messages.unwrap_or_else(|end| vec![text(&end)]) {
            if socket.send(message).await.is_err() {
                return;
            }
        }
        if last {
            return;
        }
    }
}

fn text(value: &Value) -> Message {
    Message::Text(value.to_string().into())
}

/// What a viewer gets of each frame.
struct Film {
    port: Arc<dyn ClipPort>,
    film: Option<Box<dyn LiveFilm>>,
    waits_for_keyframe: bool,
}

impl Film {
    /// The messages of a frame; the error is the last message.
    fn messages(&mut self, frame: &EncodedFrame) -> Result<Vec<Message>, Value> {
        if self.waits_for_keyframe && !frame.keyframe {
            return Ok(Vec::new());
        }
        self.waits_for_keyframe = false;
        let mut messages = Vec::new();
        let film = match &mut self.film {
            Some(film) => film,
            None => {
                let film = self.port.film(frame).map_err(|MediaError { text, .. }| json!({ "ended": text }))?;
                messages.push(text(&json!({ "type": film.media_type() })));
                messages.push(Message::Binary(film.head()));
                self.film.insert(film)
            }
        };
        let piece: Option<Bytes> = film.add(frame).map_err(|_| json!({ "again": true }))?;
        messages.extend(piece.map(Message::Binary));
        Ok(messages)
    }
}
