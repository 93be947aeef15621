//! `streams/*.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ColumnName, ColumnType, PathText, Text, yes};

/// A stream of things that are no cameras: sensors, machines, door contacts. Rules select from it by the file's name, and join it
/// with what cameras see. Exactly one of `mqtt`, `http` and `file` says where its messages come from; each is a JSON object. A
/// message that does not fit `columns` is refused, counted by reason and told in the error journal.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawStream {
    /// What people call it; the file's name when absent.
    pub name: Option<Text>,
    /// From a topic of the site's bus.
    pub mqtt: Option<RawMqttStream>,
    /// Pushed by others: `POST /api/v1/streams/<id>` with one JSON object, a list of them, or one a line.
    pub http: Option<RawHttpStream>,
    /// From a file that grows, one JSON object a line.
    pub file: Option<RawFileStream>,
    /// The names of its columns and their types: `string`, `integer`, `number`, `boolean`, `time`; `[]` behind a type makes a list of
    /// it, `?` behind it allows the column to be absent. What a message has besides is left out.
    #[schemars(required)]
    pub columns: Option<BTreeMap<ColumnName, ColumnType>>,
    /// The column that says when it happened: of type `time` (RFC 3339, or milliseconds since 1970). When absent, the time at which the
    /// message comes in.
    #[schemars(extend("examples" = ["at"]))]
    pub timestamp: Option<Text>,
    /// The column by which things are told apart, such as the id of a door. The last message of each is then a table, too, called
    /// `<id>_latest`: a rule can look up in it how things are now.
    #[schemars(extend("examples" = ["door"]))]
    pub key: Option<Text>,
    /// `false` keeps the file and takes nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A topic of the site's bus.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMqttStream {
    /// The topic, or a filter: `+` stands for one level, `#` for all that follow. `meta(topic)` in a rule is that of the message.
    #[schemars(extend("examples" = ["site/doors/+"]))]
    #[schemars(required)]
    pub topic: Option<Text>,
}

/// Pushed by others. It has no keys: `http: {}`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawHttpStream {}

/// A file that grows.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFileStream {
    /// The file. It lies below the site's folder or one of `media`; it need not be there yet.
    #[schemars(extend("examples" = ["data/machines.jsonl"]))]
    #[schemars(required)]
    pub path: Option<PathText>,
    /// Where to begin the first time. Later it goes on where it was.
    #[serde(default)]
    pub from: RawFrom,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawFrom {
    /// With what comes from now on.
    #[default]
    End,
    /// With what is in it.
    Beginning,
}
