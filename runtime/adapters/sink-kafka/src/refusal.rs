//! What an error of librdkafka says of a record: later, never, or that another producer is needed. Pure.

use parapet_contracts::{ErrorKind, ports::sink::SinkError};
use rdkafka::types::RDKafkaErrorCode as Code;

/// Whether this is for ever, a stable word, and what to do about it.
fn judged(code: Code) -> (ErrorKind, &'static str, &'static str) {
    use ErrorKind::{Reject, Retry};
    match code {
        Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge => {
            (Reject, "too_large", "the brokers or the topic take less: lower `max_message`, or raise theirs")
        }
        Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::PolicyViolation
        | Code::UnsupportedForMessageFormat
        | Code::InvalidTopic => (Reject, "refused", ""),
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicId => {
            (Retry, "not_found", "is the topic there?")
        }
        Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState => (Retry, "unauthorised", "check the credentials and what they may do"),
        Code::ThrottlingQuotaExceeded => (Retry, "throttled", ""),
        Code::NotEnoughReplicas
        | Code::NotEnoughReplicasAfterAppend
        | Code::KafkaStorageError
        | Code::RequestTimedOut
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::QueueFull => (Retry, "busy", ""),
        // The link, the producer, and whatever else a version of the brokers may say: it waits, and tells why.
        _ => (Retry, "disconnected", ""),
    }
}

/// The fate of a record that met this error; `shown` says where.
pub(crate) fn fate(code: Code, shown: &str) -> SinkError {
    let (kind, word, help) = judged(code);
    let text =
        if help.is_empty() { format!("{shown}: {}", words(code)) } else { format!("{shown}: {}: {help}", words(code)) };
    SinkError { kind, code: word, text, retry_after: None }
}

/// An error in librdkafka's own words.
pub(crate) fn words(code: Code) -> String {
    let text = code.to_string();
    // `MessageSizeTooLarge (Broker: Message size too large)`: the part for people is in the brackets.
    match text.split_once('(') {
        Some((_, rest)) => rest.strip_suffix(')').unwrap_or(rest).trim().to_owned(),
        None => text,
    }
}

/// Whether the brokers have refused a record for what it is, or for what came with it in its batch.
pub(crate) fn is_refused(code: Code) -> bool {
    judged(code).0 == ErrorKind::Reject
}

/// What librdkafka tells of a connection, without what differs each time, so that repeats are one record of the journal.
pub(crate) fn steady(reason: &str) -> String {
    let mut text = reason;
    for tail in [" (after ", " (in state", ": (errno"] {
        text = text.split(tail).next().unwrap_or(text);
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_succeed_is_told_apart_from_what_may() {
        let of = |code: Code| (judged(code).0, judged(code).1);
        for code in [Code::MessageSizeTooLarge, Code::MessageBatchTooLarge] {
            assert_eq!(of(code), (ErrorKind::Reject, "too_large"));
        }
        for code in [Code::InvalidRecord, Code::PolicyViolation, Code::InvalidTopic] {
            assert_eq!(of(code), (ErrorKind::Reject, "refused"));
        }
        for (code, word) in [
            (Code::UnknownTopic, "not_found"),
            (Code::TopicAuthorizationFailed, "unauthorised"),
            (Code::SaslAuthenticationFailed, "unauthorised"),
            (Code::ThrottlingQuotaExceeded, "throttled"),
            (Code::NotEnoughReplicas, "busy"),
            (Code::MessageTimedOut, "disconnected"),
            (Code::GaplessGuarantee, "disconnected"),
            (Code::PurgeInflight, "disconnected"),
            (Code::Unknown, "disconnected"),
        ] {
            assert_eq!(of(code), (ErrorKind::Retry, word), "{code:?}");
        }
    }

    #[test]
    fn a_refusal_says_where_and_what_to_do() {
        let error = fate(Code::MessageSizeTooLarge, "alerts at a:1");
        assert_eq!(
            error.text,
            "alerts at a:1: Broker: Message size too large: the brokers or the topic take less: lower `max_message`, or raise theirs"
        );
    }

    #[test]
    fn what_differs_each_time_is_left_out() {
        assert_eq!(
            steady(
                "sasl_ssl://x:9093/bootstrap: SASL authentication error: no (after 345ms in state AUTH_REQ, 3 identical error(s) suppressed)"
            ),
            "sasl_ssl://x:9093/bootstrap: SASL authentication error: no"
        );
        assert_eq!(steady(" 1/1 brokers are down "), "1/1 brokers are down");
    }
}
