//! Where the embedded broker listens: who is let in, and what is told when it can't.

use std::{io, net::SocketAddr, num::NonZeroU16, time::Duration};

use parapet_contracts::{ErrorKind, ports::bus::BusError};
use rmqtt::net::{Builder, Listener};

use super::BrokerSettings;

/// Messages that wait for one subscriber at most.
const LAG: usize = 10_000;
/// Messages of one client that wait for their acknowledgement, in each direction.
const IN_FLIGHT: NonZeroU16 = NonZeroU16::MIN.saturating_add(255);
/// How long a client may take to send its CONNECT packet.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Topics of one client that may have an alias, in each direction.
const ALIASES: u16 = 32;

/// Binds a listener of the broker's.
///
/// # Errors
/// `Fatal` when the address is taken or isn't this machine's.
pub(super) fn bind(settings: &BrokerSettings, listen: SocketAddr) -> Result<(Listener, SocketAddr), BusError> {
    let bound = || {
        let listener = Builder::new()
            .name("embedded")
            .laddr(listen)
            // So that it can start again at once; it does not allow two listeners on one port.
            .reuseaddr(Some(true))
            .nodelay(true)
            .allow_anonymous(settings.users.is_empty())
            .max_packet_size(settings.max_packet_size)
            .max_inflight(IN_FLIGHT)
            .max_mqueue_len(LAG)
            .max_topic_aliases(ALIASES)
            .handshake_timeout(HANDSHAKE)
            // Zero: what is retained stays until it is replaced.
            .message_expiry_interval(Duration::ZERO)
            .bind()?
            .tcp()?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound().map_err(|e: rmqtt::Error| {
        let text = e.to_string();
        why_not_bound(listen, e.downcast_ref::<io::Error>().map(io::Error::kind), &text)
    })
}

/// Nobody from elsewhere gets in without a user.
///
/// # Errors
/// `Fatal` for an address that others reach, without users, and without a word that it shall be so.
pub(super) fn guard(settings: &BrokerSettings) -> Result<(), BusError> {
    let address = settings.listen;
    if address.ip().is_loopback() || !settings.users.is_empty() || settings.anonymous_beyond_loopback {
        return Ok(());
    }
    Err(fatal(format!(
        "the embedded broker would let everybody in at {address}: give it users, or bind it to 127.0.0.1, or say `reach: anybody`"
    )))
}

/// Why there is no listener, and what to do.
pub(super) fn why_not_bound(address: SocketAddr, kind: Option<io::ErrorKind>, error: &str) -> BusError {
    let what = match kind {
        Some(io::ErrorKind::AddrInUse) => format!(
            "the port is in use. Stop what listens there (`ss -ltnp 'sport = :{}'` shows it), choose another port, or use that broker by its address",
            address.port()
        ),
        Some(io::ErrorKind::PermissionDenied) => "ports below 1024 need privileges; choose another port".to_owned(),
        Some(io::ErrorKind::AddrNotAvailable) => "this machine doesn't have that address".to_owned(),
        _ => error.to_owned(),
    };
    fatal(format!("the embedded broker can't listen at {address}: {what}"))
}

/// What ends the start.
pub(super) fn fatal(text: String) -> BusError {
    BusError { kind: ErrorKind::Fatal, code: "refused", text }
}
