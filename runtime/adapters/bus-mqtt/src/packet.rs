//! A message as an MQTT 5 PUBLISH packet: is it valid, how large is it, what does it carry.

use parapet_contracts::ports::bus::{BusError, BusMessage};
use rumqttc::v5::mqttbytes::v5::PublishProperties;

use crate::failure;

/// What a topic's alias adds to a packet, in bytes.
pub(crate) const ALIAS: usize = 3;

/// The properties of each publish: the content type, and that the payload is UTF-8 when it is JSON.
pub(crate) fn properties(message: &BusMessage) -> PublishProperties {
    PublishProperties {
        content_type: (!message.content_type.is_empty()).then(|| message.content_type.to_owned()),
        payload_format_indicator: is_text(message.content_type).then_some(1),
        ..PublishProperties::default()
    }
}

fn is_text(content_type: &str) -> bool {
    content_type.ends_with("json") || content_type.starts_with("text/")
}

/// The size of the packet with QoS 1, in bytes: fixed header, topic, packet id, properties, payload (MQTT 5, 3.3).
pub(crate) fn size(message: &BusMessage) -> usize {
    let mut properties = 0;
    if is_text(message.content_type) {
        properties += 2;
    }
    if !message.content_type.is_empty() {
        properties += 3 + message.content_type.len();
    }
    let remaining = 2 + message.topic.len() + 2 + variable_length(properties) + properties + message.payload.len();
    1 + variable_length(remaining) + remaining
}

/// Bytes that a variable byte integer takes (MQTT 5, 1.5.5).
fn variable_length(value: usize) -> usize {
    match value {
        0..128 => 1,
        128..16_384 => 2,
        16_384..2_097_152 => 3,
        _ => 4,
    }
}

/// Refuses what a broker would close the connection for: one bad message must not hold up the others.
///
/// # Errors
/// `refused` for an impossible topic, `too_large` for more than `max` bytes.
pub(crate) fn check(message: &BusMessage, max: u32) -> Result<(), BusError> {
    let topic = &message.topic;
    if topic.is_empty() || topic.len() > usize::from(u16::MAX) || topic.contains(['+', '#', '\0']) {
        return Err(failure::refused(format!(
            "`{}` is no topic to publish on: it must have 1 to 65,535 bytes, without +, # and NUL",
            topic.chars().take(80).collect::<String>()
        )));
    }
    let size = size(message);
    if size > max as usize {
        return Err(failure::too_large(topic, size, max));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use bytes::{Bytes, BytesMut};
    use rumqttc::v5::mqttbytes::{QoS, v5::Publish};

    fn message(topic: &str, payload: usize, content_type: &'static str) -> BusMessage {
        BusMessage { topic: topic.into(), payload: Bytes::from(vec![b'x'; payload]), content_type, retain: false }
    }

    #[test]
    fn the_size_is_that_of_the_encoded_packet() {
        for content_type in ["", "image/jpeg", "application/cloudevents+json"] {
            for payload in [0, 1, 60, 100, 127, 128, 16_300, 16_384, 2_097_152] {
                let message = message("parapet/a/alerts", payload, content_type);
                let mut publish = Publish::new(
                    message.topic.clone(),
                    QoS::AtLeastOnce,
                    message.payload.clone(),
                    Some(properties(&message)),
                );
                publish.pkid = 7;
                let mut encoded = BytesMut::new();
                publish.write(&mut encoded).unwrap();
                assert_eq!(size(&message), encoded.len(), "{content_type} {payload}");
            }
        }
    }

    #[test]
    fn what_would_break_the_connection_is_refused_here() {
        for topic in ["", "a/+/b", "a/#", "a\0b", &"x".repeat(70_000)] {
            assert_eq!(check(&message(topic, 1, ""), u32::MAX).unwrap_err().code, "refused", "{topic:.20}");
        }
        let fits = message("a", 90, "");
        let max = u32::try_from(size(&fits)).unwrap();
        assert_eq!(check(&fits, max), Ok(()));
        assert_eq!(check(&fits, max - 1).unwrap_err().code, "too_large");
    }
}
