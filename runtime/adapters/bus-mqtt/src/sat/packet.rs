//! The AUTH packet (MQTT 5, 3.15).

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The method's name, in CONNECT and in AUTH.
pub(crate) const METHOD: &str = "K8S-SAT";
/// The largest token: a length of binary data has two bytes (MQTT 5, 1.5.6).
pub(crate) const LARGEST_TOKEN: usize = u16::MAX as usize;

/// The type of the packet, in the upper half of its first byte.
pub(crate) const AUTH: u8 = 0xF0;
/// The type of a CONNACK.
pub(crate) const CONNACK: u8 = 0x20;

/// The exchange has succeeded.
pub(crate) const SUCCESS: u8 = 0x00;
/// The exchange goes on: the other side is asked once more.
pub(crate) const CONTINUE: u8 = 0x18;
/// The client begins an exchange.
pub(crate) const REAUTHENTICATE: u8 = 0x19;

const AUTHENTICATION_METHOD: u8 = 0x15;
const AUTHENTICATION_DATA: u8 = 0x16;
const REASON_STRING: u8 = 0x1F;
const USER_PROPERTY: u8 = 0x26;

/// What the broker says in an AUTH packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Auth {
    /// 0x00 or 0x18.
    pub(crate) reason: u8,
    /// Words for people, when it gives some.
    pub(crate) text: Option<String>,
}

/// An AUTH packet with a token.
pub(crate) fn encode(reason: u8, token: &[u8]) -> Bytes {
    let properties = 1 + 2 + METHOD.len() + 1 + 2 + token.len();
    let mut packet = BytesMut::with_capacity(token.len() + 32);
    packet.put_u8(AUTH);
    put_variable(&mut packet, 1 + variable_length(properties) + properties);
    packet.put_u8(reason);
    put_variable(&mut packet, properties);
    packet.put_u8(AUTHENTICATION_METHOD);
    put_binary(&mut packet, METHOD.as_bytes());
    packet.put_u8(AUTHENTICATION_DATA);
    put_binary(&mut packet, token);
    packet.freeze()
}

/// Reads a whole AUTH packet.
///
/// # Errors
/// When it is none.
pub(crate) fn decode(packet: &[u8]) -> Result<Auth, Malformed> {
    let mut rest = packet;
    if take_u8(&mut rest)? != AUTH {
        return Err(Malformed);
    }
    let remaining = take_variable(&mut rest)?;
    if remaining != rest.len() {
        return Err(Malformed);
    }
    // Without a reason code it is a success (3.15.2.1).
    if rest.is_empty() {
        return Ok(Auth { reason: SUCCESS, text: None });
    }
    let mut auth = Auth { reason: take_u8(&mut rest)?, text: None };
    if rest.is_empty() {
        return Ok(auth);
    }
    if take_variable(&mut rest)? != rest.len() {
        return Err(Malformed);
    }
    while !rest.is_empty() {
        match take_u8(&mut rest)? {
            AUTHENTICATION_METHOD | AUTHENTICATION_DATA => drop(take_binary(&mut rest)?),
            REASON_STRING => {
                let text = std::str::from_utf8(take_binary(&mut rest)?).map_err(|_| Malformed)?;
                auth.text = Some(text.to_owned());
            }
            USER_PROPERTY => {
                take_binary(&mut rest)?;
                take_binary(&mut rest)?;
            }
            _ => return Err(Malformed),
        }
    }
    Ok(auth)
}

/// This is no AUTH packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a malformed AUTH packet")]
pub(crate) struct Malformed;

fn put_binary(packet: &mut BytesMut, data: &[u8]) {
    // Neither the method nor a token is longer: `token::read` refuses it.
    packet.put_u16(u16::try_from(data.len()).unwrap_or(u16::MAX));
    packet.put_slice(data);
}

fn put_variable(packet: &mut BytesMut, mut value: usize) {
    loop {
        let more = value >= 128;
        packet.put_u8((value % 128) as u8 | if more { 128 } else { 0 });
        value /= 128;
        if !more {
            return;
        }
    }
}

fn variable_length(value: usize) -> usize {
    match value {
        0..128 => 1,
        128..16_384 => 2,
        16_384..2_097_152 => 3,
        _ => 4,
    }
}

fn take_u8(rest: &mut &[u8]) -> Result<u8, Malformed> {
    rest.try_get_u8().map_err(|_| Malformed)
}

fn take_variable(rest: &mut &[u8]) -> Result<usize, Malformed> {
    let mut value = 0;
    for place in 0..4 {
        let byte = take_u8(rest)?;
        value |= usize::from(byte & 127) << (7 * place);
        if byte & 128 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

fn take_binary<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let length = usize::from(rest.try_get_u16().map_err(|_| Malformed)?);
    let (data, after) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = after;
    Ok(data)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_packet_is_as_the_standard_says() {
        let packet = encode(REAUTHENTICATE, b"abc");
        assert_eq!(&packet[..], b"\xF0\x12\x19\x10\x15\x00\x07K8S-SAT\x16\x00\x03abc");
        assert_eq!(decode(&packet), Ok(Auth { reason: REAUTHENTICATE, text: None }));
        let long = encode(CONTINUE, &[b'x'; LARGEST_TOKEN]);
        assert_eq!(decode(&long).unwrap().reason, CONTINUE);
    }

    #[test]
    fn what_a_broker_says_is_read() {
        let success = Auth { reason: SUCCESS, text: None };
        assert_eq!(decode(b"\xF0\x00"), Ok(success.clone()));
        assert_eq!(decode(b"\xF0\x02\x00\x00"), Ok(success));
        let told = decode(b"\xF0\x0E\x18\x0C\x1F\x00\x02no\x26\x00\x01a\x00\x01b").unwrap();
        assert_eq!(told, Auth { reason: CONTINUE, text: Some("no".into()) });
    }

    #[test]
    fn a_torn_or_strange_packet_is_no_panic() {
        let packet = encode(REAUTHENTICATE, b"abc");
        for end in 0..packet.len() {
            assert_eq!(decode(&packet[..end]), Err(Malformed), "{end}");
        }
        for strange in
            [&b"\xF0\x03\x00\x01\x99"[..], b"\xF0\x06\x00\x04\x1F\x00\x01\xFF", b"\x20\x00", b"\xF0\xFF\xFF\xFF\xFF"]
        {
            assert_eq!(decode(strange), Err(Malformed));
        }
    }
}
