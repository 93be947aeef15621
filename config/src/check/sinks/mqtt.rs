//! `sink: {mqtt: …}`.

use parapet_contracts::topics;

use super::{tls, unencrypted};
use crate::{
    check::{
        Context, both,
        broker::{Broker, broker, existing},
        is_local,
    },
    checked::{MqttSinkConfig, Sink},
    document::{Document, place},
    raw::{RawMqttSink, RawUploader},
};

pub(super) fn mqtt(document: &mut Document<RawUploader>, raw: RawMqttSink, context: &mut Context<'_>) -> Option<Sink> {
    let place = place!["sink", "mqtt", "broker"];
    both(document, ("username", "password"), &["sink", "mqtt"]);
    let prefix = raw.prefix.map(|prefix| prefix.0).unwrap_or_default();
    if prefix.contains(['+', '#', '\0'])
        || prefix.starts_with('$')
        || (!prefix.is_empty() && !topics::is_filter(&prefix))
    {
        let at = document.at(place!["sink", "mqtt", "prefix"]);
        document.error(at, "no topic can begin so", "leave out `+`, `#` and a leading `$`, for example `sites/`");
    }
    let Broker { host, port, secure } = broker(document, place, &raw.broker?.0)?;
    let tls = tls(document, "mqtt", secure, raw.tls.as_ref(), context);
    let credentials = raw.username.zip(raw.password).map(|(user, password)| (user.0, password.0));
    if credentials.is_some() && !secure && !is_local(&host) {
        unencrypted(document, place, "user and password", "mqtts://");
    }
    let token_file = raw.token_file.map(|file| {
        let file = context.absolute(&file.0);
        // Not an input: the connection itself watches it.
        existing(document, place!["sink", "mqtt", "token_file"], &file, &mut Vec::new());
        file
    });
    if token_file.is_some() && credentials.is_some() {
        let at = document.at_key(place!["sink", "mqtt", "token_file"]);
        document.error(at, "the sink has both a `token_file` and a user", "keep one of them");
    }
    Some(Sink::Mqtt(MqttSinkConfig {
        host,
        port,
        tls,
        credentials,
        token_file,
        client_id: raw.client_id.map(|id| id.0),
        prefix,
        in_flight: raw.in_flight,
        timeout: raw.timeout.0,
    }))
}
