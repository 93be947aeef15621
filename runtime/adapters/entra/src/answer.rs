//! What an answer says. Pure.

use std::time::Duration;

use parapet_contracts::{ErrorKind, Secret};
use serde::Deserialize;

use crate::EntraError;

/// The longest text of the service that is told.
const LONGEST: usize = 200;

/// A token as the endpoints give it: seconds are a number, or a text of one.
#[derive(Deserialize)]
struct Given {
    access_token: String,
    #[serde(default)]
    expires_in: Option<Seconds>,
    #[serde(default)]
    expires_on: Option<Seconds>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

impl Seconds {
    fn get(&self) -> Option<u64> {
        match self {
            Self::Number(seconds) => Some(*seconds),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

/// Why none is given (RFC 6749, 5.2).
#[derive(Deserialize, Default)]
#[serde(default)]
struct Refusal {
    error: String,
    error_description: String,
}

/// The token of an answer, and how long it lives from now.
pub(crate) fn token(status: u16, body: &str, shown: &str, secrets: &[&str]) -> Result<(Secret, Duration), EntraError> {
    if status == 200 {
        let malformed = || EntraError::new(ErrorKind::Retry, "busy", format!("{shown} answers with what is no token"));
        let given: Given = serde_json::from_str(body).map_err(|_| malformed())?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        // App Service tells the end alone.
        let until = given.expires_on.as_ref().and_then(Seconds::get).map(|end| end.saturating_sub(now));
        let life = given.expires_in.as_ref().and_then(Seconds::get).or(until).ok_or_else(malformed)?;
        if given.access_token.is_empty() || life == 0 {
            return Err(malformed());
        }
        return Ok((Secret::new(given.access_token), Duration::from_secs(life)));
    }
    let why = reason(body, secrets);
    let text = |what: &str| format!("{shown} {what} ({status}{}{why})", if why.is_empty() { "" } else { ": " });
    Err(match status {
        // 404 and 410 are what the endpoint of a machine answers while it is being updated.
        404 | 408 | 410 | 429 | 500.. => EntraError::new(ErrorKind::Retry, "busy", text("gives no token now")),
        _ => EntraError::new(ErrorKind::Fatal, "unauthorised", text("refuses a token")),
    })
}

/// The service's own words: the error's name and the first line of its description, without what must not show.
fn reason(body: &str, secrets: &[&str]) -> String {
    let refusal: Refusal = serde_json::from_str(body).unwrap_or_default();
    let line = refusal.error_description.lines().next().unwrap_or_default();
    let mut text =
        [refusal.error.as_str(), line].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(": ");
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "[secret]");
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(status: u16, body: &str) -> Result<(Secret, Duration), EntraError> {
        token(status, body, "Entra ID", &["canary-7f3a"])
    }

    #[test]
    fn each_form_of_a_token_is_read() {
        let in_an_hour = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 3600;
        for body in [
            r#"{"token_type":"Bearer","expires_in":3599,"access_token":"x"}"#.to_owned(),
            r#"{"expires_in":"3599","expires_on":"1","access_token":"x"}"#.to_owned(),
            format!(r#"{{"expires_on":"{in_an_hour}","access_token":"x"}}"#),
        ] {
            let (token, life) = of(200, &body).unwrap();
            assert!(token.expose() == "x" && (3590..=3600).contains(&life.as_secs()), "{body}: {life:?}");
        }
        for body in [
            "",
            "{}",
            r#"{"access_token":"","expires_in":1}"#,
            r#"{"access_token":"x"}"#,
            r#"{"access_token":"x","expires_in":0}"#,
        ] {
            assert_eq!(of(200, body).unwrap_err().kind, ErrorKind::Retry, "{body}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_services_words_without_the_secret() {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret canary-7f3a provided.\r\nTrace ID: 1"}"#;
        let error = of(401, body).unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::Fatal, "unauthorised"));
        assert_eq!(
            error.text,
            "Entra ID refuses a token (401: invalid_client: AADSTS7000215: Invalid client secret [secret] provided.)"
        );
        for status in [404, 410, 429, 500, 503] {
            assert_eq!(of(status, "<html>").unwrap_err().kind, ErrorKind::Retry, "{status}");
        }
        assert_eq!(
            of(400, "canary").unwrap_err().text,
            "Entra ID refuses a token (400)",
            "what is no answer is not told"
        );
    }
}
