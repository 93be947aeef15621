//! From bytes to messages that fit the stream's columns. Pure.

use std::sync::Arc;

use parapet_config::{Stream, columns};
use parapet_contracts::{SiteId, StreamEvent, Timestamp};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A message is at most this long, in bytes.
pub const LONGEST_MESSAGE: usize = 1 << 20;
/// Objects in one message at most.
const MOST: usize = 10_000;

/// Why a message was refused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// Which of several, from 0.
    pub index: usize,
    /// A stable word for metrics: `no_json`, `no_object`, `missing_column`, `wrong_type`, `too_long`, `too_many`.
    pub reason: &'static str,
    /// What is wrong, for people. It quotes no value.
    pub text: String,
}

/// What became of the objects of a message.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) events: Vec<Arc<StreamEvent>>,
    pub(super) refused: Vec<Refusal>,
}

/// Reads one object, or a list of them; with `lines`, one a line.
pub(super) fn read(
    stream: &Stream,
    site: &SiteId,
    message: &[u8],
    topic: Option<&str>,
    now: Timestamp,
    lines: bool,
) -> Taken {
    let mut taken = Taken::default();
    let refuse = |index, reason, text: String| Refusal { index, reason, text };
    if message.len() > LONGEST_MESSAGE {
        let text = format!("the message has {} bytes; at most {LONGEST_MESSAGE} are taken", message.len());
        taken.refused.push(refuse(0, "too_long", text));
        return taken;
    }
    let parts: Vec<&[u8]> = if lines {
        message.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect()
    } else {
        vec![message]
    };
    let mut objects: Vec<Result<Value, String>> = Vec::new();
    for part in parts.into_iter().take(MOST + 1) {
        match serde_json::from_slice::<Value>(part) {
            Ok(Value::Array(items)) => objects.extend(items.into_iter().map(Ok)),
            Ok(other) => objects.push(Ok(other)),
            Err(error) => objects.push(Err(error.to_string())),
        }
    }
    for (index, object) in objects.into_iter().enumerate() {
        if index >= MOST {
            let text = format!("the message holds more than {MOST} objects; the rest is left out");
            taken.refused.push(refuse(index, "too_many", text));
            break;
        }
        match object {
            Ok(Value::Object(object)) => match event(stream, site, &object, topic, now) {
                Ok(event) => taken.events.push(Arc::new(event)),
                Err(misfit) => taken.refused.push(refuse(index, misfit.code, misfit.text)),
            },
            Ok(_) => taken.refused.push(refuse(index, "no_object", "a JSON object is expected".to_owned())),
            Err(error) => taken.refused.push(refuse(index, "no_json", format!("this is no JSON: {error}"))),
        }
    }
    taken
}

fn event(
    stream: &Stream,
    site: &SiteId,
    object: &Map<String, Value>,
    topic: Option<&str>,
    now: Timestamp,
) -> Result<StreamEvent, columns::Misfit> {
    let data = columns::fit(&stream.columns, object)?;
    let own = stream.timestamp.as_ref().and_then(|name| data.get(name)).and_then(Value::as_str);
    let ts = own.and_then(|text| text.parse().ok()).unwrap_or(now);
    let topic = topic.map(str::to_owned);
    Ok(StreamEvent { id: Uuid::now_v7(), site: site.clone(), stream: stream.id.clone(), ts, topic, data })
}
