//! What tests need: fakes of the ports, a simulated clock, fault injection.

pub mod conformance;
pub mod evidence;
pub mod store;

pub use evidence::MemoryEvidence;
pub use store::MemoryStore;
