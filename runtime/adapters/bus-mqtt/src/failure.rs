//! What goes wrong between a client and its broker, in words that say what to do.

use std::fmt::Display;

use parapet_contracts::{ErrorKind, ports::bus::BusError};
use rumqttc::v5::{
    ConnectionError, StateError,
    mqttbytes::{
        self,
        v5::{ConnectReturnCode, DisconnectReasonCode, PubAck, PubAckReason},
    },
};

/// The broker is away.
pub(crate) fn disconnected(text: String) -> BusError {
    BusError { kind: ErrorKind::Retry, code: "disconnected", text }
}

/// More is waiting than fits.
pub(crate) fn queue_full() -> BusError {
    let text = "the queue to the broker is full: it takes messages slower than they come".to_owned();
    BusError { kind: ErrorKind::Retry, code: "queue_full", text }
}

/// The message will never be taken.
pub(crate) fn refused(text: String) -> BusError {
    BusError { kind: ErrorKind::Reject, code: "refused", text }
}

/// The message is larger than the broker takes.
pub(crate) fn too_large(topic: &str, size: usize, max: u32) -> BusError {
    let text = format!("a packet of {size} bytes for {topic} is larger than the {max} bytes that the broker takes");
    BusError { kind: ErrorKind::Reject, code: "too_large", text }
}

/// The bus was closed by its owner.
pub(crate) fn closed() -> BusError {
    BusError { kind: ErrorKind::Retry, code: "closed", text: "the connection to the broker was closed".to_owned() }
}

/// What a PUBACK says (MQTT 5, 3.4.2.1). The client library reports a refusal as an acknowledgement: the code decides.
pub(crate) fn acknowledged(ack: &PubAck, topic: &str) -> Result<(), BusError> {
    let why = match ack.reason {
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => return Ok(()),
        PubAckReason::NotAuthorized => "not authorised (0x87): allow this user to publish there",
        PubAckReason::TopicNameInvalid => "topic name invalid (0x90)",
        PubAckReason::QuotaExceeded => "quota exceeded (0x97)",
        PubAckReason::PayloadFormatInvalid => "payload format invalid (0x99)",
        PubAckReason::UnspecifiedError => "unspecified error (0x80)",
        PubAckReason::ImplementationSpecificError => "implementation specific error (0x83)",
        // Not about the message, but about its number: another number may do.
        PubAckReason::PacketIdentifierInUse => {
            return Err(disconnected(format!("the broker says that a packet id is in use (0x91), for {topic}")));
        }
    };
    let said = ack.properties.as_ref().and_then(|p| p.reason_string.as_deref()).map(|s| format!(": {s:.200}"));
    Err(refused(format!("the broker refused a message for {topic}: {why}{}", said.unwrap_or_default())))
}

/// What an acknowledgement says whose code the client library doesn't know; it ends the connection for it.
pub(crate) fn unknown_ack_code(error: &ConnectionError) -> Option<u8> {
    match error {
        ConnectionError::MqttState(StateError::Deserialization(mqttbytes::Error::InvalidConnectReturnCode(code))) => {
            Some(*code)
        }
        _ => None,
    }
}

/// True when the broker ended the connection because a packet was too large for it.
pub(crate) fn is_packet_too_large(error: &ConnectionError) -> bool {
    matches!(
        error,
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code: DisconnectReasonCode::PacketTooLarge,
            ..
        })
    )
}

/// Why there is no connection, and what to do.
pub(crate) fn connection(address: &impl Display, error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => {
            let what = match code {
                ConnectReturnCode::BadUserNamePassword => "wrong user name or password: check the bus's credentials",
                ConnectReturnCode::NotAuthorized => {
                    "not authorised: check the bus's user name and password, and what the broker allows that user"
                }
                ConnectReturnCode::BadAuthenticationMethod => "it wants another way of authentication",
                ConnectReturnCode::UnsupportedProtocolVersion | ConnectReturnCode::RefusedProtocolVersion => {
                    "it doesn't speak MQTT 5: use a broker that does"
                }
                ConnectReturnCode::ClientIdentifierNotValid | ConnectReturnCode::BadClientId => {
                    "it doesn't take this client id"
                }
                ConnectReturnCode::RetainNotSupported => "it keeps no retained messages, which the last will asks for",
                ConnectReturnCode::QoSNotSupported => "it doesn't support QoS 1, which the last will asks for",
                ConnectReturnCode::Banned => "this client is banned",
                ConnectReturnCode::PacketTooLarge => "the CONNECT packet, with its last will, is too large",
                _ => return format!("the broker {address} refused the connection: {code:?}"),
            };
            format!("the broker {address} refused the connection: {what}")
        }
        ConnectionError::Timeout(_) => {
            format!(
                "the broker {address} did not answer in time: check the address, and whether TLS is on at both ends"
            )
        }
        ConnectionError::Io(e) => format!("no connection to the broker {address}: {e}"),
        ConnectionError::Tls(e) => format!("no TLS connection to the broker {address}: {e}"),
        ConnectionError::NotConnAck(_) => {
            format!("the broker {address} answered with something else than an acknowledgement of the connection")
        }
        ConnectionError::RequestsDone => format!("the connection to the broker {address} was dropped"),
        ConnectionError::MqttState(state) => match state {
            StateError::ServerDisconnect { reason_code: DisconnectReasonCode::SessionTakenOver, .. } => format!(
                "the broker {address} ended the connection: another client connected with the same client id; give each its own"
            ),
            StateError::ServerDisconnect { reason_code, reason_string } => format!(
                "the broker {address} ended the connection: {reason_code:?}{}",
                reason_string.as_deref().map(|s| format!(", {s:.200}")).unwrap_or_default()
            ),
            StateError::AwaitPingResp => format!("the broker {address} stopped answering"),
            StateError::ConnectionAborted => format!(
                "the broker {address} closed the connection without a reason (before it accepted a client: often wrong credentials, or TLS expected)"
            ),
            other => format!("the connection to the broker {address} broke: {other}"),
        },
    }
}
