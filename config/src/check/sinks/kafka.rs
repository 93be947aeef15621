//! `sink: {kafka: …}`.

use parapet_contracts::Secret;

use super::unencrypted;
use crate::{
    check::{Context, both, broker, entra, is_local},
    checked::{KafkaCompression, KafkaLogin, KafkaMechanism, KafkaSinkConfig, Sink},
    connection_string::connection_string,
    document::{Document, place},
    raw::{RawCompression, RawKafkaSink, RawMechanism, RawMode, RawSecurity, RawUploader},
    words,
    yaml::Step,
};

/// Who a client with a connection string is.
const CONNECTION_STRING_USER: &str = "$ConnectionString";
/// What `{…}` may name in a topic.
const PLACEHOLDERS: [&str; 2] = ["{site}", "{kind}"];
/// Kafka's own bound.
const LONGEST_TOPIC: usize = 249;

/// Where brokers are, who the site is there, and the topic that goes with that.
struct Reach {
    brokers: Vec<(String, u16)>,
    encrypted: bool,
    login: KafkaLogin,
    entity: Option<String>,
}

pub(super) fn kafka(
    document: &mut Document<RawUploader>,
    mut raw: RawKafkaSink,
    context: &mut Context<'_>,
) -> Option<Sink> {
    both(document, ("username", "password"), &["sink", "kafka"]);
    let encrypted = raw.security == RawSecurity::Tls;
    let reach = match raw.connection_string.take() {
        Some(secret) => {
            only_with(document, &["brokers", "username", "password", "mechanism", "entra"], "`connection_string`");
            event_hubs(document, secret.0, encrypted)
        }
        None => brokers(document, &mut raw, encrypted, context),
    };
    if !document.has(&at_key("entra")) {
        let scope = at_key("scope");
        if document.has(&scope) {
            document.error(document.at_key(&scope), "`scope` needs `entra`", "remove it, or add `entra: {…}`");
        }
    }
    let tls = at_key("tls");
    if !encrypted && document.has(&tls) {
        document.error(document.at_key(&tls), "`tls` does not go with `security: plaintext`", "remove one of them");
    }
    let files = broker::tls(document, &["sink", "kafka", "tls"], raw.tls.as_ref(), context.dir, &mut context.inputs);
    let reach = reach?;
    let topic = topic(document, raw.topic.map(|topic| topic.0), reach.entity)?;
    Some(Sink::Kafka(Box::new(KafkaSinkConfig {
        brokers: reach.brokers,
        topic,
        tls: reach.encrypted.then_some(files),
        login: reach.login,
        structured: raw.mode == RawMode::Structured,
        compression: match raw.compression {
            RawCompression::None => KafkaCompression::None,
            RawCompression::Gzip => KafkaCompression::Gzip,
            RawCompression::Lz4 => KafkaCompression::Lz4,
            RawCompression::Snappy => KafkaCompression::Snappy,
        },
        max_message: raw.max_message.0,
        timeout: raw.timeout.0,
        client_id: raw.client_id.map(|id| id.0),
    })))
}

fn at_key(key: &'static str) -> [Step<'static>; 3] {
    [Step::Key("sink"), Step::Key("kafka"), Step::Key(key)]
}

/// Tells keys that something else already says.
fn only_with(document: &mut Document<RawUploader>, keys: &[&'static str], what: &str) {
    for key in keys {
        let place = at_key(key);
        if document.has(&place) {
            document.error(document.at_key(&place), format!("`{key}` does not go with {what}"), "remove one of them");
        }
    }
}

/// All that a connection string says.
fn event_hubs(document: &mut Document<RawUploader>, secret: Secret, encrypted: bool) -> Option<Reach> {
    let place = place!["sink", "kafka", "connection_string"];
    let read = match connection_string(secret.expose()) {
        Ok(read) => read,
        Err(why) => {
            let message = format!("this is no connection string of Event Hubs: {why}");
            document.error(
                document.at(place),
                message,
                "copy it whole from the portal: `Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…`",
            );
            return None;
        }
    };
    let encrypted = encrypted && !read.emulator;
    if !encrypted && !is_local(&read.host) {
        unencrypted(document, place, "keys and events", "security: tls");
    }
    let username = Secret::new(CONNECTION_STRING_USER);
    let login = KafkaLogin::Password { mechanism: KafkaMechanism::Plain, username, password: secret };
    Some(Reach {
        brokers: vec![(read.host, read.port.unwrap_or(usual(encrypted)))],
        encrypted,
        login,
        entity: read.entity,
    })
}

/// The port of brokers that name none.
fn usual(encrypted: bool) -> u16 {
    if encrypted { 9093 } else { 9092 }
}

/// Brokers by their addresses, and who the site is there.
fn brokers(
    document: &mut Document<RawUploader>,
    raw: &mut RawKafkaSink,
    encrypted: bool,
    context: &Context<'_>,
) -> Option<Reach> {
    let Some(listed) = raw.brokers.take() else {
        let at = document.at_key(place!["sink", "kafka"]);
        document.error(at, "it is not said where the brokers are", "add `brokers: [HOST:PORT]` or `connection_string`");
        return None;
    };
    let one = listed.as_one().is_some();
    let mut brokers = Vec::new();
    for (index, text) in listed.into_vec().iter().enumerate() {
        let place: &[Step<'_>] = if one {
            place!["sink", "kafka", "brokers"]
        } else {
            &[Step::Key("sink"), Step::Key("kafka"), Step::Key("brokers"), Step::Index(index)]
        };
        let url =
            (!text.contains(['/', '@', '?', '#'])).then(|| url::Url::parse(&format!("kafka://{text}")).ok()).flatten();
        match url.as_ref().and_then(url::Url::host_str).filter(|host| !host.is_empty()) {
            Some(host) => {
                brokers.push((host.to_owned(), url.as_ref().and_then(url::Url::port).unwrap_or(usual(encrypted))))
            }
            None => document.error(document.at(place), "this is no address of a broker", "write `HOST[:PORT]`"),
        }
    }
    let (host, _) = brokers.first()?.clone();
    let place = place!["sink", "kafka", "security"];
    let open = !encrypted && !brokers.iter().all(|(host, _)| is_local(host));
    let login = match (raw.entra.take(), raw.username.take().zip(raw.password.take())) {
        (Some(who), _) => {
            only_with(document, &["username", "password", "mechanism"], "`entra`");
            let entra = entra::entra(document, &["sink", "kafka", "entra"], who, context.dir)?;
            let scope = raw.scope.take().map_or_else(|| format!("https://{host}/.default"), |scope| scope.0);
            KafkaLogin::Entra { entra, scope }
        }
        (None, Some((username, password))) => {
            let mechanism = match raw.mechanism {
                RawMechanism::Plain => KafkaMechanism::Plain,
                RawMechanism::ScramSha256 => KafkaMechanism::ScramSha256,
                RawMechanism::ScramSha512 => KafkaMechanism::ScramSha512,
            };
            KafkaLogin::Password { mechanism, username: username.0, password: password.0 }
        }
        (None, None) => {
            if document.has(&at_key("mechanism")) && !document.has(&at_key("username")) {
                let at = document.at_key(&at_key("mechanism"));
                document.error(at, "`mechanism` needs `username` and `password`", "add them, or remove it");
            }
            KafkaLogin::None
        }
    };
    if open {
        let what = if login == KafkaLogin::None { "events" } else { "passwords and events" };
        unencrypted(document, place, what, "security: tls");
    }
    Some(Reach { brokers, encrypted, login, entity: None })
}

/// The topic: the file's, or the one that the connection string is for.
fn topic(document: &mut Document<RawUploader>, written: Option<String>, entity: Option<String>) -> Option<String> {
    let place = place!["sink", "kafka", "topic"];
    let topic = match (written, entity) {
        (Some(topic), Some(entity)) if topic != entity => {
            let help = "remove `topic`, or take a connection string of the namespace";
            document.error(document.at(place), "the connection string is for another event hub than this topic", help);
            return None;
        }
        (Some(topic), _) | (None, Some(topic)) => topic,
        (None, None) => {
            let at = document.at_key(place!["sink", "kafka"]);
            document.error(at, "the topic is missing", "add `topic: NAME`");
            return None;
        }
    };
    let bare = PLACEHOLDERS.iter().fold(topic.clone(), |text, placeholder| text.replace(placeholder, ""));
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    // What stands for `{site}` and `{kind}` is at most 63 and 8 characters long.
    let longest = bare.len() + 63 * topic.matches("{site}").count() + 8 * topic.matches("{kind}").count();
    if bare.contains(['{', '}']) {
        let help = format!("{} can stand in it", words::list(&PLACEHOLDERS));
        document.error(document.at(place), "a `{…}` of this topic is not known", help);
    } else if !bare.chars().all(fits) || matches!(topic.as_str(), "." | "..") || longest > LONGEST_TOPIC {
        let help = "letters of ASCII, digits, `.`, `_` and `-`, at most 249 of them";
        document.error(document.at(place), "this is no name of a topic", help);
    }
    Some(topic)
}
