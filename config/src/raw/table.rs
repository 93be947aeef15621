//! `tables/*.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ColumnName, ColumnType, PathText};

/// A table in which rules look things up, by the file's name: who a badge belongs to, which machine stands where. A change of its
/// file is taken in while the site runs, and no rule loses its state by it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTable {
    /// Its rows: `.csv` with a line of names first, `.json` with a list of objects, or `.jsonl` with one object a line. At most 16 MiB
    /// and 100,000 rows.
    #[schemars(extend("examples" = ["tables/badges.csv"]))]
    #[schemars(required)]
    pub file: Option<PathText>,
    /// The names of its columns and their types, as in `streams/*.yaml`. A column of the file that is not named here is left out.
    #[schemars(required)]
    pub columns: Option<BTreeMap<ColumnName, ColumnType>>,
}
