//! What a broker takes, as it said in its CONNACK (MQTT 5, 3.2.2.3). Pure.

use std::time::Duration;

use parapet_contracts::{ErrorKind, ports::bus::BusError};
use rumqttc::v5::mqttbytes::v5::ConnAck;

use crate::{BusSettings, failure};

/// What holds on one connection: what the broker said, and no more than the settings want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The largest packet in bytes.
    pub(crate) max_packet: u32,
    /// How many publishes it takes without having acknowledged them; `None`: it did not say.
    pub(crate) receive_maximum: Option<u16>,
    /// How many topics may have an alias.
    pub(crate) aliases: u16,
    /// It takes QoS 1.
    pub(crate) acknowledges: bool,
    /// It keeps retained messages.
    pub(crate) retains: bool,
    wildcards: bool,
    shared: bool,
    /// A ping after this much silence.
    pub(crate) keep_alive: Duration,
}

impl Limits {
    /// Before any broker has said anything.
    pub(crate) fn of_settings(settings: &BusSettings) -> Self {
        Self {
            max_packet: settings.max_packet_size,
            receive_maximum: None,
            aliases: 0,
            acknowledges: true,
            retains: true,
            wildcards: true,
            shared: true,
            keep_alive: settings.keep_alive,
        }
    }

    /// What is absent in a CONNACK is allowed, except for aliases.
    pub(crate) fn of(accepted: &ConnAck, settings: &BusSettings) -> Self {
        let mut limits = Self::of_settings(settings);
        let Some(said) = &accepted.properties else { return limits };
        let allowed = |flag: Option<u8>| flag != Some(0);
        limits.max_packet = said.max_packet_size.unwrap_or(u32::MAX).min(settings.max_packet_size);
        limits.receive_maximum = said.receive_max;
        limits.aliases = said.topic_alias_max.unwrap_or(0);
        limits.acknowledges = allowed(said.max_qos);
        limits.retains = allowed(said.retain_available);
        limits.wildcards = allowed(said.wildcard_subscription_available);
        limits.shared = allowed(said.shared_subscription_available);
        if let Some(seconds) = said.server_keep_alive {
            limits.keep_alive = Duration::from_secs(u64::from(seconds));
        }
        limits
    }

    /// Refuses a subscription that the broker would end the connection for.
    ///
    /// # Errors
    /// `refused`, with what the broker lacks.
    pub(crate) fn check_filter(&self, filter: &str) -> Result<(), BusError> {
        let lacking = if !self.shared && filter.starts_with("$share/") {
            "shared subscriptions"
        } else if !self.wildcards && filter.contains(['+', '#']) {
            "wildcards in subscriptions"
        } else {
            return Ok(());
        };
        Err(failure::refused(format!("the broker has no {lacking}: it can't serve `{filter}`")))
    }

    /// Keeps back a message that must be acknowledged from a broker that acknowledges nothing. Another broker may: it is no fault of the
    /// message.
    ///
    /// # Errors
    /// `refused`, to be tried again.
    pub(crate) fn check_acknowledged(&self) -> Result<(), BusError> {
        if self.acknowledges {
            return Ok(());
        }
        let text = "the broker takes QoS 0 only, and acknowledges nothing: alerts wait for one that does".to_owned();
        Err(BusError { kind: ErrorKind::Retry, code: "refused", text })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rumqttc::v5::mqttbytes::v5::{ConnAckProperties, ConnectReturnCode};

    fn said(change: impl FnOnce(&mut ConnAckProperties)) -> Limits {
        let mut properties = ConnAckProperties {
            session_expiry_interval: None,
            receive_max: None,
            max_qos: None,
            retain_available: None,
            max_packet_size: None,
            assigned_client_identifier: None,
            topic_alias_max: None,
            reason_string: None,
            user_properties: Vec::new(),
            wildcard_subscription_available: None,
            subscription_identifiers_available: None,
            shared_subscription_available: None,
            server_keep_alive: None,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        };
        change(&mut properties);
        let accepted =
            ConnAck { session_present: false, code: ConnectReturnCode::Success, properties: Some(properties) };
        Limits::of(&accepted, &BusSettings::new("h", 1883, "c"))
    }

    #[test]
    fn silence_allows_everything_but_aliases() {
        let limits = said(|_| ());
        assert_eq!(limits, Limits::of_settings(&BusSettings::new("h", 1883, "c")));
        assert_eq!(limits.aliases, 0);
        for filter in ["a/#", "+", "$share/g/a/+"] {
            assert_eq!(limits.check_filter(filter), Ok(()));
        }
    }

    #[test]
    fn what_the_broker_lacks_is_not_asked_of_it() {
        let limits = said(|p| {
            p.shared_subscription_available = Some(0);
            p.max_qos = Some(0);
            p.retain_available = Some(0);
        });
        assert!(limits.check_filter("$share/g/a").unwrap_err().text.contains("shared"));
        assert_eq!(limits.check_filter("a/#"), Ok(()));
        assert_eq!(limits.check_acknowledged().unwrap_err().kind, ErrorKind::Retry);
        assert!(!limits.retains);
        let limits = said(|p| p.wildcard_subscription_available = Some(0));
        assert_eq!(limits.check_filter("a/#").unwrap_err().kind, ErrorKind::Reject);
        assert_eq!(limits.check_filter("a/b"), Ok(()));
    }

    #[test]
    fn the_smaller_of_both_holds() {
        assert_eq!(said(|p| p.max_packet_size = Some(100)).max_packet, 100);
        assert_eq!(said(|p| p.max_packet_size = Some(u32::MAX)).max_packet, 1 << 20);
        assert_eq!(said(|p| p.server_keep_alive = Some(7)).keep_alive, Duration::from_secs(7));
    }
}
