//! What tests need: fakes of the ports, a simulated clock, fault injection.

pub mod azurite;
pub mod bad_http;
pub mod browser;
pub mod bus;
pub mod camera;
pub mod certificates;
pub mod command;
pub mod conformance;
pub mod dice;
pub mod entra;
pub mod evidence;
pub mod hostile_rtsp;
pub mod http;
pub mod k8s_sat;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod key_vault;
pub mod ledger;
pub mod lines;
pub mod media;
pub mod mosquitto;
pub mod mot;
pub mod netns;
pub mod onnx;
pub mod pace;
mod recordings;
mod serving;
pub mod site;
pub mod smtp;
pub mod store;
pub mod wait;
pub mod wire;

pub use azurite::Azurite;
pub use bad_http::BadHttp;
pub use bus::MemoryBus;
pub use dice::Dice;
pub use entra::EntraServer;
pub use evidence::{MemoryClips, MemoryEvidence};
#[cfg(feature = "kafka")]
pub use kafka::{Kafka, KafkaOptions};
pub use key_vault::KeyVaultServer;
pub use ledger::Ledger;
pub use lines::MemoryLines;
pub use media::FakeMedia;
pub use mosquitto::Mosquitto;
pub use recordings::MemoryRecordings;
pub use site::{RunningSite, SiteFolder, shared_data};
pub use smtp::SmtpServer;
pub use store::MemoryStore;
pub use wire::Wire;
