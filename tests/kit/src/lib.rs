//! What tests need: fakes of the ports, a simulated clock, fault injection.

pub mod azurite;
pub mod bad_http;
pub mod browser;
pub mod bus;
pub mod camera;
pub mod command;
pub mod conformance;
pub mod entra;
pub mod evidence;
pub mod hostile_rtsp;
pub mod http;
pub mod key_vault;
pub mod lines;
pub mod media;
pub mod mosquitto;
pub mod mot;
pub mod netns;
pub mod onnx;
pub mod pace;
pub mod site;
pub mod smtp;
pub mod store;
pub mod wait;

pub use azurite::Azurite;
pub use bad_http::BadHttp;
pub use bus::MemoryBus;
pub use entra::EntraServer;
pub use evidence::{MemoryClips, MemoryEvidence};
pub use key_vault::KeyVaultServer;
pub use lines::MemoryLines;
pub use media::FakeMedia;
pub use mosquitto::Mosquitto;
pub use site::{RunningSite, SiteFolder, shared_data};
pub use smtp::SmtpServer;
pub use store::MemoryStore;
