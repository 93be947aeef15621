//! What a stream of other things than cameras brings: sensors, machines, door contacts.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{SiteId, StreamId, Timestamp};

/// One message of a stream that a file in `streams/` declares, once it was found to fit the schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamEvent {
    /// UUIDv7; the CloudEvent's id.
    pub id: Uuid,
    /// The site.
    pub site: SiteId,
    /// The stream.
    pub stream: StreamId,
    /// When it happened: by the message's own time, or else when it came in.
    pub ts: Timestamp,
    /// The MQTT topic that it came on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The declared columns. A time is RFC 3339 text in UTC.
    pub data: Map<String, Value>,
}
