//! The runtime of a site: the command line, the adapters behind the ports, HTTP, telemetry and signals.

pub mod assemble;
pub mod backups;
pub mod bus;
pub mod capacity;
pub mod cli;
mod demo;
pub mod engine;
mod entra;
pub mod faults;
mod home_assistant;
pub mod http;
pub mod inference;
pub mod kept;
pub mod lines;
pub mod probe;
pub mod process;
pub mod reload;
mod remote;
pub mod secrets;
pub mod sinks;
pub mod telemetry;
pub mod trials;
