//! How a rule runs, and what it tells of itself.

use serde::{Deserialize, Serialize};

use crate::functions::analytic::DEFAULT_PARTITIONS;
use crate::value::Zone;

/// How a rule runs.
#[derive(Debug, Clone)]
pub struct RuleOptions {
    /// The rule's id, as `rule_id()` gives it.
    pub rule_id: String,
    /// Whether windows go by the times of events, and not by the clock.
    pub event_time: bool,
    /// How much later than others an event may come, in milliseconds; later ones are dropped and counted.
    pub late_tolerance: i64,
    /// A stream that is silent for so many milliseconds no longer holds the watermark up.
    pub idle_timeout: Option<i64>,
    /// Whether errors of rows are put out, and not only counted.
    pub send_error: bool,
    /// Whether fields that are null are put out.
    pub send_null: bool,
    /// Whether windows without rows are put out.
    pub emit_empty: bool,
    /// The zone of windows' natural times, and of times written without a zone.
    pub zone: Zone,
    /// How many rows a window may hold; beyond, the oldest are dropped and counted.
    pub max_rows: usize,
    /// How many groups a window may have; beyond, rows of new groups are refused and counted, and those that are there
    /// stay exact.
    pub max_groups: usize,
    /// How many partitions an analytic call or a state window remembers; beyond, the oldest are forgotten and counted.
    pub max_partitions: usize,
    /// How many emissions wait to be taken; beyond, the oldest are dropped and counted.
    pub max_emissions: usize,
}

impl Default for RuleOptions {
    fn default() -> Self {
        Self {
            rule_id: String::from("rule"),
            event_time: false,
            late_tolerance: 1_000,
            idle_timeout: Some(30_000),
            send_error: true,
            send_null: false,
            emit_empty: false,
            zone: Zone::UTC,
            max_rows: 1_000_000,
            max_groups: 100_000,
            max_partitions: DEFAULT_PARTITIONS,
            max_emissions: 100_000,
        }
    }
}

/// What a rule has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Events that came.
    pub events_in: u64,
    /// Rows for which WHERE held, or that a window passed on.
    pub matched: u64,
    /// Emissions with rows.
    pub emissions: u64,
    /// Rows put out.
    pub rows_out: u64,
    /// Rows or windows that failed.
    pub errors: u64,
    /// Events dropped because they were late.
    pub late: u64,
    /// Events dropped because no source of the rule is called so.
    pub dropped_unknown: u64,
    /// Events refused because they do not fit the declared columns or lack their time.
    pub dropped_invalid: u64,
    /// Rows dropped because a window, a table or the wait for late events was full.
    pub dropped_rows: u64,
    /// Rows refused because their window had too many groups already.
    #[serde(default)]
    pub refused_groups: u64,
    /// Windows passed over because the time jumped over more than 10,000 of them at once.
    pub skipped_windows: u64,
    /// Values that `acc_collect` and its like forgot because they held too many.
    pub dropped_values: u64,
    /// Emissions dropped because nobody took them.
    pub dropped_emissions: u64,
    /// Partitions of analytic calls and state windows, and keys of alerts, that were forgotten.
    pub evicted_partitions: u64,
    /// Partial matches of sequences that were given up because there were too many.
    #[serde(default)]
    pub dropped_matches: u64,
    /// Rows held now.
    pub rows_held: usize,
    /// Partitions held now: of analytic calls, of what lasts or is silent, and of partial matches.
    pub partitions_held: usize,
    /// How many bytes the state takes, as an estimate.
    #[serde(default)]
    pub state_bytes: u64,
    /// How far the watermark is behind the clock, in milliseconds.
    pub watermark_lag: Option<i64>,
    /// The last error.
    pub last_error: Option<String>,
}

impl Counters {
    /// What was dropped, by reason: the names are for metrics and do not change.
    pub fn dropped(&self) -> [(&'static str, u64); 9] {
        [
            ("late", self.late),
            ("unknown_stream", self.dropped_unknown),
            ("invalid", self.dropped_invalid),
            ("window_full", self.dropped_rows),
            ("too_many_groups", self.refused_groups),
            ("too_many_partitions", self.evicted_partitions),
            ("collection_full", self.dropped_values),
            ("window_skipped", self.skipped_windows),
            ("not_taken", self.dropped_emissions),
        ]
    }
}
