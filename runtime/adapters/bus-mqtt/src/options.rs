//! A connection's settings in rumqttc's terms.

use std::time::Duration;

use bytes::Bytes;
use parapet_contracts::Secret;
use rumqttc::{
    NetworkOptions, Transport,
    v5::{
        MqttOptions,
        mqttbytes::{
            QoS,
            v5::{LastWill, LastWillProperties},
        },
    },
};

use crate::{
    BusSettings, packet,
    sat::{self, Link},
    tls,
};

/// Translates the settings; certificates and keys are read from their files anew.
///
/// # Errors
/// A text that names the file that can't be used.
pub(crate) fn of(s: &BusSettings, resume: bool) -> Result<MqttOptions, String> {
    // A literal IPv6 address needs brackets before its port; as the name to check a certificate for, it must not have them.
    let host = if s.host.contains(':') && s.tls.is_none() { format!("[{}]", s.host) } else { s.host.clone() };
    let mut options = common(s, host, resume);
    // Small packets go out at once: an alert does not wait for the answer to the one before it.
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    if let Some(c) = &s.credentials {
        options.set_credentials(c.username.expose(), c.password.expose());
    }
    if let Some(settings) = &s.tls {
        let config = tls::client_config(settings)?;
        options.set_transport(Transport::tls_with_config(rumqttc::TlsConfiguration::Rustls(config)));
    }
    Ok(options)
}

/// Translates the settings for a connection that goes through a link, with this token.
pub(crate) fn through(link: &Link, s: &BusSettings, token: &Secret, resume: bool) -> MqttOptions {
    let mut options = common(s, link.address().to_owned(), resume);
    options.set_transport(Transport::Unix);
    options.set_authentication_method(Some(sat::METHOD.to_owned()));
    options.set_authentication_data(Some(Bytes::copy_from_slice(token.expose().as_bytes())));
    options
}

fn common(s: &BusSettings, host: String, resume: bool) -> MqttOptions {
    let mut options = MqttOptions::new(s.client_id.clone(), host, s.port);
    options.set_clean_start(!resume);
    let expiry = u32::try_from(s.session_expiry.as_secs()).unwrap_or(u32::MAX);
    options.set_session_expiry_interval((expiry > 0).then_some(expiry));
    options.set_keep_alive(s.keep_alive.clamp(Duration::from_secs(5), Duration::from_secs(u64::from(u16::MAX))));
    options.set_connection_timeout(s.connect_timeout.as_secs().max(1));
    options.set_max_packet_size(Some(s.max_packet_size));
    options.set_outgoing_inflight_upper_limit(s.in_flight.max(1).saturating_add(1));
    if let Some(will) = &s.last_will {
        let properties = LastWillProperties {
            delay_interval: None,
            payload_format_indicator: packet::properties(will).payload_format_indicator,
            message_expiry_interval: None,
            content_type: packet::properties(will).content_type,
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
        };
        let payload = will.payload.clone();
        options.set_last_will(LastWill::new(
            will.topic.clone(),
            payload,
            QoS::AtLeastOnce,
            will.retain,
            Some(properties),
        ));
    }
    options
}
