//! `sink: {smtp: …}`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    raw::{RawTls, SecretText, Text, yes},
    units::{Size, Span},
};

/// E-mail: each alert is a mail with its picture, as text and as HTML. What becomes of an alert is an answer to its mail.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSmtpSink {
    /// The mail server: `smtp://HOST[:587]` with STARTTLS, or `smtps://HOST[:465]` with TLS from the first byte on. A server on this machine
    /// (`smtp://127.0.0.1:25`) may do without.
    #[schemars(extend("examples" = ["smtps://mail.example.org"]))]
    #[schemars(required)]
    pub server: Option<Text>,
    /// Sends to a `smtp://` server elsewhere without encryption: everybody on the way can read the mails.
    #[serde(default)]
    pub plain: bool,
    /// The user at the server.
    pub username: Option<SecretText>,
    /// The password at the server.
    pub password: Option<SecretText>,
    /// Which certificates are trusted, and the client's own.
    pub tls: Option<RawTls>,
    /// The sender: `parapet@example.org` or `Parapet <parapet@example.org>`.
    #[schemars(extend("examples" = ["Parapet <parapet@example.org>"]))]
    #[schemars(required)]
    pub from: Option<Text>,
    /// Who gets each mail.
    #[schemars(extend("examples" = [["guard@example.org"]]))]
    #[schemars(required, length(min = 1, max = 100))]
    pub to: Option<Vec<Text>>,
    /// Who gets a copy.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub cc: Vec<Text>,
    /// Who gets a copy that the others do not see.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub bcc: Vec<Text>,
    /// The subject, with `{site}`, `{rule}`, `{camera}`, `{severity}`, `{title}` (the rule's title, or its message), `{message}` and `{time}`.
    #[serde(default = "subject")]
    pub subject: Text,
    /// What becomes of an alert that is a mail, too. The rest is left out.
    #[serde(default = "updates")]
    pub updates: Vec<RawMailUpdate>,
    /// Several alerts within a time are one mail.
    pub digest: Option<RawDigest>,
    /// When no mail is sent, in the site's time zone and in the form of `schedules`. What waits is one mail afterwards.
    #[schemars(extend("examples" = ["mon-fri 22:00-06:00, sat, sun"]))]
    pub quiet_hours: Option<Text>,
    /// Alerts that are at least so severe wait for no digest and no quiet hours.
    #[serde(default)]
    pub urgent: RawUrgent,
    /// Whether the alert's picture is in the mail.
    #[serde(default = "yes")]
    pub picture: bool,
    /// The biggest mail. Pictures that would make it bigger are left out, and the mail says so.
    #[serde(default = "max_size")]
    #[schemars(extend("x-min" = "16KiB", "x-max" = "100MiB"))]
    pub max_size: Size,
    /// How long the server may take for one mail.
    #[serde(default = "patience")]
    #[schemars(extend("x-min" = "1s", "x-max" = "10m"))]
    pub timeout: Span,
}

/// What becomes of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawMailUpdate {
    /// Its condition no longer holds.
    Resolved,
    /// Somebody has taken notice.
    Acknowledged,
    /// It went on for so long that it is worse than it was.
    Escalated,
    /// It goes on and nobody has taken notice.
    Reminded,
    /// There is a clip of it.
    Evidence,
}

/// Several alerts within a time are one mail.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawDigest {
    /// How long the first one waits for others.
    #[schemars(extend("x-min" = "1s", "x-max" = "1d"))]
    pub within: Span,
    /// At most so many in one mail; also of what has waited through quiet hours.
    #[schemars(range(min = 2, max = 500))]
    pub most: u32,
}

impl Default for RawDigest {
    fn default() -> Self {
        Self { within: Span(Duration::from_secs(300)), most: 50 }
    }
}

/// What waits for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawUrgent {
    /// Everything.
    Info,
    /// Warnings and critical alerts.
    Warning,
    /// Critical alerts.
    #[default]
    Critical,
    /// Nothing.
    Never,
}

fn subject() -> Text {
    Text("[{site}] {severity}: {title}".to_owned())
}

fn updates() -> Vec<RawMailUpdate> {
    vec![RawMailUpdate::Resolved, RawMailUpdate::Escalated, RawMailUpdate::Reminded]
}

fn max_size() -> Size {
    Size(10 << 20)
}

fn patience() -> Span {
    Span(Duration::from_secs(60))
}
