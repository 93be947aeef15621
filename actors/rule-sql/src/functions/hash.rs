//! Digests and checksums, as lower-case hexadecimal.

use md5::Digest as _;

use super::check::Arg;
use super::{Check, Function, Nulls, arg};
use crate::value::{Value, go_text};

const ONE: Check = Check::Types(&[Arg::Text]);

macro_rules! digest {
    ($name:literal, $hasher:ty) => {
        Function::scalar($name, ONE, Nulls::Null, |_, a| Ok(hex(&<$hasher>::digest(bytes(a)))))
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    digest!("md5", md5::Md5),
    digest!("sha1", sha1::Sha1),
    digest!("sha256", sha2::Sha256),
    digest!("sha384", sha2::Sha384),
    digest!("sha512", sha2::Sha512),
    Function::scalar("crc32", ONE, Nulls::Null, |_, a| Ok(Value::from(format!("{:x}", crc32fast::hash(&bytes(a)))))),
];

fn bytes(args: &[Value]) -> Vec<u8> {
    match arg(args, 0) {
        Value::Bytes(b) => b.to_vec(),
        other => go_text(other).into_bytes(),
    }
}

fn hex(bytes: &[u8]) -> Value {
    Value::from(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
}
