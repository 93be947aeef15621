//! Bytes as text.

use std::fmt::Write as _;

/// Bytes as hexadecimal digits, two each, in lower case: as hashes stand in records and names.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        // A text takes what is written.
        write!(out, "{byte:02x}").ok();
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
        assert_eq!(hex(&[]), "");
    }
}
