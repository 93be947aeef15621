//! Requests: who asks for what, and whether they may. Pure: the time is passed in.

use std::collections::{BTreeMap, VecDeque};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::SignedDuration;
use parapet_config::{RemoteClient, RemoteCommand};
use parapet_contracts::{SiteId, Timestamp, topics};
use ring::hmac;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::commands::Failed;

/// A request is no older and no younger than this.
const FRESH: SignedDuration = SignedDuration::from_secs(60);
/// So many requests are remembered, so that none counts twice.
const MOST_REMEMBERED: usize = 4_096;
/// No request is longer.
const MOST_BYTES: usize = 16 << 10;

/// A request as it comes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    client: &'a str,
    id: &'a str,
    time: &'a str,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    signature: &'a str,
}

/// A request that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Admitted {
    pub(super) client: String,
    pub(super) id: String,
    pub(super) command: RemoteCommand,
    /// JSON.
    pub(super) arguments: String,
}

/// Lets in what may come in.
pub(super) struct Gate {
    site: SiteId,
    clients: BTreeMap<String, RemoteClient>,
    seen: VecDeque<(Timestamp, String)>,
}

impl Gate {
    pub(super) fn new(site: SiteId, clients: BTreeMap<String, RemoteClient>) -> Self {
        Self { site, clients, seen: VecDeque::new() }
    }

    /// The request that a message is, when it counts.
    pub(super) fn admit(&mut self, name: &str, payload: &[u8], now: Timestamp) -> Result<Admitted, Failed> {
        if payload.len() > MOST_BYTES {
            return Err(Failed::new("malformed", format!("a request has at most {MOST_BYTES} bytes")));
        }
        let request: Request<'_> = serde_json::from_slice(payload)
            .map_err(|error| Failed::new("malformed", format!("this is no request: {error}")))?;
        // Who is not known and who can't sign are told the same.
        let refused = || Failed::new("unauthorised", "no client of this name has signed this");
        let client = self.clients.get(request.client).ok_or_else(refused)?;
        let arguments = request.arguments.map_or("{}", RawValue::get);
        let signed = text(&self.site, name, request.client, request.id, request.time, arguments);
        let signature = STANDARD.decode(request.signature).map_err(|_| refused())?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, client.key.expose().as_bytes());
        hmac::verify(&key, signed.as_bytes(), &signature).map_err(|_| refused())?;

        let command = RemoteCommand::named(name).ok_or_else(|| {
            let known = RemoteCommand::ALL.map(RemoteCommand::as_str).join(", ");
            Failed::new("unknown_command", format!("there is no such command: known are {known}"))
        })?;
        if !client.may.contains(&command) {
            return Err(Failed::new("forbidden", format!("`{}` may not `{}`", request.client, command.as_str())));
        }
        let time: Timestamp = request
            .time
            .parse()
            .map_err(|_| Failed::new("malformed", "`time` is no time such as 2026-11-25T08:00:00Z"))?;
        if now.duration_since(time).abs() > FRESH {
            let text = format!("its time is not now: the site's clock says {now:.0}");
            return Err(Failed::new("stale", text));
        }
        self.remember(format!("{}/{}", request.client, request.id), time, now)?;
        let (client, id) = (request.client.to_owned(), request.id.chars().take(64).collect());
        Ok(Admitted { client, id, command, arguments: arguments.to_owned() })
    }

    fn remember(&mut self, id: String, time: Timestamp, now: Timestamp) -> Result<(), Failed> {
        // What is older is refused for its age.
        self.seen.retain(|(time, _)| now.duration_since(*time) <= FRESH);
        if self.seen.iter().any(|(_, known)| *known == id) {
            return Err(Failed::new("repeated", "this request was done already"));
        }
        if self.seen.len() >= MOST_REMEMBERED {
            return Err(Failed::new("busy", "there were too many requests in the last minute"));
        }
        self.seen.push_back((time, id));
        Ok(())
    }
}

/// What is signed: all that a request says, and where it is said.
fn text(site: &SiteId, command: &str, client: &str, id: &str, time: &str, arguments: &str) -> String {
    format!("{site}\n{command}\n{client}\n{id}\n{time}\n{arguments}")
}

/// Whether an answer may go there: whoever may send requests must not make the site say what it does not mean.
pub(super) fn reply_topic(site: &SiteId, topic: &str) -> Result<(), String> {
    let own = topic.starts_with(&format!("{}/", topics::ROOT)) && !topic.starts_with(&topics::answers(site));
    if own || topic.starts_with('$') || topic.contains(['+', '#', '\0']) || topic.is_empty() {
        return Err(format!(
            "an answer was asked for on `{topic:.100}`: answers go outside of `{}/`, or below `{}`",
            topics::ROOT,
            topics::answers(site)
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parapet_contracts::Secret;

    use super::*;

    const NOW: &str = "2026-11-25T08:00:00Z";

    fn gate() -> Gate {
        let client = |key: &str, may: &[RemoteCommand]| RemoteClient {
            key: Secret::new(key),
            may: may.iter().copied().collect(),
        };
        let clients = [
            ("room".to_owned(), client("a key of the room", &RemoteCommand::ALL)),
            ("guest".to_owned(), client("a key of a guest", &[RemoteCommand::Snapshot])),
        ];
        Gate::new("yard".parse().unwrap(), clients.into())
    }

    fn signed(key: &str, command: &str, client: &str, id: &str, time: &str, arguments: &str) -> Vec<u8> {
        let signed = text(&"yard".parse().unwrap(), command, client, id, time, arguments);
        let signature =
            STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), signed.as_bytes()));
        format!(
            r#"{{"client":"{client}","id":"{id}","time":"{time}","arguments":{arguments},"signature":"{signature}"}}"#
        )
        .into_bytes()
    }

    fn code(gate: &mut Gate, name: &str, payload: &[u8]) -> Result<String, &'static str> {
        gate.admit(name, payload, NOW.parse().unwrap()).map(|admitted| admitted.arguments).map_err(|failed| failed.code)
    }

    #[test]
    fn only_what_is_signed_fresh_new_and_permitted_comes_in() {
        let mut gate = gate();
        let room = "a key of the room";
        let arguments = r#"{"camera": "gate",  "x": 1.50}"#;
        let good = signed(room, "snapshot", "room", "1", NOW, arguments);
        assert_eq!(code(&mut gate, "snapshot", &good), Ok(arguments.to_owned()), "as it was written");
        assert_eq!(code(&mut gate, "snapshot", &good), Err("repeated"));
        assert_eq!(code(&mut gate, "silence", &good), Err("unauthorised"), "the command is signed, too");
        let other = String::from_utf8(good).unwrap().replace("gate", "door");
        assert_eq!(code(&mut gate, "snapshot", other.as_bytes()), Err("unauthorised"));
        for (payload, expected) in [
            (signed("wrong", "snapshot", "room", "2", NOW, "{}"), "unauthorised"),
            (signed(room, "snapshot", "nobody", "2", NOW, "{}"), "unauthorised"),
            (signed(room, "snapshot", "room", "2", "2026-11-25T07:58:59Z", "{}"), "stale"),
            (signed(room, "snapshot", "room", "2", "2026-11-25T08:01:01Z", "{}"), "stale"),
            (signed(room, "snapshot", "room", "2", "yesterday", "{}"), "malformed"),
            (signed("a key of a guest", "silence", "guest", "2", NOW, "{}"), "unauthorised"),
            (b"{}".to_vec(), "malformed"),
            (b"\xff".to_vec(), "malformed"),
            (vec![b' '; MOST_BYTES + 1], "malformed"),
        ] {
            assert_eq!(code(&mut gate, "snapshot", &payload), Err(expected), "{}", String::from_utf8_lossy(&payload));
        }
        assert_eq!(
            code(&mut gate, "silence", &signed("a key of a guest", "silence", "guest", "2", NOW, "{}")),
            Err("forbidden")
        );
        assert_eq!(code(&mut gate, "reboot", &signed(room, "reboot", "room", "3", NOW, "{}")), Err("unknown_command"));
        assert_eq!(
            code(&mut gate, "snapshot", &signed("a key of a guest", "snapshot", "guest", "1", NOW, "{}")),
            Ok("{}".to_owned()),
            "ids are each client's own"
        );
    }

    #[test]
    fn answers_go_where_they_can_be_taken_for_nothing_else() {
        let site = "yard".parse().unwrap();
        for good in ["room/answers", "parapet/yard/answers/room"] {
            assert_eq!(reply_topic(&site, good), Ok(()));
        }
        for bad in ["", "parapet/yard/alerts", "parapet/other/answers/x", "parapet/yard/answers", "a/#", "$SYS/x"] {
            assert!(reply_topic(&site, bad).is_err(), "{bad}");
        }
    }
}
