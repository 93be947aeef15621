//! What an answer says of an item. Pure.

use std::time::{Duration, SystemTime};

use parapet_contracts::ports::sink::SinkError;
use reqwest::StatusCode;

/// The fate of an item that was answered like this; `shown` is the address without its query.
pub(crate) fn fate(status: StatusCode, retry_after: Option<Duration>, shown: &str) -> Result<(), SinkError> {
    let text = format!("{shown} answers {status}");
    match status {
        status if status.is_success() => Ok(()),
        StatusCode::TOO_MANY_REQUESTS => Err(SinkError::retry("throttled", text).after(retry_after)),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => Err(SinkError::retry("busy", text).after(retry_after)),
        status if status.is_server_error() => Err(SinkError::retry("busy", text).after(retry_after)),
        StatusCode::PAYLOAD_TOO_LARGE => Err(SinkError::reject("too_large", text)),
        status if status.is_redirection() => {
            let text = format!("{text}: it was not followed; give the address that it leads to");
            Err(SinkError::reject("redirected", text))
        }
        _ => Err(SinkError::reject("refused", text)),
    }
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    httpdate::parse_http_date(value).ok().map(|at| at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parapet_contracts::ErrorKind;

    use super::*;

    #[test]
    fn the_status_decides() {
        let of = |code: u16| {
            let fate = fate(StatusCode::from_u16(code).unwrap(), Some(Duration::from_secs(7)), "http://x/");
            fate.map_err(|error| (error.kind, error.code, error.retry_after.map(|pause| pause.as_secs())))
        };
        use ErrorKind::{Reject, Retry};
        assert_eq!((of(200), of(204)), (Ok(()), Ok(())));
        for (code, word) in
            [(408, "busy"), (425, "busy"), (429, "throttled"), (500, "busy"), (503, "busy"), (599, "busy")]
        {
            assert_eq!(of(code), Err((Retry, word, Some(7))), "{code}");
        }
        for (code, word) in [(400, "refused"), (401, "refused"), (404, "refused"), (410, "refused"), (413, "too_large")]
        {
            assert_eq!(of(code), Err((Reject, word, None)), "{code}");
        }
        assert_eq!(of(302), Err((Reject, "redirected", None)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:07 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO), "what is past is now");
        for nonsense in ["", "-1", "soon", "1.5"] {
            assert_eq!(retry_after(nonsense, now), None, "{nonsense}");
        }
    }
}
