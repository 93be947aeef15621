//! Mails: text and HTML, with their pictures beside the HTML, as RFC 2045, 2387 and 5322 say. Pure.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use lettre::{
    Message,
    message::{
        Attachment, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};
use parapet_contracts::{Severity, hex};
use sha2::{Digest as _, Sha256};

use crate::{
    news::{News, one_line, subject},
    settings::People,
};

/// A picture, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Picture {
    /// Its bytes and their media type.
    There(Vec<u8>, String),
    /// In words.
    Missing(&'static str),
    /// Nobody expects one.
    None,
}

/// One thing that is told, with its picture and the id by which a receiver knows it again.
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) news: News,
    pub(crate) picture: Picture,
}

/// A mail, ready to be sent.
pub(crate) struct Mail {
    /// `<ID@DOMAIN>`.
    pub(crate) message_id: String,
    /// The whole message as it goes over the wire.
    pub(crate) bytes: Vec<u8>,
}

/// Writes the mail that tells these; there is one at least. What is told again has the same `Message-ID`.
///
/// # Errors
/// When the message can't be made, in words.
pub(crate) fn compose(
    told: &[Told],
    people: &People,
    template: &str,
    zone: &TimeZone,
    now: std::time::SystemTime,
) -> Result<Mail, String> {
    let domain = people.from.email.domain();
    let message_id = message_id(told, domain);
    let (subject, text, html) = match told {
        [one] => (subject(template, &one.news, zone), text(one, zone), page(&block(one, 0, zone))),
        several => digest(several, zone),
    };
    let mut builder = Message::builder()
        .from(people.from.clone())
        .subject(subject)
        .date(now)
        .message_id(Some(message_id.clone()))
        .raw_header(field("Auto-Submitted", "auto-generated"))
        .raw_header(field("X-Parapet-Event", &told.iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(" ")));
    for mailbox in &people.to {
        builder = builder.to(mailbox.clone());
    }
    for mailbox in &people.cc {
        builder = builder.cc(mailbox.clone());
    }
    if let [Told { news: News::Update(update), .. }] = told {
        let thread = format!("<{}@{domain}>", update.alert);
        builder = builder.in_reply_to(thread.clone()).references(thread);
    }
    if told.iter().any(|one| one.news.severity() == Severity::Critical) {
        builder = builder.raw_header(field("Importance", "high")).raw_header(field("X-Priority", "1"));
    }
    let mut pictures = Vec::new();
    for (index, one) in told.iter().enumerate() {
        if let Picture::There(bytes, media_type) = &one.picture {
            let media = ContentType::parse(media_type).map_err(|_| format!("`{media_type}` is no media type"))?;
            let name = format!("{}.{}", one.id, media_type.rsplit('/').next().unwrap_or("jpeg"));
            pictures.push(Attachment::new_inline_with_name(content_id(index), name).body(bytes.clone(), media));
        }
    }
    let (alternative, html) = (MultiPart::alternative().singlepart(SinglePart::plain(text)), SinglePart::html(html));
    let body = if pictures.is_empty() {
        alternative.singlepart(html)
    } else {
        alternative.multipart(pictures.into_iter().fold(MultiPart::related().singlepart(html), MultiPart::singlepart))
    };
    let message = builder.multipart(body).map_err(|error| format!("the mail can't be made: {error}"))?;
    Ok(Mail { message_id, bytes: message.formatted() })
}

/// The same for the same things, so that what comes twice is known again.
fn message_id(told: &[Told], domain: &str) -> String {
    match told {
        [one] => format!("<{}@{domain}>", one.id),
        several => {
            let mut hash = Sha256::new();
            several.iter().for_each(|one| hash.update(one.id.as_bytes()));
            format!("<digest-{}@{domain}>", hex(&hash.finalize()[..16]))
        }
    }
}

fn content_id(index: usize) -> String {
    format!("picture-{index}@parapet")
}

/// A header field of ASCII; what is none is left out of it. Long ones are folded where a space is.
fn field(name: &'static str, value: &str) -> HeaderValue {
    let value = value.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

/// Subject, text and HTML of several.
fn digest(told: &[Told], zone: &TimeZone) -> (String, String, String) {
    let mut rules: Vec<(&str, usize)> = Vec::new();
    for one in told {
        let name = if one.news.rule().is_empty() { "failures" } else { one.news.rule() };
        match rules.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => rules.push((name, 1)),
        }
    }
    rules.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rules: Vec<String> = rules.iter().take(5).map(|(name, count)| format!("{name} × {count}")).collect();
    let site = told.first().map(|one| one.news.site()).unwrap_or_default();
    let worst = told.iter().map(|one| one.news.severity()).max().unwrap_or(Severity::Info);
    let title = format!("[{site}] {} messages, {worst} at most: {}", told.len(), rules.join(", "));
    let texts: Vec<String> = told.iter().map(|one| text(one, zone)).collect();
    let blocks: Vec<String> = told.iter().enumerate().map(|(index, one)| block(one, index, zone)).collect();
    (one_line(&title), texts.join("\n----------------------------------------\n\n"), page(&blocks.join("<hr>\n")))
}

fn text(one: &Told, zone: &TimeZone) -> String {
    let mut out = format!("{}\n", one_line(&one.news.title()));
    if one.news.message() != one.news.title() {
        writeln!(out, "{}", one.news.message()).ok();
    }
    out.push('\n');
    for (what, value) in one.news.lines(zone) {
        writeln!(out, "{what:<10}{}", one_line(&value)).ok();
    }
    if let Picture::Missing(why) = one.picture {
        writeln!(out, "\n{why}").ok();
    }
    out
}

fn block(one: &Told, index: usize, zone: &TimeZone) -> String {
    let colour = match one.news.severity() {
        Severity::Critical => "#b00020",
        Severity::Warning => "#9a5b00",
        Severity::Info => "#1f5f8b",
    };
    let mut out = format!("<h2 style=\"margin:0 0 8px;color:{colour}\">{}</h2>\n", escaped(&one.news.title()));
    if one.news.message() != one.news.title() {
        writeln!(out, "<p>{}</p>", escaped(&one.news.message())).ok();
    }
    match &one.picture {
        Picture::There(..) => {
            let source = content_id(index);
            let alt = escaped(&one.news.title());
            writeln!(out, "<p><img src=\"cid:{source}\" alt=\"{alt}\" style=\"max-width:100%\"></p>").ok();
        }
        Picture::Missing(why) => drop(writeln!(out, "<p><em>{}</em></p>", escaped(why))),
        Picture::None => {}
    }
    out.push_str("<table style=\"border-spacing:0\">\n");
    for (what, value) in one.news.lines(zone) {
        let label = "padding:2px 12px 2px 0;color:#555";
        writeln!(out, "<tr><td style=\"{label}\">{what}</td><td>{}</td></tr>", escaped(&value)).ok();
    }
    out.push_str("</table>\n");
    out
}

fn page(body: &str) -> String {
    let style = "font-family:sans-serif;font-size:15px";
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body style=\"{style}\">\n{body}</body></html>\n"
    )
}

/// Text that HTML shows as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parapet_testkit::conformance::samples;

    use super::*;

    fn told(n: u64, message: &str, picture: Picture) -> Told {
        let mut alert = samples::alert(n, "gate", "intruder", Severity::Warning, n);
        alert.message = message.to_owned();
        Told { id: alert.id.to_string(), news: News::Alert(Box::new(alert)), picture }
    }

    fn mail(told: &[Told]) -> (String, String) {
        let people =
            People::new("P <p@example.org>", &["a@b.org".to_owned()], &[], &["hidden@b.org".to_owned()]).unwrap();
        let mail = compose(told, &people, "{title}", &TimeZone::UTC, std::time::UNIX_EPOCH).unwrap();
        (mail.message_id, String::from_utf8(mail.bytes).unwrap())
    }

    #[test]
    fn what_is_told_again_has_the_same_id_and_another_thing_another() {
        let one = || told(1, "x", Picture::None);
        assert_eq!(mail(&[one()]).0, mail(&[one()]).0);
        assert_ne!(mail(&[one()]).0, mail(&[told(2, "x", Picture::None)]).0);
        let both = || [one(), told(2, "y", Picture::None)];
        assert_eq!(mail(&both()).0, mail(&both()).0);
        assert_ne!(mail(&both()).0, mail(&[told(2, "y", Picture::None), one()]).0);
    }

    #[test]
    fn markup_in_a_message_is_text_and_hidden_receivers_stay_hidden() {
        let (_, text) = mail(&[told(1, "<script>alert('x')</script>", Picture::None)]);
        assert!(text.contains("&lt;script&gt;") && !text.contains("hidden@"), "{text}");
    }

    #[test]
    fn a_picture_lies_beside_the_html_that_shows_it() {
        let (_, text) = mail(&[told(1, "x", Picture::There(vec![0xff, 0xd8, 0xff], "image/jpeg".to_owned()))]);
        assert!(text.contains("multipart/related") && text.contains("Content-ID: <picture-0@parapet>"), "{text}");
        assert!(text.contains("cid:picture-0@parapet") && text.contains("Content-Disposition: inline"), "{text}");
        let (_, without) = mail(&[told(1, "x", Picture::Missing("The picture is gone."))]);
        assert!(without.contains("The picture is gone.") && !without.contains("multipart/related"));
    }
}
