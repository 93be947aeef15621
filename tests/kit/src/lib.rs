//! What tests need: fakes of the ports, a simulated clock, fault injection.

pub mod bus;
pub mod conformance;
pub mod evidence;
pub mod mosquitto;
pub mod onnx;
pub mod store;

pub use bus::MemoryBus;
pub use evidence::MemoryEvidence;
pub use mosquitto::Mosquitto;
pub use store::MemoryStore;
