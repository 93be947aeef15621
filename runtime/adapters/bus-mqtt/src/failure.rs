//! What goes wrong between a client and its broker, in words that say what to do.

use parapet_contracts::{ErrorKind, ports::bus::BusError};
use rumqttc::v5::{
    ConnectionError, StateError,
    mqttbytes::{
        self,
        v5::{ConnectReturnCode, DisconnectReasonCode, PubAck, PubAckReason, SubscribeReasonCode},
    },
};

use crate::BusSettings;

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

/// Why a subscription was not granted (MQTT 5, 3.9.3).
pub(crate) fn subscription(filter: &str, code: SubscribeReasonCode) -> BusError {
    let why = match code {
        SubscribeReasonCode::NotAuthorized => "not authorised (0x87): allow this user to subscribe there",
        SubscribeReasonCode::TopicFilterInvalid => "topic filter invalid (0x8F)",
        SubscribeReasonCode::QuotaExceeded => "quota exceeded (0x97)",
        SubscribeReasonCode::SharedSubscriptionsNotSupported => "it has no shared subscriptions (0x9E)",
        SubscribeReasonCode::WildcardSubscriptionsNotSupported => "it has no wildcards in subscriptions (0xA2)",
        _ => return refused(format!("the broker refused to subscribe `{filter}`: {code:?}")),
    };
    refused(format!("the broker refused to subscribe `{filter}`: {why}"))
}

/// True when the broker asks to be left alone for a while, or nothing will change soon: who comes again at once would be locked out, or
/// throw out another client that comes again at once, too.
pub(crate) fn wants_patience(error: &ConnectionError) -> bool {
    use {ConnectReturnCode as Connect, DisconnectReasonCode as Disconnect};
    match error {
        ConnectionError::ConnectionRefused(code) => matches!(
            code,
            Connect::BadUserNamePassword
                | Connect::NotAuthorized
                | Connect::Banned
                | Connect::BadAuthenticationMethod
                | Connect::ServerBusy
                | Connect::QuotaExceeded
                | Connect::ConnectionRateExceeded
        ),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => matches!(
            reason_code,
            Disconnect::SessionTakenOver
                | Disconnect::ServerBusy
                | Disconnect::QuotaExceeded
                | Disconnect::MessageRateTooHigh
                | Disconnect::ConnectionRateExceeded
        ),
        _ => false,
    }
}

/// Why a connection that the broker had accepted ended. Many brokers hang up without a word when another client takes the id.
pub(crate) fn ended(settings: &BusSettings, error: &ConnectionError) -> String {
    match error {
        ConnectionError::MqttState(StateError::ConnectionAborted) if settings.token_file.is_none() => format!(
            "the broker {} closed the connection without a reason: it went away, or another client connected with the same client id; give each its own",
            settings.address()
        ),
        _ => connection(settings, error),
    }
}

/// Why there is no connection, and what to do.
pub(crate) fn connection(settings: &BusSettings, error: &ConnectionError) -> String {
    let address = settings.address();
    match error {
        ConnectionError::ConnectionRefused(code) => {
            format!("the broker {address} refused the connection: {}", connect_code(settings, *code))
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
            StateError::ServerDisconnect { reason_code, reason_string } => {
                let said = reason_string.as_deref().map(|s| format!(" ({s:.200})")).unwrap_or_default();
                format!("the broker {address} ended the connection: {}{said}", disconnect_code(settings, *reason_code))
            }
            StateError::AwaitPingResp => format!("the broker {address} stopped answering"),
            StateError::ConnectionAborted if settings.token_file.is_some() => format!(
                "the broker {address} closed the connection without a reason: it does so when a service account token has expired"
            ),
            StateError::ConnectionAborted => format!(
                "the broker {address} closed the connection without a reason (before it accepted a client: often wrong credentials, or TLS expected)"
            ),
            other => format!("the connection to the broker {address} broke: {other}"),
        },
    }
}

/// What a CONNACK says that refuses (MQTT 5, 3.2.2.2).
fn connect_code(settings: &BusSettings, code: ConnectReturnCode) -> String {
    let token = settings.token_file.as_ref().map(|file| file.display());
    let what = match (code, token) {
        (ConnectReturnCode::NotAuthorized | ConnectReturnCode::BadUserNamePassword, Some(file)) => {
            return format!(
                "it does not believe the service account token in {file}: check that it has not expired, that its audience is the broker's, and what the broker allows that service account"
            );
        }
        (ConnectReturnCode::BadAuthenticationMethod, Some(_)) => {
            "it knows no service account tokens (K8S-SAT): is it the broker of Azure IoT Operations, with `ServiceAccountToken` among its methods?"
        }
        (ConnectReturnCode::BadUserNamePassword, None) => "wrong user name or password: check the bus's credentials",
        (ConnectReturnCode::NotAuthorized, None) => {
            "not authorised: check the bus's user name and password, and what the broker allows that user"
        }
        (ConnectReturnCode::BadAuthenticationMethod, None) => "it wants another way of authentication",
        (ConnectReturnCode::UnsupportedProtocolVersion | ConnectReturnCode::RefusedProtocolVersion, _) => {
            "it doesn't speak MQTT 5: use a broker that does"
        }
        (ConnectReturnCode::ClientIdentifierNotValid | ConnectReturnCode::BadClientId, _) => {
            "it doesn't take this client id"
        }
        (ConnectReturnCode::RetainNotSupported, _) => "it keeps no retained messages, which the last will asks for",
        (ConnectReturnCode::QoSNotSupported, _) => "it doesn't support QoS 1, which the last will asks for",
        (ConnectReturnCode::Banned, _) => "this client is banned",
        (ConnectReturnCode::PacketTooLarge, _) => "the CONNECT packet, with its last will, is too large",
        (ConnectReturnCode::ServerBusy | ConnectReturnCode::ServerUnavailable, _) => "it is busy, or not ready yet",
        (ConnectReturnCode::QuotaExceeded | ConnectReturnCode::ConnectionRateExceeded, _) => {
            "there were too many connections"
        }
        (ConnectReturnCode::UseAnotherServer | ConnectReturnCode::ServerMoved, _) => {
            "it wants clients to use another broker: give the bus that one's address"
        }
        _ => return format!("{code:?}"),
    };
    what.to_owned()
}

/// What a broker's DISCONNECT says (MQTT 5, 3.14.2.1).
fn disconnect_code(settings: &BusSettings, code: DisconnectReasonCode) -> String {
    let what = match code {
        DisconnectReasonCode::SessionTakenOver => "another client connected with the same client id; give each its own",
        DisconnectReasonCode::NotAuthorized if settings.token_file.is_some() => {
            "it does not believe the service account token any more"
        }
        DisconnectReasonCode::NotAuthorized => "this user is not authorised any more",
        DisconnectReasonCode::ServerShuttingDown => "it shuts down",
        DisconnectReasonCode::ServerBusy => "it is busy",
        DisconnectReasonCode::AdministrativeAction => "somebody at the broker ended it",
        DisconnectReasonCode::KeepAliveTimeout => "it had heard nothing for too long",
        DisconnectReasonCode::UseAnotherServer | DisconnectReasonCode::ServerMoved => {
            "it wants clients to use another broker: give the bus that one's address"
        }
        other => return format!("{other:?}"),
    };
    what.to_owned()
}
