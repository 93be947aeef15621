//! The bus port over MQTT 5, and the broker that a small site embeds.
//!
//! [`MqttBus`] promises:
//! - It never fails because the broker is away: it connects in the background, for ever, with a jittered backoff.
//! - An acknowledged publish returns only with the broker's answer to that very message, or with an error as soon as the
//!   connection is gone. Nothing is sent again behind the caller's back: the outbox owns delivery.
//! - What it holds is bounded: messages in flight, messages in its queues, and what a slow subscriber may lag behind.
//! - What the broker says that it takes is respected: sizes, messages in flight, aliases, and what it lacks.
//! - A session lasts as long as the bus: with `session_expiry`, what is published for its subscriptions while the connection is away comes
//!   when it is back. What is published by the bus never relies on it.
//! - The last will is sent by the broker when the process vanishes, and not after [`close`](MqttBus::close).
//!
//! ```text
//! publish_acknowledged ──waits──▶ in flight (settings.in_flight) ──▶ PUBACK: success, refused, or connection lost
//! publish_unacknowledged ──fails when full──▶ queue (1,024) ──▶ socket
//! ```
//!
//! With the feature `embedded-broker` there is also [`EmbeddedBroker`].

mod aliases;
#[cfg(feature = "embedded-broker")]
mod broker;
mod bus;
mod failure;
mod flight;
mod limits;
mod open;
mod options;
mod packet;
mod sat;
mod session;
mod settings;
mod subscription;
mod tls;
mod worker;

#[cfg(feature = "embedded-broker")]
pub use broker::{
    BrokerSettings, EmbeddedBroker, EmbeddedUser, NoHash, Password, PasswordHash, Permissions, ServerTls,
};
pub use bus::MqttBus;
pub use settings::{Backoff, BusSettings, TlsSettings};
pub use subscription::{ReceivedMessage, Subscription};
