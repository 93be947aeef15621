//! `bus:` in `site.yaml`: a broker inside the process, or one elsewhere.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use parapet_contracts::{SiteId, topics};

use super::{
    absolute, azure, both,
    broker::{Broker, broker, existing, tls},
    is_local, quoted,
};
use crate::{
    checked::{BrokerConfig, BrokerUser, BusConfig, EmbeddedConfig, ServerTlsConfig},
    document::{Document, place},
    raw::{RawBrokerUser, RawBus, RawEmbedded, RawServerTls, RawSite, Reach},
    yaml::Step,
};

/// How long a session is kept when the file does not say.
const SESSION: Duration = Duration::from_secs(3600);

/// Keys that are of a broker elsewhere.
const ELSEWHERE: [&str; 6] = ["username", "password", "token_file", "client_id", "session_expiry", "tls"];

/// Checks the bus. `variables` gives environment variables.
pub(super) fn bus(
    document: &mut Document<RawSite>,
    raw: &RawBus,
    id: Option<&SiteId>,
    dir: &Path,
    variables: &dyn Fn(&str) -> Option<String>,
    inputs: &mut Vec<PathBuf>,
) -> Option<BusConfig> {
    let Some(address) = &raw.broker else {
        for key in ELSEWHERE {
            if document.has(place!["bus", key]) && !document.has(place!["bus", "broker"]) {
                let at = document.at_key(place!["bus", key]);
                document.error(
                    at,
                    format!("`{key}` belongs to a broker elsewhere, and there is no `broker`"),
                    "give `broker: mqtt://HOST`, or remove it",
                );
            }
        }
        let embedded = raw.embedded.clone().unwrap_or_default();
        return embedded_broker(document, &embedded, id, dir, inputs).map(BusConfig::Embedded);
    };
    if document.has(place!["bus", "embedded"]) {
        let at = document.at_key(place!["bus", "embedded"]);
        document.error(at, "the bus has both `embedded` and `broker`", "keep one of them");
    }
    both(document, ("username", "password"), &["bus"]);
    if document.has(place!["bus", "token_file"]) && document.has(place!["bus", "username"]) {
        let at = document.at_key(place!["bus", "token_file"]);
        document.error(at, "the bus has both a `token_file` and a user", "keep one of them");
    }
    let own = own(document, raw, id, dir);
    if address.0 == azure::NAME {
        return azure::broker(document, raw, own, dir, variables, inputs).map(BusConfig::Broker);
    }
    let place = place!["bus", "broker"];
    let at = document.at(place);
    let Broker { host, port, secure } = broker(document, place, &address.0)?;
    if !secure && document.has(place!["bus", "tls"]) {
        let at = document.at_key(place!["bus", "tls"]);
        document.error(
            at,
            "`tls` needs an address that begins with `mqtts://`",
            "write `mqtts://` in `broker`, or remove `tls`",
        );
    }
    let shown = if own.token_file.is_some() { "a token travels" } else { "user and password travel" };
    if (own.credentials.is_some() || own.token_file.is_some()) && !secure && !is_local(&host) {
        document.warn(at, format!("{shown} unencrypted to the broker"), "use `mqtts://`");
    }
    let tls = secure.then(|| tls(document, &["bus", "tls"], raw.tls.as_ref(), dir, inputs));
    Some(BusConfig::Broker(BrokerConfig { host, port, tls, ..own }))
}

/// What the file itself says of a broker elsewhere, but for its address.
fn own(document: &mut Document<RawSite>, raw: &RawBus, id: Option<&SiteId>, dir: &Path) -> BrokerConfig {
    let token_file = raw.token_file.as_ref().map(|file| {
        let file = absolute(dir, &file.0);
        // Not an input: the connection itself watches it, and a new token is no new configuration.
        existing(document, place!["bus", "token_file"], &file, &mut Vec::new());
        file
    });
    BrokerConfig {
        host: String::new(),
        port: 0,
        tls: None,
        credentials: raw.username.clone().zip(raw.password.clone()).map(|(user, password)| (user.0, password.0)),
        token_file,
        client_id: match (&raw.client_id, id) {
            (Some(client), _) => client.0.clone(),
            (None, Some(id)) => format!("parapet-{id}"),
            (None, None) => "parapet".to_owned(),
        },
        session_expiry: raw.session_expiry.map_or(SESSION, |span| span.0),
    }
}

fn embedded_broker(
    document: &mut Document<RawSite>,
    raw: &RawEmbedded,
    id: Option<&SiteId>,
    dir: &Path,
    inputs: &mut Vec<PathBuf>,
) -> Option<EmbeddedConfig> {
    let listen: SocketAddr = raw.listen.0.parse().ok()?;
    let at = document.at(place!["bus", "embedded", "listen"]);
    match raw.reach {
        Reach::Loopback if !listen.ip().is_loopback() => document.error(
            at,
            "the embedded broker would listen on an address that other machines reach",
            "say so with `reach: users` and `users`, or listen on 127.0.0.1",
        ),
        Reach::Users if raw.users.is_empty() => {
            let at = document.at(place!["bus", "embedded", "reach"]);
            document.error(at, "`reach: users`, and there are none", "name them in `users`");
        }
        Reach::Anybody if !listen.ip().is_loopback() && raw.users.is_empty() => document.warn(
            at,
            "the embedded broker lets in everybody who reaches it",
            "the network must be closed by other means; else give it `users`",
        ),
        _ => {}
    }
    if !raw.users.is_empty() && raw.tls.is_none() && !listen.ip().is_loopback() {
        document.warn(at, "passwords travel unencrypted to the embedded broker", "give it `tls`");
    }
    let tls = raw.tls.as_ref().and_then(|tls| server_tls(document, tls, dir, inputs));
    let all = id.map_or_else(|| "parapet/#".to_owned(), |id| format!("parapet/{id}/#"));
    let users = raw.users.iter().filter_map(|(name, user)| broker_user(document, name, user, &all)).collect();
    Some(EmbeddedConfig { listen, anybody: raw.reach == Reach::Anybody, tls, users })
}

fn server_tls(
    document: &mut Document<RawSite>,
    raw: &RawServerTls,
    dir: &Path,
    inputs: &mut Vec<PathBuf>,
) -> Option<ServerTlsConfig> {
    let mut file = |key: &'static str, path: &Option<crate::raw::PathText>| {
        let file = absolute(dir, &path.as_ref()?.0);
        existing(document, place!["bus", "embedded", "tls", key], &file, inputs);
        Some(file)
    };
    let (cert, key) = (file("cert", &raw.cert), file("key", &raw.key));
    let client_ca = file("client_ca", &raw.client_ca);
    Some(ServerTlsConfig { cert: cert?, key: key?, client_ca })
}

fn broker_user(document: &mut Document<RawSite>, name: &str, raw: &RawBrokerUser, all: &str) -> Option<BrokerUser> {
    let user = [Step::Key("bus"), Step::Key("embedded"), Step::Key("users"), Step::Key(name)];
    let within = |key: &'static str| user.iter().copied().chain([Step::Key(key)]).collect::<Vec<_>>();
    if name.is_empty() || name.len() > 256 || name.contains(char::is_control) {
        document.error(document.at_key(&user), "this is no name of a user", "expected 1 to 256 characters");
    }
    let hash = raw.password_hash.as_ref()?.0.clone();
    if !is_hash(hash.expose()) {
        document.error(
            document.at(&within("password_hash")),
            "this is no hash of a password",
            "make one with `parapet hash-password` or `mosquitto_passwd`: it begins with `$7$`",
        );
    }
    let mut filters = |key: &'static str, texts: &[crate::raw::Text]| {
        for (index, text) in texts.iter().enumerate() {
            if !topics::is_filter(&text.0) {
                let place: Vec<_> = within(key).into_iter().chain([Step::Index(index)]).collect();
                let message = format!("{} is no topic filter", quoted(document, &place));
                document.error(document.at(&place), message, "for example `parapet/+/alerts` or `parapet/#`");
            }
        }
        texts.iter().map(|text| text.0.clone()).collect::<Vec<_>>()
    };
    let publish = filters("publish", &raw.publish);
    let subscribe = raw.subscribe.as_ref().map_or_else(|| vec![all.to_owned()], |texts| filters("subscribe", texts));
    Some(BrokerUser { name: name.to_owned(), password_hash: hash, subscribe, publish })
}

/// True for `$7$ITERATIONS$SALT$HASH`, the last two in base64.
fn is_hash(text: &str) -> bool {
    let base64 = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
    };
    match text.split('$').collect::<Vec<_>>()[..] {
        ["", "7", iterations, salt, hash] => {
            iterations.parse::<u32>().is_ok_and(|n| n > 0) && base64(salt) && base64(hash)
        }
        _ => false,
    }
}
