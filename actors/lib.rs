//! The actors of a site, and the one place where they are wired together: [`topology`].

pub mod bus;
pub mod camera;
pub mod cascade;
mod children;
pub mod clip;
pub mod evidence;
pub mod fanout;
pub mod handoff;
pub mod journal;
pub mod live;
pub mod model;
pub mod observation;
pub mod outboxes;
pub mod ports;
pub mod recording;
mod routes;
pub mod rule;
pub mod site;
pub mod store;
pub mod stream;
pub mod topology;
pub mod uploader;
pub mod worker;

pub use children::edge_worker;
