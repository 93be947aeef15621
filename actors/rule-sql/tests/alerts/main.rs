//! The clauses that make alerts: how long something holds, what follows what, who is silent; and the rules that users of
//! camera systems ask for.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod holds;
mod refused;
mod resumed;
mod sequences;
mod silence;
mod site;
mod ten_rules;
mod times_of_day;
