//! The site's bus: the connection to its broker, and that broker when it is inside the process.

use std::sync::Arc;

use anyhow::Context;
use parapet_actors::journal::{Failure, Journal};
use parapet_bus_mqtt::{BusSettings, MqttBus, TlsSettings};
use parapet_config::{BrokerConfig, BusConfig, EmbeddedConfig, Site};
use parapet_contracts::{
    Clock, SiteId,
    camera::Credentials,
    cloudevent::{CONTENT_TYPE, CloudEvent},
    ports::bus::BusMessage,
    status::{Health, StatusEvent},
    topics::Topic,
};

/// The broker inside the process, when there is one.
#[cfg(feature = "embedded-broker")]
pub type Embedded = Option<parapet_bus_mqtt::EmbeddedBroker>;
/// This build has no broker inside.
#[cfg(not(feature = "embedded-broker"))]
pub type Embedded = ();

/// The site's bus.
pub struct OpenBus {
    /// The connection.
    pub bus: Arc<MqttBus>,
    /// Where the broker is, for people.
    pub broker: String,
    /// What must live as long as the bus.
    pub embedded: Embedded,
}

/// Starts the embedded broker, if the site has one, and begins to connect. Each new reason why there is no connection goes to the journal.
///
/// # Errors
/// When the embedded broker can't start.
pub fn open(site: &Site, clock: &dyn Clock, journal: &Journal) -> anyhow::Result<OpenBus> {
    let (mut settings, embedded) = match &site.bus {
        BusConfig::Embedded(config) => start_embedded(config, &site.id)?,
        BusConfig::Broker(config) => (elsewhere(config), Embedded::default()),
    };
    settings.last_will = Some(last_will(&site.id, clock)?);
    let broker = settings.address().to_string();
    let bus = Arc::new(MqttBus::connect(settings));
    report_errors(&bus, journal.clone());
    Ok(OpenBus { bus, broker, embedded })
}

fn elsewhere(config: &BrokerConfig) -> BusSettings {
    let mut settings = BusSettings::new(config.host.as_str(), config.port, config.client_id.as_str());
    settings.tls = config.tls.as_ref().map(|tls| TlsSettings { ca_file: tls.ca.clone(), client: tls.client.clone() });
    settings.credentials = config
        .credentials
        .as_ref()
        .map(|(username, password)| Credentials { username: username.clone(), password: password.clone() });
    settings.token_file.clone_from(&config.token_file);
    settings.session_expiry = config.session_expiry;
    settings
}

#[cfg(feature = "embedded-broker")]
fn start_embedded(config: &EmbeddedConfig, site: &SiteId) -> anyhow::Result<(BusSettings, Embedded)> {
    use parapet_bus_mqtt::{
        BrokerSettings, EmbeddedBroker, EmbeddedUser, Password, PasswordHash, Permissions, ServerTls,
    };
    use parapet_contracts::Secret;

    let mut users = Vec::with_capacity(config.users.len() + 1);
    for user in &config.users {
        let hash = PasswordHash::parse(user.password_hash.expose())
            .with_context(|| format!("the user `{}` of the embedded broker", user.name))?;
        users.push(EmbeddedUser {
            name: user.name.clone(),
            password: Password::Hashed(hash),
            permissions: Permissions { publish: user.publish.clone(), subscribe: user.subscribe.clone() },
        });
    }
    // Where others need a user, the site itself does: one that nobody else can be, with a password that nobody knows.
    let own = (!users.is_empty()).then(|| {
        let text = || Secret::new(uuid::Uuid::new_v4().to_string());
        Credentials { username: Secret::new(format!("parapet {}", uuid::Uuid::new_v4())), password: text() }
    });
    if let Some(own) = &own {
        users.push(EmbeddedUser {
            name: own.username.expose().to_owned(),
            password: Password::Plain(own.password.clone()),
            permissions: Permissions::everything(),
        });
    }
    let broker = EmbeddedBroker::start(&BrokerSettings {
        listen: config.listen,
        tls: config.tls.as_ref().map(|tls| ServerTls {
            cert_file: tls.cert.clone(),
            key_file: tls.key.clone(),
            client_ca_file: tls.client_ca.clone(),
        }),
        users,
        anonymous_beyond_loopback: config.anybody,
        ..BrokerSettings::default()
    })?;
    let inside = broker.inside();
    // An address that stands for all of this machine's is reached by its loopback.
    let host = match inside.ip() {
        ip if !ip.is_unspecified() => ip.to_string(),
        std::net::IpAddr::V4(_) => "127.0.0.1".to_owned(),
        std::net::IpAddr::V6(_) => "::1".to_owned(),
    };
    let mut settings = BusSettings::new(host, inside.port(), format!("parapet-{site}"));
    settings.credentials = own;
    Ok((settings, Some(broker)))
}

#[cfg(not(feature = "embedded-broker"))]
fn start_embedded(_config: &EmbeddedConfig, _site: &SiteId) -> anyhow::Result<(BusSettings, Embedded)> {
    anyhow::bail!("this build has no broker inside: name one as `bus: {{broker: mqtt://host:1883}}` in site.yaml")
}

fn last_will(site: &SiteId, clock: &dyn Clock) -> anyhow::Result<BusMessage> {
    let status = StatusEvent {
        id: uuid::Uuid::now_v7(),
        site: site.clone(),
        camera: None,
        model: None,
        ts: clock.now(),
        health: Health::Offline,
        reason: Some("the connection was lost without a word".to_owned()),
        picture: None,
    };
    let payload = CloudEvent::status(&status).to_json().context("the last will")?.into();
    Ok(BusMessage { topic: Topic::site_status(site).to_string(), payload, content_type: CONTENT_TYPE, retain: true })
}

fn report_errors(bus: &Arc<MqttBus>, journal: Journal) {
    let mut errors = bus.errors();
    tokio::spawn(async move {
        while errors.changed().await.is_ok() {
            let error = errors.borrow_and_update().clone();
            if let Some(text) = error {
                journal.report(Failure::new("bus", "connection", text));
            }
        }
    });
}
