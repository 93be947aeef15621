//! Cursors: which list, and the place of the last item that was given. A cursor stays good while things are written and removed.

use parapet_contracts::{ErrorKind, ports::store::StoreError};

use parapet_contracts::hex;

use crate::keys::TAIL;

/// The version of the form below.
const VERSION: u8 = 1;

/// Which list a cursor belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum List {
    /// Alerts.
    Alerts = b'a',
    /// Error records.
    Errors = b'e',
}

/// The cursor after the item at `place`.
pub fn after(list: List, place: &[u8; TAIL]) -> String {
    let head = [VERSION, list as u8];
    let check = head.iter().chain(place).fold(0_u8, |sum, byte| sum.rotate_left(1) ^ byte);
    hex(&[head.as_slice(), place, &[check]].concat())
}

/// The place in a cursor.
///
/// # Errors
/// `bad_cursor` when the text is no cursor, or one of another list.
pub fn place(list: List, cursor: &str) -> Result<[u8; TAIL], StoreError> {
    let parsed = (|| {
        let bytes = unhex(cursor)?;
        let place: [u8; TAIL] = bytes.get(2..2 + TAIL)?.try_into().ok()?;
        (after(list, &place) == cursor).then_some(place)
    })();
    parsed.ok_or_else(|| StoreError {
        kind: ErrorKind::Reject,
        code: "bad_cursor",
        text: format!(
            "the cursor is none that this list of {} gave: begin again without one",
            match list {
                List::Alerts => "alerts",
                List::Errors => "errors",
            }
        ),
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 2 * (2 + TAIL + 1) {
        return None;
    }
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    text.as_bytes().as_chunks::<2>().0.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_leads_back_to_its_place(bytes in any::<[u8; TAIL]>()) {
            let cursor = after(List::Alerts, &bytes);
            prop_assert_eq!(place(List::Alerts, &cursor).unwrap(), bytes);
            prop_assert!(place(List::Errors, &cursor).is_err());
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            prop_assert!(place(List::Alerts, &text).is_err());
        }

        #[test]
        fn a_changed_digit_is_noticed(bytes in any::<[u8; TAIL]>(), at in 0..60_usize) {
            let mut cursor = after(List::Errors, &bytes).into_bytes();
            cursor[at] = if cursor[at] == b'0' { b'1' } else { b'0' };
            prop_assert!(place(List::Errors, std::str::from_utf8(&cursor).unwrap()).is_err());
        }
    }
}
