//! Compression: `compress(value, 'gzip')` and back, by zlib, gzip, flate (deflate without a header) and zstd.
//!
//! What is compressed is a text or bytes; what comes out are bytes. What is unpacked may grow to [`LARGEST`] at most, so that
//! a few bytes from outside cannot exhaust the memory.

use std::io::{self, Read, Write};
use std::sync::Arc;

use flate2::{Compression, read, write};
use ruzstd::{decoding::StreamingDecoder, encoding};

use super::check::Arg;
use super::{Check, Env, Function, Nulls, arg, fail};
use crate::ast::{Expr, ExprKind};
use crate::error::EvalError;
use crate::value::{Value, go_text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::scalar("compress", Check::By(check), Nulls::Null, compress),
    Function::scalar("decompress", Check::By(check), Nulls::Null, decompress),
];

const METHODS: [&str; 4] = ["zlib", "gzip", "flate", "zstd"];

/// The most bytes that something is unpacked to.
const LARGEST: u64 = 16 << 20;

fn check(args: &[Expr]) -> Result<(), String> {
    Check::Types(&[Arg::Text, Arg::Text]).run(args)?;
    match args.get(1).map(|method| &method.kind) {
        Some(ExprKind::Str(method)) if !METHODS.contains(&method.as_ref()) => Err(unknown(method)),
        _ => Ok(()),
    }
}

fn unknown(method: &str) -> String {
    format!("compression by {method} is not known; there are {}", METHODS.join(", "))
}

fn input(args: &[Value]) -> Result<Arc<[u8]>, EvalError> {
    match arg(args, 0) {
        Value::Bytes(bytes) => Ok(Arc::clone(bytes)),
        Value::Str(text) => Ok(Arc::from(text.as_bytes())),
        other => fail(format!("require string or bytea parameter, but got {}", other.shown())),
    }
}

fn compress(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let (bytes, method) = (input(args)?, go_text(arg(args, 1)));
    let level = Compression::default();
    let packed = match method.as_str() {
        "zlib" => packed(write::ZlibEncoder::new(Vec::new(), level), &bytes, write::ZlibEncoder::finish),
        "gzip" => packed(write::GzEncoder::new(Vec::new(), level), &bytes, write::GzEncoder::finish),
        "flate" => packed(write::DeflateEncoder::new(Vec::new(), level), &bytes, write::DeflateEncoder::finish),
        "zstd" => Ok(encoding::compress_to_vec(bytes.as_ref(), encoding::CompressionLevel::Fastest)),
        other => return fail(unknown(other)),
    };
    packed.map(|packed| Value::Bytes(packed.into())).map_err(|e| EvalError::new(format!("cannot compress: {e}")))
}

fn packed<W: Write>(
    mut encoder: W,
    bytes: &[u8],
    finish: impl FnOnce(W) -> io::Result<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    encoder.write_all(bytes)?;
    finish(encoder)
}

fn decompress(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let (bytes, method) = (input(args)?, go_text(arg(args, 1)));
    let bytes = bytes.as_ref();
    let unpacked = match method.as_str() {
        "zlib" => unpacked(read::ZlibDecoder::new(bytes)),
        "gzip" => unpacked(read::MultiGzDecoder::new(bytes)),
        "flate" => unpacked(read::DeflateDecoder::new(bytes)),
        "zstd" => StreamingDecoder::new(bytes).map_err(io::Error::other).and_then(unpacked),
        other => return fail(unknown(other)),
    };
    let unpacked =
        unpacked.map_err(|e| EvalError::new(format!("this is nothing that {method} has compressed: {e}")))?;
    if unpacked.len() as u64 > LARGEST {
        return fail(format!("unpacked it has more than {LARGEST} bytes"));
    }
    Ok(Value::Bytes(unpacked.into()))
}

/// One byte more than is allowed shows that it is too much.
fn unpacked(decoder: impl Read) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    decoder.take(LARGEST + 1).read_to_end(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::value::Zone;

    fn call(function: Exec, value: Value, method: &str) -> Result<Value, EvalError> {
        function(&Env::new("rule", 0, Zone::UTC), &[value, Value::str(method)])
    }

    type Exec = fn(&Env, &[Value]) -> Result<Value, EvalError>;

    #[test]
    fn what_is_compressed_comes_back_by_each_method() {
        let text = "somebody is at the gate, ".repeat(200);
        for method in METHODS {
            let packed = call(compress, Value::str(&text), method).unwrap();
            let Value::Bytes(bytes) = &packed else { panic!("{method} gives bytes, not {packed:?}") };
            assert!(bytes.len() < text.len() / 4, "{method}: {} bytes", bytes.len());
            let unpacked = call(decompress, packed, method).unwrap();
            assert_eq!(unpacked, Value::Bytes(text.as_bytes().into()), "{method}");
        }
    }

    #[test]
    fn what_others_have_compressed_is_read() {
        // `printf hello | gzip -n`, and the same by zlib and as a frame of zstd, taken from their tools.
        let gzip = [
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36, 5, 0, 0, 0,
        ];
        let zlib = [0x78, 0x9c, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 6, 0x2c, 2, 0x15];
        for (method, packed) in [("gzip", &gzip[..]), ("zlib", &zlib[..])] {
            let unpacked = call(decompress, Value::Bytes(packed.into()), method).unwrap();
            assert_eq!(unpacked, Value::Bytes(b"hello"[..].into()), "{method}");
        }
    }

    #[test]
    fn what_is_none_or_too_much_is_refused() {
        for method in METHODS {
            assert!(call(decompress, Value::str("hello"), method).is_err(), "{method}");
        }
        let zeros = Value::Bytes(vec![0; usize::try_from(LARGEST).unwrap() + 1].into());
        let packed = call(compress, zeros, "zlib").unwrap();
        assert!(call(decompress, packed, "zlib").unwrap_err().to_string().contains("more than"));
        assert!(call(compress, Value::str("x"), "rar").unwrap_err().to_string().contains("zlib, gzip, flate, zstd"));
        assert!(call(compress, Value::Int(1), "zlib").unwrap_err().to_string().contains("string or bytea"));
    }
}
