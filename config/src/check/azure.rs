//! `broker: azure-iot-operations`: the MQTT broker of Azure IoT Operations, as a pod finds it.
//!
//! A key of the file goes before a variable, and a variable before what a pod has when its manifest follows the documentation.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::broker::tls;
use crate::{
    checked::{BrokerConfig, TlsConfig},
    document::{Document, place},
    raw::{RawBus, RawSite},
};

/// What stands in the place of an address.
pub(super) const NAME: &str = "azure-iot-operations";

const HOST: &str = "aio-broker";
const PORT: u16 = 18883;
const TOKEN: &str = "/var/run/secrets/tokens/broker-sat";
const TRUST: &str = "/var/run/certs/ca.crt";

/// The broker that the environment names. `own` is what the file says itself.
pub(super) fn broker(
    document: &mut Document<RawSite>,
    raw: &RawBus,
    own: BrokerConfig,
    dir: &Path,
    variables: &dyn Fn(&str) -> Option<String>,
    inputs: &mut Vec<PathBuf>,
) -> Option<BrokerConfig> {
    let set = |name: &str| variables(name).filter(|value| !value.is_empty());
    let host = set("AIO_BROKER_HOSTNAME").unwrap_or_else(|| HOST.to_owned());
    let port = number(document, "AIO_BROKER_TCP_PORT", set("AIO_BROKER_TCP_PORT").as_deref(), u64::from(u16::MAX));
    let expiry =
        number(document, "AIO_MQTT_SESSION_EXPIRY", set("AIO_MQTT_SESSION_EXPIRY").as_deref(), u64::from(u32::MAX));
    let secure = match set("AIO_MQTT_USE_TLS").as_deref() {
        None => true,
        Some(word) if word.eq_ignore_ascii_case("true") => true,
        Some(word) if word.eq_ignore_ascii_case("false") => false,
        Some(_) => {
            strange(document, "AIO_MQTT_USE_TLS", "`true` or `false`");
            true
        }
    };
    let mut file = |name: &str, usual: Option<&str>| {
        let file = set(name).or_else(|| usual.map(str::to_owned)).map(PathBuf::from)?;
        if !file.is_file() {
            let whence = if set(name).is_some() { format!("of {name}") } else { "that a pod usually has".to_owned() };
            document.error(
                document.at(place!["bus", "broker"]),
                format!("there is no file {}, the one {whence}", file.display()),
                format!("mount it, or name another one with {name}"),
            );
        }
        Some(file)
    };
    let token = match (&own.token_file, &own.credentials) {
        (None, None) if set("AIO_TLS_CERT_FILE").is_none() && raw.tls.as_ref().is_none_or(|tls| tls.cert.is_none()) => {
            file("AIO_SAT_FILE", Some(TOKEN))
        }
        (own, _) => own.clone(),
    };
    let ca = if secure && raw.tls.is_none() { file("AIO_TLS_CA_FILE", Some(TRUST)) } else { None };
    let client =
        if raw.tls.is_none() { file("AIO_TLS_CERT_FILE", None).zip(file("AIO_TLS_KEY_FILE", None)) } else { None };
    let tls = secure.then(|| match &raw.tls {
        Some(raw) => tls(document, &["bus", "tls"], Some(raw), dir, inputs),
        None => TlsConfig { ca, client },
    });
    Some(BrokerConfig {
        host,
        port: port.and_then(|port| u16::try_from(port).ok()).unwrap_or(PORT),
        tls,
        token_file: token,
        client_id: match (&raw.client_id, set("AIO_MQTT_CLIENT_ID")) {
            (None, Some(id)) => id,
            _ => own.client_id,
        },
        session_expiry: match (raw.session_expiry, expiry) {
            (None, Some(seconds)) => Duration::from_secs(seconds),
            _ => own.session_expiry,
        },
        credentials: own.credentials,
    })
}

fn number(document: &mut Document<RawSite>, name: &str, value: Option<&str>, most: u64) -> Option<u64> {
    let number = value?.parse().ok().filter(|number| *number <= most);
    if number.is_none() {
        strange(document, name, &format!("a whole number up to {most}"));
    }
    number
}

fn strange(document: &mut Document<RawSite>, name: &str, expected: &str) {
    let at = document.at(place!["bus", "broker"]);
    document.error(at, format!("the environment variable {name} can't be read"), format!("expected {expected}"));
}
