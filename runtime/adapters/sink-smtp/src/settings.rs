//! What a mail sink needs to know.

use std::{path::PathBuf, time::Duration};

use jiff::tz::TimeZone;
use lettre::message::Mailbox;
use parapet_contracts::{AlertChange, Secret};

/// What a mail sink needs to know.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Host name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Encryption on the way to it.
    pub encryption: Encryption,
    /// Certificates to trust, PEM; the system's when absent.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate chain and key, PEM.
    pub client: Option<(PathBuf, PathBuf)>,
    /// User and password.
    pub credentials: Option<(Secret, Secret)>,
    /// Who is who.
    pub people: People,
    /// The subject of an alert's mail, with places for words in braces: `site`, `rule`, `camera`, `severity`, `title`, `message`, `time`.
    pub subject: String,
    /// What becomes of an alert that is a mail, too. The rest counts as sent.
    pub updates: Vec<AlertChange>,
    /// Whether pictures are in the mails.
    pub pictures: bool,
    /// The biggest mail in bytes: pictures that would make it bigger are left out.
    pub max_bytes: u64,
    /// The zone of the times in the text.
    pub time_zone: TimeZone,
    /// How long the server may take for one mail.
    pub timeout: Duration,
}

/// Encryption on the way to a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// From the first byte on.
    Tls,
    /// Asked for in clear (RFC 3207), and nothing is sent without.
    StartTls,
    /// As [`Encryption::StartTls`] when the server offers it: for a server on this machine.
    StartTlsIfOffered,
    /// None at all.
    None,
}

/// Sender and receivers.
#[derive(Debug, Clone)]
pub struct People {
    /// The sender.
    pub from: Mailbox,
    /// Who gets each mail; one at least.
    pub to: Vec<Mailbox>,
    /// Who gets a copy.
    pub cc: Vec<Mailbox>,
    /// Who gets a copy that the others do not see.
    pub bcc: Vec<Mailbox>,
}

impl People {
    /// Reads addresses, each with or without a name: `Guard <guard@example.org>`.
    ///
    /// # Errors
    /// When one of them is none, or nobody gets the mails.
    pub fn new(from: &str, to: &[String], cc: &[String], bcc: &[String]) -> Result<Self, String> {
        let one = |text: &str| text.parse().map_err(|error| format!("`{text}` is no address of a mailbox: {error}"));
        let all = |texts: &[String]| texts.iter().map(|text| one(text)).collect::<Result<Vec<Mailbox>, String>>();
        let people = Self { from: one(from)?, to: all(to)?, cc: all(cc)?, bcc: all(bcc)? };
        if people.to.is_empty() { Err("nobody gets the mails".to_owned()) } else { Ok(people) }
    }

    /// All receivers, in a fixed order.
    pub(crate) fn receivers(&self) -> impl Iterator<Item = &Mailbox> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }
}

impl SmtpSettings {
    /// Everything of an alert, with its picture, within 10 MiB and a minute.
    pub fn new(host: impl Into<String>, port: u16, encryption: Encryption, people: People) -> Self {
        Self {
            host: host.into(),
            port,
            encryption,
            ca_file: None,
            client: None,
            credentials: None,
            people,
            subject: "[{site}] {severity}: {title}".to_owned(),
            updates: vec![AlertChange::Resolved, AlertChange::Escalated, AlertChange::Reminded],
            pictures: true,
            max_bytes: 10 << 20,
            time_zone: TimeZone::UTC,
            timeout: Duration::from_secs(60),
        }
    }
}
