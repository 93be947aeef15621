//! What a camera shows now, as a JPEG.
//!
//! It promises: a picture is encoded once for all who ask for it in the same width; only [`AT_ONCE`] are encoded at a time, so that a wall of
//! pictures takes no more than that from what the models need; nothing grows with the number of those who ask.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use parapet_contracts::{CameraId, Frame, Timestamp};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{AppState, alerts::query, error::Problem};

/// Pictures that are encoded at a time.
const AT_ONCE: usize = 1;
/// JPEG quality of what is only looked at.
const QUALITY: u8 = 75;
/// Widths in pixels that are made: what is asked for is rounded up to one of them, so that few are kept.
const WIDTHS: [u32; 4] = [320, 640, 1280, 1920];

/// When the picture was taken.
const CAPTURED: HeaderName = HeaderName::from_static("x-parapet-captured-at");

/// How to show it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotOptions {
    /// At most about so wide, in pixels.
    width: Option<u32>,
}

/// Which picture it is.
type Mark = (Timestamp, u64);
/// Whose picture, and how wide; `None` is the picture's own width.
type Place = (CameraId, Option<u32>);

/// The last picture of each camera in each width.
#[derive(Debug, Clone)]
pub struct Snapshots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    made: Mutex<HashMap<Place, (Mark, Bytes)>>,
    encoding: Semaphore,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self(Arc::new(Shared { made: Mutex::default(), encoding: Semaphore::new(AT_ONCE) }))
    }
}

impl Snapshots {
    /// A turn to make a picture: they are few, so that a wall or a long list of them takes little from what the models need.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.0.encoding.acquire().await.map_err(|_| Problem::unavailable("the site is stopping"))
    }

    fn made(&self, camera: &CameraId, width: Option<u32>, mark: Mark) -> Option<Bytes> {
        let made = self.0.made.lock();
        made.get(&(camera.clone(), width)).filter(|(of, _)| *of == mark).map(|(_, jpeg)| jpeg.clone())
    }

    /// The frame as a JPEG, at most `width` pixels wide.
    async fn of(&self, frame: Frame, width: Option<u32>) -> Result<Bytes, Problem> {
        let mark = mark(&frame);
        if let Some(jpeg) = self.made(&frame.camera, width, mark) {
            return Ok(jpeg);
        }
        let _turn = self.turn().await?;
        // Somebody else has asked for the same meanwhile.
        if let Some(jpeg) = self.made(&frame.camera, width, mark) {
            return Ok(jpeg);
        }
        let camera = frame.camera.clone();
        let encoding =
            move || parapet_evidence_fs::jpeg::encode_within(&frame.best_picture(), width.unwrap_or(u32::MAX), QUALITY);
        let jpeg: Bytes = match tokio::task::spawn_blocking(encoding).await {
            Ok(jpeg) => jpeg?.into(),
            Err(error) => return Err(Problem::internal(format!("encoding the picture: {error}"))),
        };
        self.0.made.lock().insert((camera, width), (mark, jpeg.clone()));
        Ok(jpeg)
    }

    /// Forgets cameras that are no more.
    fn keep(&self, is_there: impl Fn(&CameraId) -> bool) {
        self.0.made.lock().retain(|(camera, _), _| is_there(camera));
    }
}

fn mark(frame: &Frame) -> Mark {
    (frame.capture.at, frame.index)
}

/// The narrowest width that is made and is wide enough; `None` is the picture's own.
fn made_width(wanted: Option<u32>) -> Option<u32> {
    let wanted = wanted?;
    WIDTHS.into_iter().find(|width| *width >= wanted)
}

/// `GET /api/v1/cameras/{id}/snapshot`: the last picture that the camera gave, however old; `x-parapet-captured-at` says when it was taken.
/// With `?width=320` a smaller one. `If-None-Match` spares it while there is no other.
pub async fn snapshot(
    State(state): State<AppState>,
    Path(id): Path<String>,
    options: Result<Query<SnapshotOptions>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let SnapshotOptions { width } = query(options)?;
    let config = state.site.config();
    let no_such = || Problem::not_found(format!("there is no camera {id:?}"));
    let (camera, _) = config.cameras.get_key_value(id.as_str()).ok_or_else(no_such)?;
    let Some(frame) = state.site.links().last_frames.of(camera) else {
        return Err(Problem::not_found(format!("camera {id:?} has not given a picture yet")));
    };
    let width = made_width(width);
    let (at, index) = mark(&frame);
    let tag = format!("\"{}-{index}-{}\"", at.as_nanosecond(), width.unwrap_or_default());
    let told =
        [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "no-cache".to_owned()), (CAPTURED, at.to_string())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, told).into_response());
    }
    state.snapshots.keep(|camera| config.cameras.contains_key(camera));
    let jpeg = state.snapshots.of(frame, width).await?;
    Ok((told, [(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_widths_are_made() {
        assert_eq!(
            [1, 320, 321, 1920, 5000].map(|w| made_width(Some(w))),
            [Some(320), Some(320), Some(640), Some(1920), None]
        );
        assert_eq!(made_width(None), None);
    }
}
