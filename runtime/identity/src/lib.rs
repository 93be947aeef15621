//! Who may do what: bearer tokens of an OpenID Connect provider, keys for machines, roles, and the cameras that they cover.
//!
//! What this crate promises:
//! - A token is taken only with a signature of a pinned, asymmetric algorithm by a key that the provider publishes for it, with this
//!   issuer and this audience, and in its time, give or take [`LEEWAY`]. What a token says of keys (`jku`, `x5u`, `jwk`) is never
//!   followed.
//! - The provider's keys are fetched when they are needed: a key that nobody knows costs at most one request a minute, however
//!   many tokens name one. The last good keys stay through an outage, for a time; without any, nobody is let in.
//! - A refusal says what was wrong in words for the log, and never quotes the token.

mod api_key;
mod caller;
mod claims;
mod crypto;
mod discovery;
mod key_ring;
mod keys;
mod refusal;
mod verifier;

pub use api_key::{ApiKey, ApiKeys, hash_of, is_hash, new_key};
pub use caller::{Caller, Cameras, Role, Via};
pub use claims::ClaimPath;
pub use discovery::Discovery;
pub use key_ring::{KeyRing, KeySource};
pub use keys::PublishedKeys;
pub use refusal::Refusal;
pub use verifier::{LEEWAY, OidcSettings, Verifier};
