//! Kubernetes service account tokens: MQTT 5 enhanced authentication with the method `K8S-SAT`, which the broker of Azure IoT
//! Operations asks for.
//!
//! The token goes out in CONNECT. When its file is replaced, the new one goes out in an AUTH packet on the same connection (MQTT 5, 4.12.1), so
//! that nothing that is in flight is disturbed. rumqttc can neither send nor read that packet, so such a connection goes through a [`Link`]:
//!
//! ```text
//! rumqttc ──socket within the process──▶ link ──TCP, TLS──▶ broker
//!                                         │ ▲
//!                       AUTH is taken out ▼ │ AUTH is put in, between packets
//!                                        token file
//! ```
//! Why not another client: `docs/decisions/0015-service-account-tokens.md`.

mod frames;
mod link;
mod packet;
mod token;

pub(crate) use link::Link;
pub(crate) use packet::METHOD;
pub(crate) use token::read;
