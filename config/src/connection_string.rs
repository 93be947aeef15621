//! Connection strings of Azure Event Hubs. They are secrets: no error holds a part of one.
//!
//! <https://learn.microsoft.com/azure/event-hubs/event-hubs-get-connection-string>

use std::collections::BTreeMap;

/// What a connection string says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConnectionString {
    /// The namespace's host.
    pub(crate) host: String,
    /// The port, when the endpoint names one.
    pub(crate) port: Option<u16>,
    /// The event hub, when it is for one alone.
    pub(crate) entity: Option<String>,
    /// It is for the emulator, which speaks without TLS.
    pub(crate) emulator: bool,
}

/// Reads `Endpoint=sb://NAMESPACE.servicebus.windows.net/;SharedAccessKeyName=…;SharedAccessKey=…[;EntityPath=…]`.
///
/// # Errors
/// What is wrong with it, for people.
pub(crate) fn connection_string(text: &str) -> Result<ConnectionString, String> {
    let mut parts = BTreeMap::new();
    for part in text.trim().split(';').filter(|part| !part.trim().is_empty()) {
        let (key, value) = part.split_once('=').ok_or("a part of it has no `=`")?;
        let key = key.trim().to_ascii_lowercase();
        if parts.insert(key, value.trim()).is_some() {
            return Err("a part of it stands there twice".to_owned());
        }
    }
    let needs = |key: &str| format!("it has no `{key}=…`");
    let endpoint = parts.get("endpoint").ok_or_else(|| needs("Endpoint"))?;
    let url = url::Url::parse(endpoint).ok().filter(|url| url.scheme() == "sb");
    let host = url.as_ref().and_then(url::Url::host_str).filter(|host| !host.is_empty());
    let Some((url, host)) = url.as_ref().zip(host) else {
        return Err("its `Endpoint` is not of the form `sb://NAMESPACE.servicebus.windows.net/`".to_owned());
    };
    if !parts.contains_key("sharedaccesssignature") {
        for key in ["SharedAccessKeyName", "SharedAccessKey"] {
            if parts.get(key.to_ascii_lowercase().as_str()).is_none_or(|value| value.is_empty()) {
                return Err(needs(key));
            }
        }
    }
    let entity = parts.get("entitypath").map(|name| (*name).to_owned());
    let emulator = parts.get("usedevelopmentemulator").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    Ok(ConnectionString { host: host.to_owned(), port: url.port(), entity, emulator })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "SharedAccessKeyName=send;SharedAccessKey=canary7f3a+/abc=";

    #[test]
    fn what_the_portal_shows_is_read() {
        let of = |text: &str| connection_string(text).unwrap();
        let hub = of(&format!("Endpoint=sb://sites.servicebus.windows.net/;{KEY};EntityPath=alerts"));
        assert_eq!(
            (hub.host.as_str(), hub.port, hub.entity.as_deref()),
            ("sites.servicebus.windows.net", None, Some("alerts"))
        );
        let namespace = of(&format!(" endpoint=sb://sites.servicebus.windows.net ; {KEY} ;\n"));
        assert_eq!((namespace.entity, namespace.emulator), (None, false));
        let emulator = of(&format!("Endpoint=sb://localhost:5672;{KEY};UseDevelopmentEmulator=true;"));
        assert!(emulator.emulator && emulator.port == Some(5672));
        of("Endpoint=sb://x.servicebus.windows.net/;SharedAccessSignature=SharedAccessSignature sr=x&sig=y&se=1&skn=z");
    }

    #[test]
    fn what_is_missing_is_told_and_nothing_else() {
        for (text, told) in [
            ("", "no `Endpoint="),
            ("canary7f3a", "no `=`"),
            ("SharedAccessKey=canary7f3a", "no `Endpoint="),
            ("Endpoint=https://canary7f3a/", "`sb://NAMESPACE"),
            ("Endpoint=sb:///;x=y", "`sb://NAMESPACE"),
            ("Endpoint=sb://x/;SharedAccessKeyName=canary7f3a", "no `SharedAccessKey=…`"),
            ("Endpoint=sb://x/;SharedAccessKey=canary7f3a", "no `SharedAccessKeyName=…`"),
            ("Endpoint=sb://x/;Endpoint=sb://canary7f3a/", "twice"),
        ] {
            let error = connection_string(text).unwrap_err();
            assert!(error.contains(told) && !error.contains("canary"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_judged(text in "(Endpoint=sb://)?[a-zA-Z0-9=;:/ .ü\\[\\]@%-]{0,60}") {
            drop(connection_string(&text));
        }

        #[test]
        fn the_order_of_the_parts_says_nothing(swap in any::<bool>(), name in "[a-z]{1,20}", hub in "[a-z]{1,20}") {
            let endpoint = format!("Endpoint=sb://{name}.servicebus.windows.net/");
            let entity = format!("EntityPath={hub}");
            let text = if swap { format!("{entity};{KEY};{endpoint}") } else { format!("{endpoint};{KEY};{entity}") };
            let read = connection_string(&text).unwrap();
            prop_assert_eq!((read.host, read.entity), (format!("{name}.servicebus.windows.net"), Some(hub)));
        }
    }
}
