//! E-mail, and what waits for others to come along.

use std::time::Duration;

use parapet_contracts::{AlertChange, Secret, Severity};

use super::TlsConfig;

/// A mail server, and who gets what.
#[derive(Debug, Clone, PartialEq)]
pub struct SmtpSinkConfig {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Encryption on the way to it.
    pub encryption: Encryption,
    /// Which certificates are trusted, and the client's own.
    pub tls: TlsConfig,
    /// User and password.
    pub credentials: Option<(Secret, Secret)>,
    /// The sender.
    pub from: Mailbox,
    /// Who gets each mail.
    pub to: Vec<Mailbox>,
    /// Who gets a copy.
    pub cc: Vec<Mailbox>,
    /// Who gets a copy unseen.
    pub bcc: Vec<Mailbox>,
    /// The subject, with places for words in braces.
    pub subject: String,
    /// What becomes of an alert that is a mail, too.
    pub updates: Vec<AlertChange>,
    /// What waits for others, and for the end of the quiet.
    pub hold: Hold,
    /// Whether pictures are in the mails.
    pub picture: bool,
    /// The biggest mail in bytes.
    pub max_bytes: u64,
    /// The zone of the times in the text.
    pub time_zone: jiff::tz::TimeZone,
    /// How long one mail may take.
    pub timeout: Duration,
}

/// Encryption on the way to a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// From the first byte on.
    Tls,
    /// Asked for in clear, and nothing is sent without.
    StartTls,
    /// Used when the server offers it: on this machine alone.
    StartTlsIfOffered,
    /// None at all.
    None,
}

/// A person or a list, by the address of its mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// What stands before the address.
    pub name: Option<String>,
    /// `user@host`, in ASCII.
    pub address: String,
}

impl Mailbox {
    /// Reads `user@host` or `Name <user@host>`; `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, address) = match text.trim().strip_suffix('>') {
            Some(rest) => {
                let (name, address) = rest.rsplit_once('<')?;
                (name.trim().trim_matches('"').trim(), address.trim())
            }
            None => ("", text.trim()),
        };
        let (user, host) = address.rsplit_once('@')?;
        let plain = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"@".contains(c);
        let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let user_fits = !user.is_empty() && user.len() <= 64 && user.chars().all(plain);
        let user_fits = user_fits && !user.starts_with('.') && !user.ends_with('.') && !user.contains("..");
        let fits = user_fits && host.len() <= 253 && host.split('.').all(label) && !name.contains(char::is_control);
        fits.then(|| Self { name: (!name.is_empty()).then(|| name.to_owned()), address: address.to_owned() })
    }
}

/// What an uploader lets wait, so that it goes with others or at another time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hold {
    /// Several within a time go together.
    pub digest: Option<Digest>,
    /// Nothing goes in these times, in the site's zone: a schedule that can be read and is not always on.
    pub quiet_hours: Option<String>,
    /// What is at least so severe waits for nothing.
    pub urgent: Option<Severity>,
}

/// Several within a time go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// How long the first one waits for others.
    pub within: Duration,
    /// At most so many.
    pub most: usize,
}

impl Hold {
    /// How many go together at most.
    pub fn most(&self) -> usize {
        self.digest.map_or(50, |digest| digest.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_an_address_with_or_without_a_name() {
        let parsed = |text: &str| Mailbox::parse(text).map(|m| (m.name.unwrap_or_default(), m.address));
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(parsed("a.b+c@mail.example.org"), pair("", "a.b+c@mail.example.org"));
        assert_eq!(parsed(" Wächter Süd <a@b> "), pair("Wächter Süd", "a@b"));
        assert_eq!(parsed("\"Doe, Jane\" <j@b.org>"), pair("Doe, Jane", "j@b.org"));
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c",
            "a@b c",
            "a@b..c",
            ".a@b",
            "a@b>",
            "<a@b",
            "a@b\r\nBcc: x@y",
            "N\nBcc: x@y <a@b>",
            "ä@b",
        ] {
            assert_eq!(parsed(bad), None, "{bad:?}");
        }
    }
}
