//! `sink: {smtp: …}`.

use parapet_contracts::{AlertChange, Severity};
use parapet_rule_sql::schedule::Schedule;

use super::unencrypted;
use crate::{
    check::{Context, both, broker, is_local},
    checked::{Digest, Encryption, Hold, Mailbox, Sink, SmtpSinkConfig},
    document::{Document, place},
    raw::{RawMailUpdate, RawSmtpSink, RawUploader, RawUrgent, Text},
    words,
    yaml::Step,
};

/// What a subject may name.
const PLACES: [&str; 7] = ["site", "rule", "camera", "severity", "title", "message", "time"];

pub(super) fn smtp(document: &mut Document<RawUploader>, raw: RawSmtpSink, context: &mut Context<'_>) -> Option<Sink> {
    both(document, ("username", "password"), &["sink", "smtp"]);
    let from = raw.from.as_ref().and_then(|text| mailbox(document, &[Step::Key("from")], text));
    let list = |document: &mut Document<RawUploader>, key: &str, texts: &[Text]| {
        let each = |(index, text)| mailbox(document, &[Step::Key(key), Step::Index(index)], text);
        texts.iter().enumerate().map(each).collect::<Option<Vec<Mailbox>>>()
    };
    let to = list(document, "to", raw.to.as_deref().unwrap_or_default());
    let (cc, bcc) = (list(document, "cc", &raw.cc), list(document, "bcc", &raw.bcc));
    subject(document, &raw.subject.0);
    let quiet_hours = raw.quiet_hours.as_ref().and_then(|text| quiet_hours(document, &text.0));
    let server = server(document, &raw)?;
    let place = [Step::Key("sink"), Step::Key("smtp"), Step::Key("tls")];
    if server.encryption == Encryption::None && document.has(&place) {
        let at = document.at_key(&place);
        document.error(at, "`tls` makes no sense with `plain: true`", "remove one of them");
    }
    let dir = context.dir;
    let tls = broker::tls(document, &["sink", "smtp", "tls"], raw.tls.as_ref(), dir, &mut context.inputs);
    let credentials = raw.username.zip(raw.password).map(|(user, password)| (user.0, password.0));
    if server.encryption == Encryption::None && !is_local(&server.host) {
        let what = if credentials.is_some() { "user, password and pictures" } else { "alerts and their pictures" };
        unencrypted(document, place!["sink", "smtp", "server"], what, "smtps://");
    }
    Some(Sink::Smtp(SmtpSinkConfig {
        host: server.host,
        port: server.port,
        encryption: server.encryption,
        tls,
        credentials,
        from: from?,
        to: to?,
        cc: cc?,
        bcc: bcc?,
        subject: raw.subject.0,
        updates: raw.updates.into_iter().map(change).collect(),
        hold: Hold {
            digest: raw.digest.map(|digest| Digest { within: digest.within.0, most: digest.most as usize }),
            quiet_hours,
            urgent: urgent(raw.urgent),
        },
        picture: raw.picture,
        max_bytes: raw.max_size.0,
        time_zone: context.time_zone.clone(),
        timeout: raw.timeout.0,
    }))
}

struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
}

fn server(document: &mut Document<RawUploader>, raw: &RawSmtpSink) -> Option<Server> {
    const FORM: &str = "write `smtps://HOST[:465]`, or `smtp://HOST[:587]` with STARTTLS";
    let place = place!["sink", "smtp", "server"];
    let parsed = url::Url::parse(&raw.server.as_ref()?.0).ok();
    let fits = |url: &url::Url| {
        matches!(url.scheme(), "smtp" | "smtps")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
    };
    let Some(url) = parsed.filter(fits) else {
        document.error(document.at(place), "this is no address of a mail server", FORM);
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        let help = "move them to `username:` and `password:`, for example `password: ${env:MAIL_PASSWORD}`";
        document.error(document.at(place), "the address holds a user or password", help);
        return None;
    }
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    let encryption = match (url.scheme(), raw.plain) {
        ("smtps", true) => {
            let at = document.at_key(place!["sink", "smtp", "plain"]);
            document.error(at, "`plain` and `smtps://` contradict each other", "remove `plain`, or write `smtp://`");
            return None;
        }
        ("smtps", false) => Encryption::Tls,
        (_, true) => Encryption::None,
        (_, false) if is_local(&host) => Encryption::StartTlsIfOffered,
        (_, false) => Encryption::StartTls,
    };
    let port = url.port().unwrap_or(if encryption == Encryption::Tls { 465 } else { 587 });
    Some(Server { host, port, encryption })
}

/// `NAME <USER@HOST>`, or the address alone; tells what is none.
fn mailbox(document: &mut Document<RawUploader>, inner: &[Step<'_>], text: &Text) -> Option<Mailbox> {
    let place: Vec<Step<'_>> = [Step::Key("sink"), Step::Key("smtp")].iter().chain(inner).copied().collect();
    let found = Mailbox::parse(&text.0);
    if found.is_none() {
        let help = "write `guard@example.org` or `Guard <guard@example.org>`";
        document.error(document.at(&place), "this is no address of a mailbox", help);
    }
    found
}

fn subject(document: &mut Document<RawUploader>, text: &str) {
    let place = place!["sink", "smtp", "subject"];
    if document.resolved(place) {
        return; // Its words are not to be quoted.
    }
    for part in text.split('{').skip(1) {
        let name = part.split('}').next().unwrap_or_default();
        if !part.contains('}') || !PLACES.contains(&name) {
            let message = format!("a subject knows no `{{{}}}`", words::shown(name));
            document.error(document.at(place), message, words::did_you_mean(name, "Known", &PLACES));
        }
    }
}

/// Times in which there is quiet, and an end to it.
fn quiet_hours(document: &mut Document<RawUploader>, text: &str) -> Option<String> {
    let place = place!["sink", "smtp", "quiet_hours"];
    match Schedule::parse(text) {
        Err(why) => {
            let why = if document.resolved(place) { String::new() } else { format!(": {why}") };
            let help = "for example `mon-fri 22:00-06:00, sat, sun`";
            document.error(document.at(place), format!("this is no schedule{why}"), help);
            None
        }
        Ok(schedule) => {
            // A week of any year, minute by minute: what is never over would never be sent.
            let monday = jiff::civil::date(2026, 6, 1).at(0, 0, 0, 0);
            let mut minutes = (0..7 * 24 * 60).map(|minute| monday + jiff::Span::new().minutes(minute));
            if minutes.all(|minute| schedule.covers(minute)) {
                document.error(document.at(place), "it is always quiet", "leave a time in which mails may be sent");
                return None;
            }
            Some(text.to_owned())
        }
    }
}

fn change(raw: RawMailUpdate) -> AlertChange {
    match raw {
        RawMailUpdate::Resolved => AlertChange::Resolved,
        RawMailUpdate::Acknowledged => AlertChange::Acknowledged,
        RawMailUpdate::Escalated => AlertChange::Escalated,
        RawMailUpdate::Reminded => AlertChange::Reminded,
        RawMailUpdate::Evidence => AlertChange::Evidence,
    }
}

fn urgent(raw: RawUrgent) -> Option<Severity> {
    match raw {
        RawUrgent::Info => Some(Severity::Info),
        RawUrgent::Warning => Some(Severity::Warning),
        RawUrgent::Critical => Some(Severity::Critical),
        RawUrgent::Never => None,
    }
}
