//! A connection's settings in rumqttc's terms.

use std::time::Duration;

use rumqttc::v5::{
    MqttOptions,
    mqttbytes::{
        QoS,
        v5::{LastWill, LastWillProperties},
    },
};

use crate::{BusSettings, packet, tls};

/// Translates the settings; certificates and keys are read from their files anew.
///
/// # Errors
/// A text that names the file that can't be used.
pub(crate) fn of(s: &BusSettings) -> Result<MqttOptions, String> {
    // A literal IPv6 address needs brackets before its port; as the name to check a certificate for, it must not have them.
    let host = if s.host.contains(':') && s.tls.is_none() { format!("[{}]", s.host) } else { s.host.clone() };
    let mut options = MqttOptions::new(s.client_id.clone(), host, s.port);
    options.set_clean_start(true);
    options.set_keep_alive(s.keep_alive.clamp(Duration::from_secs(5), Duration::from_secs(u64::from(u16::MAX))));
    options.set_connection_timeout(s.connect_timeout.as_secs().max(1));
    options.set_max_packet_size(Some(s.max_packet_size));
    options.set_outgoing_inflight_upper_limit(s.in_flight.max(1).saturating_add(1));
    if let Some(c) = &s.credentials {
        options.set_credentials(c.username.expose(), c.password.expose());
    }
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
    if let Some(settings) = &s.tls {
        let config = tls::client_config(settings)?;
        options.set_transport(rumqttc::Transport::tls_with_config(rumqttc::TlsConfiguration::Rustls(config)));
    }
    Ok(options)
}
