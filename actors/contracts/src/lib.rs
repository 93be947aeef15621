//! What the actors of a site agree on: ids, pictures, frames, events, alerts, errors, and the ports to the world outside.
//!
//! This crate promises to stay free of actors and of I/O: an adapter implements a port and never sees an actor; an actor
//! is tested with a fake of the port and never links GStreamer, ONNX Runtime or RocksDB.

pub mod alert;
pub mod attribute;
pub mod audit;
pub mod camera;
pub mod chain;
pub mod clock;
pub mod cloudevent;
pub mod device;
pub mod envelope;
mod error;
pub mod event;
pub mod frame;
pub mod geometry;
pub mod happening;
mod hex;
pub mod hold;
pub mod ids;
pub mod outgoing;
pub mod picture;
pub mod ports;
pub mod region;
pub mod secret;
pub mod silence;
pub mod stats;
pub mod status;
pub mod stream;
pub mod topics;

pub use alert::{Alert, AlertChange, AlertDraft, AlertUpdate, EvidenceRef, Severity};
pub use attribute::{Attribute, Attributes, Step, UpdateOf};
pub use clock::{Clock, SystemClock};
pub use error::{ErrorKind, ErrorRecord, root_cause};
pub use event::{DetectionEvent, EndedTrack, Object, Track};
pub use frame::{CaptureTime, Frame, MainView, TimeSource};
pub use geometry::{BBox, Polygon, Segment, Side};
pub use happening::Happening;
pub use hex::hex;
pub use hold::{Hold, Selection};
pub use ids::{CameraId, ModelId, RuleId, SiteId, StreamId, TableId, UploaderId};
pub use outgoing::{ErrorEvent, EvidenceEvent};
pub use picture::{Picture, PixelFormat};
pub use region::Region;
pub use secret::Secret;
pub use silence::Silence;
pub use stream::StreamEvent;

/// An instant in UTC with nanosecond precision.
pub type Timestamp = jiff::Timestamp;
