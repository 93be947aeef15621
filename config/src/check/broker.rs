//! The address of an MQTT broker, and TLS to any server: the same for the site's bus and for sinks.

use std::path::{Path, PathBuf};

use crate::{
    checked::TlsConfig,
    document::Document,
    raw::{PathText, RawTls},
    yaml::Step,
};

/// Where a broker is.
pub(super) struct Broker {
    pub(super) host: String,
    pub(super) port: u16,
    /// With TLS.
    pub(super) secure: bool,
}

/// Reads `mqtt://HOST[:1883]` or `mqtts://HOST[:8883]`; tells what is wrong with it.
pub(super) fn broker<T>(document: &mut Document<T>, place: &[Step<'_>], address: &str) -> Option<Broker> {
    const FORM: &str = "expected `mqtt://HOST[:1883]` or `mqtts://HOST[:8883]`";
    let at = document.at(place);
    let parsed = url::Url::parse(address).ok();
    let fits = |url: &url::Url| {
        matches!(url.scheme(), "mqtt" | "mqtts") && url.host_str().is_some_and(|host| !host.is_empty())
    };
    let Some(url) = parsed.filter(fits) else {
        document.error(at, "this is no address of a broker", FORM);
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        document.error(
            at,
            "the address holds a user or password",
            "move them to `username:` and `password:`, for example `password: ${env:MQTT_PASSWORD}`",
        );
        return None;
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        document.error(at, "the address of a broker has no path", FORM);
    }
    let secure = url.scheme() == "mqtts";
    Some(Broker {
        host: url.host_str()?.to_owned(),
        port: url.port().unwrap_or(if secure { 8883 } else { 1883 }),
        secure,
    })
}

/// The files of TLS below `parents`; each is watched from now on.
pub(super) fn tls<T>(
    document: &mut Document<T>,
    parents: &[&str],
    raw: Option<&RawTls>,
    dir: &Path,
    inputs: &mut Vec<PathBuf>,
) -> TlsConfig {
    let Some(raw) = raw else { return TlsConfig::default() };
    super::both(document, ("cert", "key"), parents);
    let mut file = |key: &str, path: &Option<PathText>| {
        path.as_ref().map(|path| {
            let file = super::absolute(dir, &path.0);
            let place: Vec<Step<'_>> = parents.iter().map(|p| Step::Key(p)).chain([Step::Key(key)]).collect();
            existing(document, &place, &file, inputs);
            file
        })
    };
    let (ca, cert, key) = (file("ca", &raw.ca), file("cert", &raw.cert), file("key", &raw.key));
    TlsConfig { ca, client: cert.zip(key) }
}

/// Tells a file that is not there; it is watched from now on.
pub(super) fn existing<T>(document: &mut Document<T>, place: &[Step<'_>], file: &Path, inputs: &mut Vec<PathBuf>) {
    inputs.push(file.to_owned());
    if !file.is_file() {
        let message = format!("there is no file {}", super::quoted(document, place));
        document.error(document.at(place), message, "a relative path begins at the site's folder");
    }
}
