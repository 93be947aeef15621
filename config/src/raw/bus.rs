//! `bus:` in `site.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Address, PathText, SecretText, Text};
use crate::units::Span;

/// The bus. Give `embedded` or `broker`, not both; with neither, the embedded broker runs with its defaults.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawBus {
    /// A broker inside the process.
    pub embedded: Option<RawEmbedded>,
    /// The address of a broker elsewhere: `mqtt://HOST[:1883]` or `mqtts://HOST[:8883]`. Or `azure-iot-operations`: the broker of Azure IoT
    /// Operations in this cluster, as the variables `AIO_BROKER_HOSTNAME`, `AIO_BROKER_TCP_PORT`, `AIO_MQTT_USE_TLS`, `AIO_TLS_CA_FILE`,
    /// `AIO_TLS_CERT_FILE`, `AIO_TLS_KEY_FILE`, `AIO_SAT_FILE`, `AIO_MQTT_CLIENT_ID` and `AIO_MQTT_SESSION_EXPIRY` say, or as a pod has it
    /// without them.
    #[schemars(extend("examples" = ["mqtts://mqtt.example.org"]))]
    pub broker: Option<Text>,
    /// The user at the broker.
    pub username: Option<SecretText>,
    /// The password at the broker.
    pub password: Option<SecretText>,
    /// A file with a Kubernetes service account token, in the place of user and password: MQTT 5 enhanced authentication with the method
    /// `K8S-SAT`. A token that is replaced is shown to the broker at once.
    #[schemars(extend("examples" = ["/var/run/secrets/tokens/broker-sat"]))]
    pub token_file: Option<PathText>,
    /// The client's id at the broker; `parapet-` and the site's id when absent.
    pub client_id: Option<Text>,
    /// How long the broker shall keep what is published for the site's streams while the connection is away; `0s`: not at all. One hour when
    /// absent. What the site publishes itself never relies on it.
    #[schemars(extend("x-max" = "30d"))]
    pub session_expiry: Option<Span>,
    /// TLS to a `mqtts://` broker.
    pub tls: Option<RawTls>,
}

/// A broker inside the process.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawEmbedded {
    /// Where it listens.
    pub listen: Address,
    /// Who may come to it. An address other than 127.0.0.1 wants more than `loopback` here.
    pub reach: Reach,
    /// TLS for those who come.
    pub tls: Option<RawServerTls>,
    /// Who may come, by name. Without any, everybody who reaches it may do everything.
    pub users: BTreeMap<String, RawBrokerUser>,
}

/// Who may come to the embedded broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reach {
    /// Programs on this machine.
    #[default]
    Loopback,
    /// Whoever reaches its address and is one of its `users`.
    Users,
    /// Whoever reaches its address: the network must be closed by other means.
    Anybody,
}

/// TLS of a server. The files are read when the site starts.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawServerTls {
    /// The certificate chain, PEM.
    #[schemars(required)]
    pub cert: Option<PathText>,
    /// Its private key, PEM.
    #[schemars(required)]
    pub key: Option<PathText>,
    /// Clients must show a certificate that descends from these, PEM.
    pub client_ca: Option<PathText>,
}

/// A user of the embedded broker.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawBrokerUser {
    /// The password's hash, as `parapet hash-password` or `mosquitto_passwd` makes it: `$7$…`.
    #[schemars(required)]
    pub password_hash: Option<SecretText>,
    /// What the user may subscribe to, as topic filters. When absent: all of the site's topics.
    pub subscribe: Option<Vec<Text>>,
    /// What the user may publish to, as topic filters. When absent: nothing.
    #[serde(default)]
    pub publish: Vec<Text>,
}

/// TLS to a broker.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawTls {
    /// Certificates to trust, PEM; the system's when absent.
    pub ca: Option<PathText>,
    /// The client's certificate chain, PEM. Needs `key`.
    pub cert: Option<PathText>,
    /// The client's private key, PEM. Needs `cert`.
    pub key: Option<PathText>,
}

impl Default for RawEmbedded {
    fn default() -> Self {
        Self { listen: "127.0.0.1:1883".into(), reach: Reach::default(), tls: None, users: BTreeMap::new() }
    }
}
