//! Addresses of network sources, and why one can't be reached.
//!
//! GStreamer says "generic error" for a name that does not resolve, a refused connection and a dead host alike. When it
//! could not connect, the same address is tried once more here, so that the error can say which of them it was.

use std::{
    io::ErrorKind as Io,
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use parapet_contracts::ports::media::MediaError;

use crate::errors::{reject, retry};

/// How long the second try may take.
const TRY: Duration = Duration::from_secs(2);

/// Where a network source listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) scheme: String,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Endpoint {
    /// Takes an address apart. Credentials in it are refused: they would end up in texts that people see.
    pub(crate) fn parse(url: &str, schemes: &[&str]) -> Result<Self, MediaError> {
        let malformed = |what: &str| reject("unsupported", format!("the address is malformed: {what}"));
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| malformed("expected something like rtsp://host/path"))?;
        let scheme = scheme.to_ascii_lowercase();
        if !schemes.contains(&scheme.as_str()) {
            return Err(malformed(&format!("it must begin with one of {}", schemes.join(", "))));
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
        if authority.contains('@') {
            return Err(malformed("user and password do not belong into it; give them as secrets"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => {
                let (host, after) = v6.split_once(']').ok_or_else(|| malformed("a bracket is missing"))?;
                (host, after.strip_prefix(':').unwrap_or(after))
            }
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        if host.is_empty() || url.chars().any(char::is_control) {
            return Err(malformed("it names no host"));
        }
        let default = match scheme.as_str() {
            "rtsps" => 322,
            "http" => 80,
            "https" => 443,
            _ => 554,
        };
        let port = if port.is_empty() {
            default
        } else {
            port.parse().ok().filter(|p| *p > 0).ok_or_else(|| malformed("the port is no number from 1 to 65535"))?
        };
        Ok(Self { scheme, host: host.to_owned(), port })
    }

    /// True when it is spoken to through TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self.scheme.as_str(), "rtsps" | "https")
    }

    /// Says why GStreamer could not connect. Blocks for about two seconds a resolved address at most, four addresses at most.
    pub(crate) fn why_unreachable(&self) -> MediaError {
        let at = format!("{}:{}", self.host, self.port);
        let addresses = match (self.host.as_str(), self.port).to_socket_addrs() {
            Ok(addresses) => addresses.take(4).collect::<Vec<_>>(),
            Err(_) => {
                let text =
                    format!("the name {} does not resolve: check the address, and the site's name server", self.host);
                return retry("unreachable", text);
            }
        };
        let mut last = None;
        for address in addresses {
            match TcpStream::connect_timeout(&address, TRY) {
                Ok(_) => {
                    let speaks = self.scheme.to_uppercase();
                    return retry(
                        "unreachable",
                        format!(
                            "{at} accepts connections, but does not answer as {speaks}: check scheme, port and, with TLS, the certificate"
                        ),
                    );
                }
                Err(error) => last = Some(error.kind()),
            }
        }
        let text = match last {
            Some(Io::ConnectionRefused) => {
                format!("{at} refuses connections: check the port, and that the camera's server runs")
            }
            Some(Io::NetworkUnreachable | Io::HostUnreachable) => {
                format!("there is no route to {at}: check the site's network and the address")
            }
            _ => format!("{at} does not answer: check that the camera has power and network, and the address"),
        };
        retry("unreachable", text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let parse = |url| Endpoint::parse(url, &["rtsp", "rtsps", "http", "https"]).map(|e| (e.host, e.port));
        assert_eq!(parse("rtsp://cam/stream").unwrap(), ("cam".to_owned(), 554));
        assert_eq!(parse("RTSPS://cam").unwrap().1, 322);
        assert_eq!(parse("http://10.0.0.1:8080?x=1").unwrap(), ("10.0.0.1".to_owned(), 8080));
        assert_eq!(parse("https://[::1]:9/x").unwrap(), ("::1".to_owned(), 9));
        assert_eq!(parse("https://[::1]/x").unwrap(), ("::1".to_owned(), 443));
        for bad in
            ["rtsp:/cam", "ftp://cam", "rtsp://", "rtsp://cam:0/", "rtsp://cam:99999/", "rtsp://[::1", "rtsp://c\nam/"]
        {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn credentials_in_an_address_are_refused_and_not_repeated() {
        let error = Endpoint::parse("rtsp://canary:hunter2@cam/x", &["rtsp"]).unwrap_err();
        assert!(error.text.contains("secrets"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn no_address_makes_parsing_fail(url in "(rtsp|http)://.{0,60}") {
            if let Ok(endpoint) = Endpoint::parse(&url, &["rtsp", "http"]) {
                proptest::prop_assert!(!endpoint.host.is_empty() && endpoint.port > 0);
                proptest::prop_assert!(url.contains(&endpoint.host));
            }
        }
    }

    #[test]
    fn a_refused_connection_is_told_from_an_unknown_name() {
        let refused = Endpoint::parse("rtsp://127.0.0.1:1/", &["rtsp"]).unwrap().why_unreachable();
        assert!(refused.text.contains("refuses"), "{refused}");
        let unknown = Endpoint::parse("rtsp://no-such-host.invalid/", &["rtsp"]).unwrap().why_unreachable();
        assert!(unknown.text.contains("does not resolve"), "{unknown}");
    }
}
