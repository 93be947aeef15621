//! The fate of a mail with several receivers. Pure.
//!
//! Who has got it gets it no second time while the others are tried again; whoever is not ready for long, while others got it, keeps nothing
//! else from being sent.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use parapet_contracts::{ErrorKind, ports::sink::SinkError};

use crate::session::Answer;

/// So long a receiver may be "not ready" while others have got the mail.
const PATIENCE: Duration = Duration::from_secs(600);

/// A mail on its way: what each receiver's server has said so far.
pub(crate) struct Delivery {
    /// Whose it is.
    pub(crate) message_id: String,
    /// The last answer for each receiver, by its place in the list.
    answers: BTreeMap<usize, Answer>,
    partly_since: Option<Instant>,
}

impl Delivery {
    pub(crate) fn new(message_id: String) -> Self {
        Self { message_id, answers: BTreeMap::new(), partly_since: None }
    }

    /// Who has not got it yet, and was not refused for good.
    pub(crate) fn open(&self, receivers: usize) -> Vec<usize> {
        let open = |index: &usize| match self.answers.get(index) {
            None => true,
            Some(Ok(())) => false,
            Some(Err(error)) => error.kind != ErrorKind::Reject,
        };
        (0..receivers).filter(open).collect()
    }

    pub(crate) fn note(&mut self, index: usize, answer: Answer, now: Instant) {
        if answer.is_ok() {
            self.partly_since.get_or_insert(now);
        }
        self.answers.insert(index, answer);
    }

    /// What becomes of the mail; `names` are the receivers.
    pub(crate) fn fate(&self, names: &[String], now: Instant) -> Result<(), SinkError> {
        let name = |index: &usize| names.get(*index).map(String::as_str).unwrap_or_default();
        let errors: Vec<(&usize, &SinkError)> = self
            .answers
            .iter()
            .filter_map(|(index, answer)| answer.as_ref().err().map(|error| (index, error)))
            .collect();
        let Some((_, first)) = errors.first() else { return Ok(()) };
        let told: Vec<String> =
            errors.iter().map(|(index, error)| format!("{}: {}", name(index), error.text)).collect();
        let told = told.join("; ");
        let got: Vec<&str> =
            self.answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(index, _)| name(index)).collect();
        let later = errors.iter().any(|(_, error)| error.kind != ErrorKind::Reject);
        match (got.is_empty(), later) {
            (true, true) => {
                let waits = errors.iter().find(|(_, error)| error.kind != ErrorKind::Reject).map_or(*first, |(_, e)| e);
                Err(SinkError { text: told, ..waits.clone() })
            }
            (true, false) => Err(SinkError { text: told, ..(*first).clone() }),
            (false, true) if self.partly_since.is_none_or(|since| now.saturating_duration_since(since) < PATIENCE) => {
                Err(SinkError::retry("busy", format!("{} got it, and not all: {told}", got.join(", "))))
            }
            (false, _) => {
                Err(SinkError::reject("refused_in_part", format!("{} got it, and not all: {told}", got.join(", "))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fate(answers: &[Answer], waited: Duration) -> Result<(), (ErrorKind, &'static str, String)> {
        let start = Instant::now();
        let mut delivery = Delivery::new("<1@x>".to_owned());
        for (index, answer) in answers.iter().enumerate() {
            delivery.note(index, answer.clone(), start);
        }
        let names = ["a@x", "b@x"].map(str::to_owned);
        delivery.fate(&names, start + waited).map_err(|error| (error.kind, error.code, error.text))
    }

    #[test]
    fn it_is_sent_when_all_have_got_it_and_refused_only_for_good() {
        let (busy, never) = (|| Err(SinkError::retry("busy", "451 x")), || Err(SinkError::reject("refused", "550 y")));
        let soon = Duration::ZERO;
        assert_eq!(fate(&[Ok(()), Ok(())], soon), Ok(()));
        let all_busy = fate(&[busy(), busy()], PATIENCE * 10).unwrap_err();
        assert_eq!(
            (all_busy.0, all_busy.1),
            (ErrorKind::Retry, "busy"),
            "nobody got it: it waits for as long as it takes"
        );
        assert_eq!(fate(&[never(), busy()], soon).unwrap_err().0, ErrorKind::Retry);
        let refused = fate(&[never(), never()], soon).unwrap_err();
        assert_eq!((refused.0, refused.1), (ErrorKind::Reject, "refused"));
        assert_eq!(refused.2, "a@x: 550 y; b@x: 550 y");
        let partly = fate(&[Ok(()), never()], soon).unwrap_err();
        assert_eq!(
            (partly.0, partly.1, partly.2.as_str()),
            (ErrorKind::Reject, "refused_in_part", "a@x got it, and not all: b@x: 550 y")
        );
        assert_eq!(fate(&[Ok(()), busy()], soon).unwrap_err().0, ErrorKind::Retry);
        assert_eq!(
            fate(&[Ok(()), busy()], PATIENCE).unwrap_err().0,
            ErrorKind::Reject,
            "the others' alerts do not wait for ever"
        );
    }

    #[test]
    fn who_has_got_it_gets_it_no_second_time() {
        let mut delivery = Delivery::new("<1@x>".to_owned());
        assert_eq!(delivery.open(3), [0, 1, 2]);
        delivery.note(0, Ok(()), Instant::now());
        delivery.note(1, Err(SinkError::retry("busy", "451")), Instant::now());
        delivery.note(2, Err(SinkError::reject("refused", "550")), Instant::now());
        assert_eq!(delivery.open(3), [1]);
    }
}
